"""Prognosis models: what is computed. No protobuf, no gRPC, no Ray."""

from tumorcast_fusion.model.prognosis_model import PrognosisModel
from tumorcast_fusion.model.store import SHIPPED, Model, ModelStore, load_model
from tumorcast_fusion.model.verify import SHA256SUMS, FileCheck, FileStatus, read_sums, verify_files

__all__ = [
    "SHA256SUMS",
    "SHIPPED",
    "FileCheck",
    "FileStatus",
    "Model",
    "ModelStore",
    "PrognosisModel",
    "load_model",
    "read_sums",
    "verify_files",
]
