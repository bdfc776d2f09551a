"""Where FDG goes in healthy people, as rules of place and size.

Rules, not learning: there is no public set of whole-body PET here to learn from. They hold for a scan that shows a
head and at least 70 cm below it; in any other, place says nothing and no rule is applied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.candidates.body import Body

Point = tuple[float, float, float]
_STANDS_OUT = 1.9
"""A contrast that even uptake, noise included, does not reach."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A hot place: its peak, and box and volume at 41 % of it; ``contrast`` is the peak over what lies just around."""

    peak_lps_mm: NDArray[np.float64]
    box_lps_mm: tuple[Point, Point]
    volume_ml: float
    suv_max: float
    contrast: float = 1.0

    @property
    def longest_mm(self) -> float:
        """The longest side of its box."""
        return max(b - a for a, b in zip(*self.box_lps_mm, strict=True))


def physiologic(finding: Finding, body: Body) -> str:
    """The organ whose normal uptake a finding looks like, or an empty string."""
    if not body.with_head:
        return ""
    beside, below = body.beside_mm(finding.peak_lps_mm), body.below_top_mm(finding.peak_lps_mm)
    return next((organ for organ, holds in _RULES.items() if holds(finding, beside, below)), "")


def _brain(finding: Finding, beside: float, below: float) -> bool:
    """High in the head, and much of it as hot."""
    return below < 170 and abs(beside) < 90 and finding.volume_ml > 60


def _salivary_or_tonsil(finding: Finding, beside: float, below: float) -> bool:
    """Small and moderate at the base of the skull, off the midline."""
    return 120 < below < 210 and 8 < abs(beside) < 65 and finding.suv_max < 6 and finding.volume_ml < 25


def _heart(finding: Finding, beside: float, below: float) -> bool:
    """A ring left of the midline at the height of the lower lungs."""
    return 260 < below < 440 and 0 < beside < 110 and finding.volume_ml > 45


def _kidney(finding: Finding, beside: float, below: float) -> bool:
    """On either side of the spine below the lungs, as large as a kidney or as hot as its pelvis."""
    placed = 440 < below < 660 and 30 < abs(beside) < 110
    large = 25 < finding.volume_ml < 400
    return placed and (large or (finding.suv_max > 8 and finding.longest_mm > 25))


def _bladder(finding: Finding, beside: float, below: float) -> bool:
    """Very hot, large and in the middle of the pelvis."""
    return 660 < below < 860 and abs(beside) < 45 and finding.volume_ml > 30


def _liver_or_spleen(finding: Finding, beside: float, below: float) -> bool:
    """A large organ of even, low uptake."""
    even = finding.suv_max < 6 and finding.contrast < _STANDS_OUT
    return 380 < below < 600 and finding.volume_ml > 300 and even and abs(beside) < 170


def _bowel(finding: Finding, beside: float, below: float) -> bool:
    """Long and moderate in the abdomen."""
    long = finding.longest_mm > 60 and finding.contrast < _STANDS_OUT
    return 420 < below < 800 and abs(beside) < 130 and long and finding.suv_max < 9


_RULES: dict[str, Callable[[Finding, float, float], bool]] = {
    "brain": _brain,
    "salivary gland or tonsil": _salivary_or_tonsil,
    "heart": _heart,
    "kidney": _kidney,
    "bladder": _bladder,
    "liver or spleen": _liver_or_spleen,
    "bowel": _bowel,
}
