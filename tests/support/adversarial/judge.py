"""The one judge of all readers: is every voxel of what came out true?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from support.adversarial.case import Case, Part, Truth
from support.adversarial.phantom import Field, Floats

Verdict = Literal["right", "refused", "wrong"]
AIR_HU = (-1100.0, -900.0)
"""What a reader may call the air outside the scanned field; not a number and, but for CT, zero are fine as well."""


@dataclass(frozen=True)
class Found:
    """A volume that a reader gave: any order of axes, ``affine_lps`` from its index to mm, a unit if it names one."""

    array: NDArray[np.number]
    affine_lps: Floats
    unit: str | None = None

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or np.shape(self.affine_lps) != (4, 4):
            raise ValueError("a volume has three axes and an affine")


def judge(case: Case, found: Sequence[Found], truth: Truth, *, rounding: float = 0.0) -> tuple[Verdict, str]:
    """The verdict and, for people, what is wrong; ``rounding`` widens the tolerance of values by that many quanta.

    Nothing came out: refused. A voxel that is not true, or a sound volume that came out with voxels too many or too
    few: wrong. Some parts right and others refused: refused.
    """
    if not found:
        return "refused", ""
    for volume in found:
        reasons = [_untrue(volume, field, truth, rounding) for field in truth.fields]
        if all(reasons):
            return "wrong", min(filter(None, reasons), key=len)
    if case.kind == "unsound":
        return "right", ""
    left = list(truth.parts)
    for volume in found:
        match = next((p for p in left if _covers(volume, p, truth, rounding)), None)
        if match is None:
            return "wrong", f"true voxels, but not the expected volume: {volume.array.shape}"
        left.remove(match)
    return ("refused", "in part") if left else ("right", "")


def _untrue(volume: Found, field: Field, truth: Truth, rounding: float) -> str:
    """Why the volume is not true of that field; empty if it is."""
    if volume.unit not in (None, field.unit):
        return f"unit {volume.unit}"
    affine = np.asarray(volume.affine_lps, float)
    if not np.isfinite(affine).all():
        return "no finite affine"
    points = np.moveaxis(np.indices(volume.array.shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    error = np.abs(volume.array.astype(float) - field(points))
    if truth.padding is not None:
        padded = truth.padding(points)
        if not _is_air(volume.array[padded].astype(float), field.unit).all():
            return f"padding came out as {volume.array[padded].min()}"
        error = np.where(padded, 0.0, error)
    quantum = 2 * truth.tolerance * abs(field.gain / truth.fields[0].gain)
    tolerance = quantum / 2 + rounding * quantum + truth.slack_mm * field.steepest_per_mm
    tolerance += 1e-5 * float(np.abs(field(points)).max(initial=0))
    worst = float(np.nan_to_num(error, nan=np.inf).max(initial=0))
    return "" if worst <= tolerance else f"off by {worst:.4g}"


def _is_air(values: Floats, unit: str) -> NDArray[np.bool_]:
    low, high = AIR_HU if unit == "HU" else (0.0, 0.0)
    return np.isnan(values) | ((low <= values) & (values <= high))


def _covers(volume: Found, part: Part, truth: Truth, rounding: float) -> bool:
    """Whether the volume has exactly the voxels of the part, whichever way its axes run."""
    of_part = not _untrue(volume, part.field, truth, rounding)
    if not of_part and (volume.unit is not None or len(truth.parts) > 1):
        return False
    relative = np.linalg.inv(part.affine_lps) @ np.asarray(volume.affine_lps, float)
    if part.shape.count(1) == volume.array.shape.count(1) == 1:  # how thick a single slice is, is no voxel's place
        relative[:3, volume.array.shape.index(1)] = np.eye(3)[part.shape.index(1)]
    turn = np.abs(np.rint(relative[:3, :3]))
    if (turn.sum(axis=0) != 1).any() or tuple(turn @ volume.array.shape) != part.shape:
        return False
    ends = np.array(part.shape, float) - 1
    corners = np.array(list(product(*((0.0, n - 1.0) for n in volume.array.shape))))
    at = corners @ relative[:3, :3].T + relative[:3, 3]
    off_mm = (at - np.where(at > ends / 2, ends, 0.0)) * np.linalg.norm(part.affine_lps[:3, :3], axis=0)
    return bool(np.abs(off_mm).max() <= truth.slack_mm + 1e-3)
