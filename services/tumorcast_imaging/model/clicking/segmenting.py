"""A click in a volume → the lesion under it, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.dicom.reasons import issue
from tumorcast_imaging.model.mask import Box, bounding_box

_NEAR_MM = 10.0
_BALL_MM = 4.0
_AIR_HU = -850.0
_COLD_SUV = 0.05
_DARK_SHARE = 0.03
_STRICT, _LENIENT = 0.7, 0.3
_EIGHT_NEIGHBORS = np.ones((3, 3, 3), bool)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Probability of lesion, float32 in [0, 1], on the voxels of ``box`` in a volume; 0 elsewhere.

    ``widths_mm`` are the fields of view that were looked at, in turn; ``issues`` what limits the answer.
    """

    probability: NDArray[np.float32]
    box: Box
    widths_mm: tuple[float, ...] = ()
    issues: tuple[Issue, ...] = ()


class Segmenter(Protocol):
    """What can find a lesion from a click: the shipped network, a fixed rule, or a MONAI bundle."""

    @property
    def name(self) -> str:
        """Name and digest, for the record."""
        ...

    @property
    def version(self) -> str:
        """The version of a trained network; empty for a rule."""
        ...

    def see(self, volume: Volume, seed_lps_mm: NDArray[np.float64]) -> Seen:
        """The probability of the lesion at a seed that lies in tissue."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """How a region came about and how sure it is.

    ``mean_probability`` is over the region, ``border_entropy_bits`` over the voxels on both sides of its surface (1:
    the border could be anywhere there; 0: no doubt). ``volume_range_ml`` is the volume at probability 0.7 and 0.3.
    """

    segmenter: str
    version: str
    seed_lps_mm: tuple[float, float, float]
    widths_mm: tuple[float, ...] = ()
    mean_probability: float | None = None
    border_entropy_bits: float | None = None
    volume_range_ml: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Clicked:
    """What a click gave: a region with its account, or ``issues`` that say why there is none."""

    region: Region | None
    account: Account
    issues: tuple[Issue, ...] = ()


def segment(volume: Volume, seed_lps_mm: Sequence[float], segmenter: Segmenter) -> Clicked:
    """The lesion at a point in LPS millimeters: one connected part, at the seed or at most 10 mm from it.

    A seed outside the volume, in air, or where nothing is found gives no region and an issue.
    """
    seed = np.asarray(seed_lps_mm, float)
    account = Account(segmenter.name, segmenter.version, (float(seed[0]), float(seed[1]), float(seed[2])))
    refusal = seed_refusal(volume, seed)
    if refusal:
        return Clicked(None, account, (issue(refusal, volume.series_instance_uid),))
    seen = segmenter.see(volume, seed)
    part = component_at(seen.probability >= 0.5, _index(volume, seed) - [s.start for s in seen.box], volume.spacing_mm)
    if part is None:
        return Clicked(None, account, (*seen.issues, issue("NOTHING_AT_SEED", volume.series_instance_uid)))
    mask = np.zeros(volume.array.shape, bool)
    mask[seen.box] = part
    voxel_ml = _voxel_ml(volume)
    region = Region(mask, number=1, volume_ml=float(np.count_nonzero(part) * voxel_ml))
    at_edge = (issue("LESION_AT_EDGE", volume.series_instance_uid),) if _at_edge(mask) else ()
    return Clicked(region, _sureness(account, seen, part, voxel_ml, seed, volume), (*seen.issues, *at_edge))


def seed_refusal(volume: Volume, seed_lps_mm: NDArray[np.float64]) -> str:
    """The reason why a seed cannot be used, or an empty string."""
    if not holds(volume, seed_lps_mm.tolist()):
        return "SEED_OUTSIDE_VOLUME"
    mean = mean_near(volume, _index(volume, seed_lps_mm))
    if volume.dicom_modality == "CT":
        air = mean < _AIR_HU
    elif volume.dicom_modality == "PT":
        air = mean < _COLD_SUV
    else:
        air = mean < _DARK_SHARE * float(np.percentile(volume.array, 99))
    return "SEED_IN_AIR" if air else ""


def holds(volume: Volume, point_lps_mm: Sequence[float]) -> bool:
    """Whether a point lies in a voxel of the volume."""
    index = index_of(volume, point_lps_mm)
    return bool(
        np.isfinite(index).all() and (index >= -0.5).all() and (index <= np.array(volume.array.shape) - 0.5).all()
    )


def mean_near(volume: Volume, index: NDArray[np.float64], radius_mm: float = _BALL_MM) -> float:
    """The mean of the voxels within ``radius_mm`` of an index; of the nearest one where there are none."""
    values = values_near(volume, index, radius_mm)
    return float(values.mean())


def values_near(volume: Volume, index: NDArray[np.float64], radius_mm: float) -> NDArray[np.float32]:
    """The voxels within ``radius_mm`` of an index, or the nearest one."""
    spacing = np.array(volume.spacing_mm)
    shape = np.array(volume.array.shape)
    nearest = np.clip(np.round(index), 0, shape - 1).astype(int)
    first = np.clip(np.floor(index - radius_mm / spacing), 0, nearest).astype(int)
    last = np.clip(np.ceil(index + radius_mm / spacing) + 1, nearest + 1, shape).astype(int)
    lines = [((np.arange(a, b) - c) * s) ** 2 for a, b, c, s in zip(first, last, index, spacing, strict=True)]
    squared = lines[0][:, None, None] + lines[1][:, None] + lines[2]
    part = volume.array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    values: NDArray[np.float32] = part[squared <= max(radius_mm**2, float(squared.min()))]
    return values


def component_at(
    mask: NDArray[np.bool_], index: NDArray[np.float64], spacing_mm: Sequence[float]
) -> NDArray[np.bool_] | None:
    """The connected part (faces) of a mask that holds an index or comes within 10 mm of it; the nearest wins."""
    labels, number = ndimage.label(mask)
    if not number:
        return None
    nearest = np.round(index).astype(int)
    if ((nearest >= 0) & (nearest < mask.shape)).all() and labels[tuple(nearest)]:
        found: NDArray[np.bool_] = labels == labels[tuple(nearest)]
        return found
    reach = _NEAR_MM / np.array(spacing_mm)
    first = np.clip(np.floor(index - reach), 0, mask.shape).astype(int)
    last = np.clip(np.ceil(index + reach) + 1, 0, mask.shape).astype(int)
    places = first + np.argwhere(mask[tuple(slice(a, b) for a, b in zip(first, last, strict=True))])
    if not len(places):
        return None
    squared = (((places - index) * np.array(spacing_mm)) ** 2).sum(axis=1)
    closest = int(squared.argmin())
    return labels == labels[tuple(places[closest])] if squared[closest] <= _NEAR_MM**2 else None


def index_of(volume: Volume, point_lps_mm: Sequence[float]) -> NDArray[np.float64]:
    """The fractional (slice, row, column) of a point in LPS millimeters."""
    return _index(volume, np.asarray(point_lps_mm, float))


def _index(volume: Volume, point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.solve(volume.affine_lps[:3, :3], point - volume.affine_lps[:3, 3]), np.float64)


def _voxel_ml(volume: Volume) -> float:
    return float(abs(np.linalg.det(volume.affine_lps[:3, :3]))) / 1000


def _at_edge(mask: NDArray[np.bool_]) -> bool:
    return any(mask.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))


def _sureness(
    account: Account,
    seen: Seen,
    part: NDArray[np.bool_],
    voxel_ml: float,
    seed: NDArray[np.float64],
    volume: Volume,
) -> Account:
    near = bounding_box(part)
    around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in near)
    inside: NDArray[np.bool_] = part[around]
    probability: NDArray[np.float64] = np.clip(seen.probability[around], 1e-6, 1 - 1e-6).astype(float)
    border = ndimage.binary_dilation(inside, _EIGHT_NEIGHBORS) & ~ndimage.binary_erosion(inside, _EIGHT_NEIGHBORS)
    entropy = -(probability * np.log2(probability) + (1 - probability) * np.log2(1 - probability))
    at = _index(volume, seed) - [s.start for s in seen.box]
    volumes = []
    for level in (_STRICT, _LENIENT):
        other = component_at(seen.probability >= level, at, volume.spacing_mm)
        volumes.append(0.0 if other is None else float(np.count_nonzero(other) * voxel_ml))
    return Account(
        account.segmenter,
        account.version,
        account.seed_lps_mm,
        seen.widths_mm,
        float(seen.probability[part].mean()),
        float(entropy[border].mean()),
        (volumes[0], volumes[1]),
    )
