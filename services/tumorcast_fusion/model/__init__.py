"""Prognosis models: what is computed. No protobuf, no gRPC, no Ray."""

from tumorcast_fusion.model.prognosis_model import PrognosisModel
from tumorcast_fusion.model.store import SHIPPED, ModelStore
from tumorcast_fusion.model.verify import FileCheck, FileStatus, verify_files

__all__ = ["SHIPPED", "FileCheck", "FileStatus", "ModelStore", "PrognosisModel", "verify_files"]
