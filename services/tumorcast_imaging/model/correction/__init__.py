"""Corrections of a volume before it is measured or encoded: noise, bias field, intensity scale.

``apply(volume, names)`` gives a new volume and an account that goes into ``Embedding.preparation``.
"""

from tumorcast_imaging.model.correction.bias import N4BiasField
from tumorcast_imaging.model.correction.correction import Correction
from tumorcast_imaging.model.correction.denoising import CurvatureDiffusion
from tumorcast_imaging.model.correction.pipeline import CORRECTIONS, STANDARD, Corrected, apply, correction
from tumorcast_imaging.model.correction.standardization import BodyZScore, ClipHu, NyulScale

__all__ = [
    "CORRECTIONS",
    "STANDARD",
    "BodyZScore",
    "ClipHu",
    "Corrected",
    "Correction",
    "CurvatureDiffusion",
    "N4BiasField",
    "NyulScale",
    "apply",
    "correction",
]
