"""How well one lesion is covered, sampled and set off from what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, Volume, reasons
from tumorcast_imaging.model.lesions import size
from tumorcast_imaging.model.mask import bounding_box
from tumorcast_imaging.model.quality import coverage
from tumorcast_imaging.model.quality.body import Mask
from tumorcast_imaging.model.quality.coverage import Plateau
from tumorcast_imaging.model.quality.figure import Figure, figure

_RING_MM = (3.0, 10.0)
_FEWEST_IN_RING = 20
_LEAST_MEASURABLE_MM = 10.0
"""RECIST 1.1 (Eisenhauer 2009, section 3.1.1): and no less than twice the slice thickness where that is above 5 mm."""


@dataclass(frozen=True, slots=True)
class LesionQuality:
    """Figures and doubts of one lesion; ``source`` is where it was drawn."""

    source: str
    figures: tuple[Figure, ...]
    issues: tuple[Issue, ...]


def assess_lesion(
    volume: Volume, region: Region, body: Mask, noise: float | None, thickness_mm: float, top: Plateau, saturated: bool
) -> LesionQuality:
    """The figures of one region on its volume; ``body`` is on the volume's voxels."""
    mask = region.mask
    longest_mm = size.measure(mask, volume.spacing_mm).longest_diameter_mm
    margin = coverage.margin_mm(mask, volume.spacing_mm)
    snr, cnr = _contrast(volume, mask, body, noise)
    clipped = 100 * float(np.mean(volume.array[mask] >= top.value)) if saturated else 0.0
    figures = [
        figure("lesion_margin", margin),
        figure("lesion_slices", int(np.count_nonzero(mask.any(axis=(1, 2))))),
        figure("lesion_to_slice", longest_mm / thickness_mm),
        *([figure("lesion_snr", snr)] if volume.unit != "HU" else []),
        figure("lesion_cnr", cnr),
        figure("lesion_saturated", clipped),
    ]
    doubts = {
        "LESION_AT_EDGE": margin == 0,
        "LESION_SMALL_FOR_SLICES": longest_mm < max(_LEAST_MEASURABLE_MM, 2 * thickness_mm),
        "LESION_SATURATED": clipped > 0,
    }
    issues = tuple(reasons.issue(code, region.source) for code, doubtful in doubts.items() if doubtful)
    return LesionQuality(region.source, tuple(figures), issues)


def _contrast(volume: Volume, mask: Mask, body: Mask, noise: float | None) -> tuple[float | None, float | None]:
    """Signal to noise of the lesion, and contrast to noise against the body around it."""
    if not noise:
        return None, None
    box = _around(mask, volume.spacing_mm)
    lesion, array = mask[box], volume.array[box]
    away_mm = ndimage.distance_transform_edt(~lesion, sampling=volume.spacing_mm)
    ring = body[box] & (away_mm > _RING_MM[0]) & (away_mm <= _RING_MM[1])
    own = float(array[lesion].mean(dtype=np.float64))
    if np.count_nonzero(ring) < _FEWEST_IN_RING:
        return own / noise, None
    return own / noise, abs(own - float(array[ring].mean(dtype=np.float64))) / noise


def _around(mask: Mask, spacing_mm: tuple[float, float, float]) -> tuple[slice, ...]:
    """The box of a mask with room for the ring."""
    room = [int(np.ceil(_RING_MM[1] / mm)) + 1 for mm in spacing_mm]
    return tuple(
        slice(max(0, part.start - more), part.stop + more) for part, more in zip(bounding_box(mask), room, strict=True)
    )
