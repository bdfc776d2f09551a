"""All lesions of a study: every one measured, and what of them a model reads.

A model reads one lesion a patient: of each series the largest, its index lesion. The plain RECIST names come from one
series, a CT before an MR, so that PET, CT and MR of one study do not contradict one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_imaging.dicom import reasons
from tumorcast_imaging.model.change.targets import ANATOMICAL, study_sum
from tumorcast_imaging.model.lesions.lesion import PREFIXES, Lesion, features, measure_lesion

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Region, Volume


FAMILIES = frozenset({"shape", "intensity", "histogram", "ivh", "glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm"})
"""How the names of radiomics go on after the DICOM modality."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLesions:
    """Lesions of one series; radiomics are computed of the ``index`` lesion alone."""

    dicom_modality: str
    slice_mm: float
    lesions: tuple[Lesion, ...]
    index: Lesion


def index_region(regions: Sequence[Region]) -> Region:
    """The largest; of several, the first."""
    return max(regions, key=lambda region: region.volume_ml)


def asks_radiomics(features: Iterable[str]) -> bool:
    """Whether any of these catalog names is of radiomics.

    >>> asks_radiomics(["ct_tumor_volume", "pet_suv_max"]), asks_radiomics(["mr_glcm_contrast"])
    (False, True)
    """
    parts = (name.split("_", 2) for name in features)
    return any(len(part) == 3 and part[0] in PREFIXES.values() and part[1] in FAMILIES for part in parts)


def measure_series(volume: Volume, regions: Sequence[Region], *, radiomics: bool = True) -> SeriesLesions:
    """Measure every region of a series; raises what ``measure_lesion`` raises."""
    chosen = index_region(regions)
    lesions = tuple(measure_lesion(volume, region, radiomics=radiomics and region is chosen) for region in regions)
    return SeriesLesions(
        volume.dicom_modality, volume.spacing_mm[0], lesions, next(x for x in lesions if x.region is chosen)
    )


def study_features(measured: Sequence[SeriesLesions], timepoint: str) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """What models read of a study: the index lesion of each series, and the sum of diameters."""
    found: dict[str, Feature] = {}
    issues: list[Issue] = []
    for series in sorted(measured, key=_rank):
        made, doubts = features(series.index, timepoint)
        issues += doubts
        for feature in made:
            found.setdefault(feature.name, feature)
        if len(series.lesions) > 1:
            issues.append(reasons.issue("SEVERAL_LESIONS", series.index.series_instance_uid))
    total, doubts = _sum(measured, timepoint)
    return (*found.values(), *total), (*issues, *doubts)


def _sum(measured: Sequence[SeriesLesions], timepoint: str) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    slices_mm = {series.index.series_instance_uid: series.slice_mm for series in measured}
    try:
        total = study_sum([lesion for series in measured for lesion in series.lesions], slices_mm)
    except ImplausibleValue as e:
        return (), (Issue(Severity.ERROR, e.reason, e.message),)
    return (() if total is None else (replace(total, timepoint=timepoint),)), ()


def _rank(series: SeriesLesions) -> int:
    order = (*ANATOMICAL, *PREFIXES)
    return order.index(series.dicom_modality)
