"""What motion and the order of acquisition leave behind: ghosts beside the body, and steps between slices."""

from __future__ import annotations

import numpy as np

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.quality.body import Mask

_FEWEST_VOXELS = 50
_FEWEST_SLICES = 3
_AIR_HU = -1000.0


def slice_steps(volume: Volume, body: Mask) -> tuple[float, float] | None:
    """The greatest step of one slice and the mean step between odd and even ones, in percent of the body's median.

    ``None`` with fewer than three slices of body that overlap. Second differences leave out whatever changes steadily
    from slice to slice, and medians the anatomy that does not.
    """
    zero = _AIR_HU if volume.unit == "HU" else 0.0
    steps: list[float] = []
    signs: list[int] = []
    for k in range(1, len(volume.array) - 1):
        here = body[k - 1] & body[k] & body[k + 1]
        if np.count_nonzero(here) < _FEWEST_VOXELS:
            continue
        before, own, after = (volume.array[j][here].astype(np.float64) for j in (k - 1, k, k + 1))
        level = float(np.median(own)) - zero
        if level > 0:
            steps.append(100 * float(np.median(own - (before + after) / 2)) / level)
            signs.append(-1 if k % 2 else 1)
    if len(steps) < _FEWEST_SLICES:
        return None
    return float(np.abs(steps).max()), float(abs(np.mean(np.array(steps) * signs)))


def ghost_ratio(volume: Volume, body: Mask, air: Mask, phase_encoding: str = "") -> float | None:
    """Percent signal ghosting: air beside the body along phase encoding against air along frequency encoding.

    With ``phase_encoding`` ("ROW": along rows, "COL": along columns) ghosts count in that direction only; without, the
    difference counts in either. ``None`` where there is too little air on one of the sides.
    """
    in_columns = air & body.any(axis=1, keepdims=True)  # above and below the body
    in_rows = air & body.any(axis=2, keepdims=True)  # to its left and right
    above, beside = in_columns & ~in_rows, in_rows & ~in_columns
    if min(map(np.count_nonzero, (above, beside))) < _FEWEST_VOXELS or not body.any():
        return None
    signal = float(volume.array[body].mean(dtype=np.float64))
    difference = float(volume.array[above].mean(dtype=np.float64)) - float(volume.array[beside].mean(dtype=np.float64))
    difference = {"COL": max(difference, 0.0), "ROW": max(-difference, 0.0)}.get(phase_encoding, abs(difference))
    return 100 * difference / (2 * signal) if signal > 0 else None
