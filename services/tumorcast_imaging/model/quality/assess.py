"""One volume, and the lesions drawn on it → figures of quality and doubts; nothing is refused here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, Volume, reasons
from tumorcast_imaging.dicom.acquisition import Acquisition
from tumorcast_imaging.model.quality import artifacts, body, coverage, noise, protocol
from tumorcast_imaging.model.quality.figure import Figure, figure
from tumorcast_imaging.model.quality.lesion import LesionQuality, assess_lesion

_GAP_SHARE = 0.1
_LEAST_PLATEAU_VOXELS = 8
_NOTHING_STATED = Acquisition()
LIMITS: Mapping[str, float] = {
    "cut_share": 1.0,
    "ghost_ratio": 2.5,
    "slice_jump": 10.0,
    "slice_interleave": 5.0,
}
"""Percent above which a figure is a doubt; a ghost ratio of 2.5 % is the limit of the ACR's phantom test."""
_CODES = {
    "cut_share": "BODY_TRUNCATED",
    "ghost_ratio": "GHOSTING",
    "slice_jump": "SLICE_INTENSITY_JUMP",
    "slice_interleave": "SLICE_INTENSITY_JUMP",
}


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of the quality of one volume and of the lesions on it."""

    figures: tuple[Figure, ...]
    lesions: tuple[LesionQuality, ...] = ()
    issues: tuple[Issue, ...] = ()

    def value(self, name: str) -> float | str | None:
        """The value of a figure of the volume; ``None`` if it is unknown or was not asked of this kind of image."""
        return next((one.value for one in self.figures if one.name == name), None)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Noise in tissue, the level there, and the noise in air."""

    blocks: noise.Blocks
    tissue: float | None
    level: float | None
    air: noise.Air | None

    @property
    def best(self) -> float | None:
        return self.air.sd if self.air and self.air.sd else self.tissue


def assess(volume: Volume, acquisition: Acquisition = _NOTHING_STATED, regions: Sequence[Region] = ()) -> Quality:
    """Measure a volume and the regions on it; ``acquisition`` is what its headers state."""
    steps = body.coarse_steps(volume)
    coarse = body.coarse_body(volume, steps)
    whole = body.fine(coarse, steps, volume.array.shape)
    air = body.air(volume) if volume.dicom_modality == "MR" else None
    found = _noise(volume, air)
    top = coverage.plateau(volume.array)
    saturated = top.voxels >= _LEAST_PLATEAU_VOXELS
    figures = (
        *_noise_figures(volume, found),
        *_coverage_figures(volume, acquisition, coarse, top),
        *_artifact_figures(volume, acquisition, whole, air),
        *_protocol_figures(volume, acquisition, found),
    )
    thickness_mm = max(volume.spacing_mm[0], acquisition.slice_thickness_mm or 0.0)
    lesions = tuple(
        assess_lesion(volume, region, whole, found.best, thickness_mm, top, saturated) for region in regions
    )
    return Quality(figures, lesions, _issues(volume, acquisition, figures, saturated=saturated, empty=not coarse.any()))


def _noise(volume: Volume, air: body.Mask | None) -> _Noise:
    blocks = noise.blocks(volume)
    tissue, level = noise.tissue_noise(blocks, volume.dicom_modality)
    return _Noise(blocks, tissue, level, None if air is None else noise.air_noise(volume, air))


def _noise_figures(volume: Volume, found: _Noise) -> list[Figure]:
    figures = [figure("noise_sd", found.tissue, unit=volume.unit)]
    if volume.unit != "HU":  # a density in HU has no zero to measure noise against
        share = found.tissue / found.level if found.tissue is not None and found.level else None
        figures.append(figure("noise_coefficient", share))
    if volume.dicom_modality == "MR":
        figures.append(figure("noise_background_sd", found.air.sd if found.air else None, unit=volume.unit))
        figures.append(figure("background_mean_to_sd", found.air.mean_to_sd if found.air else None))
    return figures


def _coverage_figures(
    volume: Volume, acquisition: Acquisition, coarse: body.Mask, top: coverage.Plateau
) -> list[Figure]:
    thickness = acquisition.slice_thickness_mm
    return [
        figure("slices", len(volume.array)),
        figure("slice_spacing", float(volume.spacing_mm[0])),
        figure("slice_gap", None if thickness is None else round(float(volume.spacing_mm[0]) - thickness, 6) + 0.0),
        figure("cut_share", coverage.cut_share(volume, coarse)),
        figure("saturated_voxels", top.voxels),
    ]


def _artifact_figures(
    volume: Volume, acquisition: Acquisition, whole: body.Mask, air: body.Mask | None
) -> list[Figure]:
    jump, interleave = artifacts.slice_steps(volume, whole) or (None, None)
    figures = [figure("slice_jump", jump), figure("slice_interleave", interleave)]
    if air is not None:
        figures.append(figure("ghost_ratio", artifacts.ghost_ratio(volume, whole, air, acquisition.phase_encoding)))
    return figures


def _protocol_figures(volume: Volume, acquisition: Acquisition, found: _Noise) -> list[Figure]:
    if volume.dicom_modality == "PT":
        return []
    given, phase, blood = protocol.contrast(volume, acquisition, found.blocks, found.tissue)
    weighting = [protocol.mr_weighting(acquisition)] if volume.dicom_modality == "MR" else []
    return [given, phase, *([blood] if blood else []), *weighting]


def _issues(
    volume: Volume, acquisition: Acquisition, figures: Sequence[Figure], *, saturated: bool, empty: bool
) -> tuple[Issue, ...]:
    values = {one.name: one.value for one in figures}
    codes = [code for name, code in _CODES.items() if _above(values.get(name), LIMITS[name])]
    gap = values["slice_gap"]
    codes += ["SLICES_APART"] if _above(gap, _GAP_SHARE * float(volume.spacing_mm[0])) else []
    codes += ["SATURATED"] if saturated else []
    codes += ["NO_TISSUE"] if empty else []
    codes += ["NOISE_UNKNOWN"] if values["noise_sd"] is None and not empty else []
    codes += ["MR_WEIGHTING_CONTRADICTED"] if protocol.contradicts_its_times(acquisition) else []
    return tuple(reasons.issue(code, volume.series_instance_uid) for code in dict.fromkeys(codes))


def _above(value: float | str | None, limit: float) -> bool:
    return isinstance(value, int | float | np.floating) and value > limit
