"""Where a point of one study lies in another, and whether that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.change.overview import Overview, Points
from tumorcast_imaging.model.change.residual import block_residual

SAME_FRAME_MM = 2.0
"""Standard deviation allowed within one frame of reference: contours differ by about a voxel."""
REGISTERED_MM = 3.0
"""Standard deviation added to every registration: organs move against the body that was aligned."""
LEAST_COMMON = 0.2
"""Share of the smaller body that both fields of view must hold."""
_LEAST_BODY_OVERLAP = 0.7
_LEAST_FOUND = 0.4
_MOST_RESIDUAL_MM = 12.0
_POINTS = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A rigid map from points of an earlier study to the same anatomy in a later one (mm LPS).

    ``uncertainty_mm`` is the standard deviation along an axis of where a point comes to lie. ``body_overlap`` is the
    Dice of both bodies within the field of view they share, ``common`` the share of the smaller body in it,
    ``correlation`` Pearson's of both images there, ``residual_mm`` the 75th percentile of the distances at which blocks
    were found again, ``found`` the share that was. ``failed`` says why it is not to be used; "" if it is sound.
    """

    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    method: str = "frame_of_reference"
    uncertainty_mm: float = SAME_FRAME_MM
    failed: str = ""
    body_overlap: float | None = None
    common: float | None = None
    correlation: float | None = None
    residual_mm: float | None = None
    found: float | None = None

    def forward(self, points_mm: Points) -> Points:
        """Points (n, 3) of the earlier study in the later one."""
        return np.asarray(points_mm @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def backward(self, points_mm: Points) -> Points:
        """Points (n, 3) of the later study in the earlier one."""
        return np.asarray((points_mm - self.matrix[:3, 3]) @ np.linalg.inv(self.matrix[:3, :3]).T)


def judge(earlier: Overview, later: Overview) -> Alignment:
    """Take two volumes as they lie, and say whether their anatomy is in one place."""
    return judged(earlier, later, np.eye(4), "frame_of_reference", SAME_FRAME_MM)


def judged(earlier: Overview, later: Overview, matrix: NDArray[np.float64], method: str, floor_mm: float) -> Alignment:
    """An alignment with everything that speaks for or against it; ``floor_mm`` is its least uncertainty."""
    raw = Alignment(matrix, method)
    body = body_points(earlier, _POINTS)
    moved = raw.forward(body)
    shared = later.covers(moved)
    other = body_points(later, _POINTS)
    back = raw.backward(other)
    shared_back = earlier.covers(back)
    common = max(float(shared.mean()), float(shared_back.mean()))
    if common < LEAST_COMMON:
        return Alignment(matrix, method, float("inf"), "NO_COMMON_ANATOMY", common=common)
    in_other = later.is_body(moved[shared]).mean() if shared.any() else 0.0
    in_first = earlier.is_body(back[shared_back]).mean() if shared_back.any() else 0.0
    overlap = float(2 * in_other * in_first / max(in_other + in_first, 1e-9))
    a, b = earlier.sample(body[shared]), later.sample(moved[shared])
    correlation = float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    residual, found = block_residual(earlier, later, raw.forward)
    failed = _failure(overlap, residual, found)
    return Alignment(
        matrix,
        method,
        float("inf") if failed else float(np.hypot(floor_mm, residual)),
        failed,
        overlap,
        common,
        correlation,
        residual,
        found,
    )


def _failure(overlap: float, residual_mm: float, found: float) -> str:
    if overlap < _LEAST_BODY_OVERLAP:
        return "BODIES_DIFFER"
    if found < _LEAST_FOUND:
        return "ANATOMY_NOT_FOUND"
    return "RESIDUAL_TOO_LARGE" if residual_mm > _MOST_RESIDUAL_MM else ""


def body_points(volume: Overview, most: int) -> Points:
    """Every n-th voxel center of the body, the field around it too, in mm LPS."""
    index = np.argwhere(volume.body)
    return volume.points(index[:: max(1, len(index) // most)].astype(float))
