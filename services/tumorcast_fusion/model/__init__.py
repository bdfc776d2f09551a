"""Prognosis models: what is computed. No protobuf, no gRPC, no Ray."""

from tumorcast_fusion.model.prognosis_model import PrognosisModel
from tumorcast_fusion.model.store import SHIPPED, ModelStore

__all__ = ["SHIPPED", "ModelStore", "PrognosisModel"]
