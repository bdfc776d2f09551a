"""Quality of a volume and of the lesions on it: noise, coverage, truncation, motion, contrast phase.

``assess(volume, acquisition, regions)`` gives figures, each with its unit, definition and basis, and doubts with
reason codes. Nothing is refused: whoever uses a volume decides what a doubt means.
"""

from tumorcast_imaging.model.quality.assess import LIMITS, Quality, assess
from tumorcast_imaging.model.quality.figure import NAMES, Basis, Figure
from tumorcast_imaging.model.quality.lesion import LesionQuality

__all__ = ["LIMITS", "NAMES", "Basis", "Figure", "LesionQuality", "Quality", "assess"]
