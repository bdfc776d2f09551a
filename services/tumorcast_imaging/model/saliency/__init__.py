"""Why an encoder's vector is what it is: saliency, where it lies, and whether it stands the deletion test.

``gradient_saliency``, ``randomized`` and ``after_randomization`` bring torch and are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from tumorcast_imaging.model.saliency.deletion import DeletionResult, Walk, deletion_test
from tumorcast_imaging.model.saliency.direction import (
    Direction,
    model_direction,
    norm_direction,
    principal_direction,
    score_along,
)
from tumorcast_imaging.model.saliency.occlusion import occlusion
from tumorcast_imaging.model.saliency.patients import OverPatients, over_patients
from tumorcast_imaging.model.saliency.replacing import Score, local_mean
from tumorcast_imaging.model.saliency.zones import Shares, on_volume, rim_mm, shares

if TYPE_CHECKING:
    from tumorcast_imaging.model.saliency.gradient import gradient_saliency
    from tumorcast_imaging.model.saliency.sanity import after_randomization, randomized

__all__ = [
    "DeletionResult",
    "Direction",
    "OverPatients",
    "Score",
    "Shares",
    "Walk",
    "after_randomization",
    "deletion_test",
    "gradient_saliency",
    "local_mean",
    "model_direction",
    "norm_direction",
    "occlusion",
    "on_volume",
    "over_patients",
    "principal_direction",
    "randomized",
    "rim_mm",
    "score_along",
    "shares",
]


def __getattr__(name: str) -> Any:
    if name == "gradient_saliency":
        from tumorcast_imaging.model.saliency import gradient

        return gradient.gradient_saliency
    if name in ("after_randomization", "randomized"):
        from tumorcast_imaging.model.saliency import sanity

        return getattr(sanity, name)
    raise AttributeError(name)
