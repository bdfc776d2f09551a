"""What is computed from a study: lesion measures, crops and embeddings. The façade for in-process use.

``Encoder`` brings torch (2 s) and is imported on first use, so that a process that only prepares studies does without.
"""

from typing import TYPE_CHECKING, Any

from tumorcast_imaging.model.architectures import ResNetArchitecture
from tumorcast_imaging.model.crop import Crop, crop_of, cut
from tumorcast_imaging.model.lesions.size import Size, measure
from tumorcast_imaging.model.manifest import SHIPPED, CropSpec, EncoderManifest, Window
from tumorcast_imaging.model.ports import CropEncoder, Encoded, Instance, StoredInstance, StudyReader, StudyStore
from tumorcast_imaging.model.study import PreparedStudy, Ready, encode_study, finish, prepare_study

if TYPE_CHECKING:
    from tumorcast_imaging.model.encoder import Encoder, best_precision

__all__ = [
    "SHIPPED",
    "Crop",
    "CropEncoder",
    "CropSpec",
    "Encoded",
    "Encoder",
    "EncoderManifest",
    "Instance",
    "PreparedStudy",
    "Ready",
    "ResNetArchitecture",
    "Size",
    "StoredInstance",
    "StudyReader",
    "StudyStore",
    "Window",
    "best_precision",
    "crop_of",
    "cut",
    "encode_study",
    "finish",
    "measure",
    "prepare_study",
]


def __getattr__(name: str) -> Any:
    if name in ("Encoder", "best_precision"):
        from tumorcast_imaging.model import encoder

        return getattr(encoder, name)
    raise AttributeError(name)
