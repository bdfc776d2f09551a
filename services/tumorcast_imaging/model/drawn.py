"""What was drawn on a study: which regions are lesions, and on which series models may read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import Region, Segmentation, Volume, reasons
from tumorcast_imaging.model.lesions.lesion import is_lesion

Drawn = tuple[Volume, tuple[Region, ...]]
"""A volume with the lesions that were drawn on it."""


@dataclass(frozen=True, slots=True, eq=False)
class DrawnLesions:
    """Volumes with lesions, ``for_models`` those of a DICOM modality with one such series; and what is to be said.

    Two phases or sequences on one grid differ in what models read: which one is meant would be a guess.
    """

    everywhere: tuple[Drawn, ...]
    for_models: tuple[Drawn, ...]
    issues: tuple[Issue, ...]


def drawn_lesions(pairs: Iterable[tuple[Volume, Segmentation]]) -> DrawnLesions:
    """Sort out what ``dicom.regions_of`` found."""
    found: dict[int, Drawn] = {}
    issues: list[Issue] = []
    for volume, segmentation in pairs:
        issues += segmentation.issues
        lesions = tuple(region for region in segmentation.regions if is_lesion(region))
        if len(lesions) < len(segmentation.regions):
            issues.append(reasons.issue("NOT_A_LESION", segmentation.sop_instance_uid))
        _, before = found.get(id(volume), (volume, ()))
        found[id(volume)] = volume, (*before, *lesions)
    everywhere = tuple((volume, regions) for volume, regions in found.values() if regions)
    series_of = Counter(volume.dicom_modality for volume, _ in everywhere)
    clear = tuple(one for one in everywhere if series_of[one[0].dicom_modality] == 1)
    unclear = [volume for volume, _ in everywhere if series_of[volume.dicom_modality] > 1]
    issues += (reasons.issue("SEVERAL_SERIES_DRAWN", volume.series_instance_uid) for volume in unclear)
    return DrawnLesions(everywhere, clear, tuple(issues))
