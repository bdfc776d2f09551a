"""PET without a click → places that may be lesions, best first; where uptake is normal they stand below.

A candidate is a peak of uptake with what surrounds it at 41 % of its height over the background, so that a lesion in a
warm organ does not grow into all of it. Its score grows with SUVmax and with its contrast to the shell around it, and
falls where place, size and shape of what lies at 41 % of the peak itself are those of an organ that takes up glucose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.candidates.body import Body, body_of
from tumorcast_imaging.model.candidates.physiology import Finding, physiologic
from tumorcast_imaging.model.mask import Box, bounding_box

LEAST_SUV = 2.5
_LEAST_CONTRAST = 1.4
_FRACTION = 0.41
_FRACTIONS = (_FRACTION, 0.5, 0.6, 0.7, 0.8)
_SAME_PEAK = 1.15
_CLAIMED = 0.6
_APART_MM = 12.0
_REACH_MM = 130.0
_SHELL_MM = (4.0, 14.0)
_BACKGROUND_MM = (20.0, 35.0)
_SMOOTH_MM = 3.0
_MOST_PEAKS = 2000
_PHYSIOLOGIC_SHARE = 0.02
_MIDDLE = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A place that may be a lesion; ``box_lps_mm`` is its least and greatest corner, ``score`` lies in (0, 1).

    ``physiologic`` names the organ whose normal uptake it looks like, or is empty.
    """

    rank: int
    score: float
    suv_max: float
    contrast: float
    volume_ml: float
    center_lps_mm: tuple[float, float, float]
    box_lps_mm: tuple[tuple[float, float, float], tuple[float, float, float]]
    physiologic: str
    region: Region


def candidates(volume: Volume, most: int = 50) -> tuple[Candidate, ...]:
    """At most ``most`` candidates of one PET in SUVbw, best first; raises ``InvalidInput`` for any other volume."""
    if volume.unit != "SUVbw":
        raise InvalidInput("Candidates are looked for in PET with SUV only.")
    body = body_of(volume)
    found: list[Candidate] = []
    claimed = np.zeros(volume.array.shape, bool)
    for peak in _peaks(volume):
        if not claimed[peak]:
            warm, part, box = _around(volume, peak)
            claimed[box] |= part & (volume.array[box] >= _CLAIMED * volume.array[peak])
            candidate = _candidate(volume, body, peak, (warm, part), box)
            if candidate is not None:
                found.append(candidate)
    ranked = sorted(found, key=lambda c: (-c.score, -c.suv_max, c.center_lps_mm))[:most]
    return tuple(replace(c, rank=n, region=replace(c.region, number=n)) for n, c in enumerate(ranked, start=1))


def organs_told(volume: Volume) -> bool:
    """Whether so much of the body was scanned, head included, that the rules of normal uptake hold."""
    return body_of(volume).with_head


def _peaks(volume: Volume) -> list[tuple[int, int, int]]:
    """Voxels that are the greatest within 12 mm, hottest first."""
    spacing = np.array(volume.spacing_mm)
    smooth = ndimage.gaussian_filter(volume.array, _SMOOTH_MM / 2.3548 / spacing)
    size = tuple(int(n) for n in 2 * np.ceil(_APART_MM / spacing / 2) + 1)
    top = (smooth == ndimage.maximum_filter(smooth, size=size)) & (smooth >= LEAST_SUV)
    places = np.argwhere(top)
    order = np.argsort(-smooth[top], kind="stable")[:_MOST_PEAKS]
    return [(int(k), int(j), int(i)) for k, j, i in places[order]]


def _around(volume: Volume, peak: tuple[int, int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Box]:
    """What connects to a peak within 13 cm at 41 % of its height, and of its height over the background.

    The latter at more than 41 % where it would run into something hotter; empty where it does even at 80 %.
    """
    reach = np.ceil(_REACH_MM / np.array(volume.spacing_mm)).astype(int)
    a, b, c = (slice(max(p - r, 0), min(p + r + 1, n)) for p, r, n in zip(peak, reach, volume.array.shape, strict=True))
    around, height = volume.array[a, b, c], float(volume.array[peak])
    at = tuple(p - s.start for p, s in zip(peak, (a, b, c), strict=True))
    background = min(_background(around, at, volume.spacing_mm), height)
    warm = _connected(around, _FRACTION * height, at)
    for fraction in _FRACTIONS:
        part = _connected(around, background + fraction * (height - background), at)
        if around[part].max() <= _SAME_PEAK * height:
            return warm, part, (a, b, c)
    return warm, np.zeros_like(warm), (a, b, c)


def _connected(around: NDArray[np.float32], level: float, at: tuple[int, ...]) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(around >= level)
    part: NDArray[np.bool_] = labels == labels[at]
    return part


def _background(around: NDArray[np.float32], at: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> float:
    """The median SUV from 20 to 35 mm from a peak."""
    grids = np.ogrid[tuple(slice(0, n) for n in around.shape)]
    squared = sum(((g - c) * s) ** 2 for g, c, s in zip(grids, at, spacing_mm, strict=True))
    values = around[(squared >= _BACKGROUND_MM[0] ** 2) & (squared <= _BACKGROUND_MM[1] ** 2)]
    return float(np.median(values)) if values.size else 0.0


def _candidate(
    volume: Volume,
    body: Body,
    peak: tuple[int, int, int],
    warm_and_part: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    box: Box,
) -> Candidate | None:
    warm, part = warm_and_part
    if not part.any():
        return None
    near = bounding_box(part)
    suv_max = float(volume.array[box][part].max())
    contrast = suv_max / max(_shell(volume, part, box, near), 0.2)
    if contrast < _LEAST_CONTRAST:
        return None
    voxel_ml = float(abs(np.linalg.det(volume.affine_lps[:3, :3]))) / 1000
    volume_ml = np.count_nonzero(part) * voxel_ml
    center = (volume.affine_lps @ [*peak, 1])[:3]
    whole = _corners(volume, box, bounding_box(warm))
    finding = Finding(center, whole, np.count_nonzero(warm) * voxel_ml, suv_max, contrast)
    organ = physiologic(finding, body)
    score = 1 / (1 + float(np.exp(_MIDDLE - np.log(suv_max / LEAST_SUV) - np.log(contrast))))
    mask = np.zeros(volume.array.shape, bool)
    mask[tuple(slice(b.start + n.start, b.start + n.stop) for b, n in zip(box, near, strict=True))] = part[near]
    return Candidate(
        0,
        score * (_PHYSIOLOGIC_SHARE if organ else 1.0),
        suv_max,
        contrast,
        volume_ml,
        (float(center[0]), float(center[1]), float(center[2])),
        _corners(volume, box, near),
        organ,
        Region(mask, number=1, volume_ml=volume_ml),
    )


def _shell(volume: Volume, part: NDArray[np.bool_], box: Box, near: Box) -> float:
    """The median SUV from 4 to 14 mm outside a part."""
    spacing = np.array(volume.spacing_mm)
    pad = np.ceil(_SHELL_MM[1] / spacing).astype(int) + 1
    whole = tuple(
        slice(max(b.start + n.start - p, 0), min(b.start + n.stop + p, size))
        for b, n, p, size in zip(box, near, pad, volume.array.shape, strict=True)
    )
    inside = np.zeros(tuple(s.stop - s.start for s in whole), bool)
    first = tuple(b.start + n.start - w.start for b, n, w in zip(box, near, whole, strict=True))
    sized = tuple(slice(f, f + n.stop - n.start) for f, n in zip(first, near, strict=True))
    inside[sized] = part[near]
    distance = ndimage.distance_transform_edt(~inside, sampling=spacing)
    values = volume.array[whole][(distance >= _SHELL_MM[0]) & (distance <= _SHELL_MM[1])]
    return float(np.median(values)) if values.size else 0.0


def _corners(volume: Volume, box: Box, near: Box) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The least and greatest LPS corner of a box of voxels, their outer faces."""
    ends = [(b.start + n.start - 0.5, b.start + n.stop - 0.5) for b, n in zip(box, near, strict=True)]
    index = np.array(np.meshgrid(*ends)).reshape(3, -1)
    points = volume.affine_lps[:3, :3] @ index + volume.affine_lps[:3, 3:]
    low, high = points.min(axis=1), points.max(axis=1)
    return (float(low[0]), float(low[1]), float(low[2])), (float(high[0]), float(high[1]), float(high[2]))
