"""What a folder holds for commands that look at lesions: segmentations, volumes, and what is drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import Region, SegmentationFile, Series, Study, StudyVolumes, Volume
    from tumorcast_imaging.model.lesions.lesion import Lesion

_FIRST = {"CT": 0, "MR": 1, "PT": 2}
"""Anatomical series before functional ones: the first one decides where to look."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A sound volume and the regions on its voxels, numbered from 1 in this order; ``issues`` are of what was drawn."""

    volume: Volume
    regions: tuple[Region, ...] = ()
    issues: tuple[Issue, ...] = ()

    def region(self, wanted: str = "") -> tuple[int, Region] | None:
        """Number and region of that label (case does not matter) or number; the largest lesion if none is asked for."""
        from tumorcast_imaging.model.lesions.lesion import is_lesion

        numbered = list(enumerate(self.regions, start=1))
        if not wanted:
            lesions = [pair for pair in numbered if is_lesion(pair[1])]
            return max(lesions or numbered, key=lambda pair: pair[1].volume_ml, default=None)
        text = wanted.strip().casefold()
        named = [pair for pair in numbered if pair[1].label.strip().casefold() == text]
        return next(iter(named or [pair for pair in numbered if str(pair[0]) == text]), None)


def segmentation_files(study: Study, seg: Path | None) -> tuple[SegmentationFile, ...]:
    """Those of ``--seg``, else those in the folder; raises ``UnsoundSegmentation`` if ``--seg`` holds none."""
    from tumorcast_core.errors import UnsoundSegmentation
    from tumorcast_imaging.dicom import open_study

    if seg is None:
        return study.segmentations
    if found := open_study(seg).segmentations:
        return found
    raise UnsoundSegmentation("The file given with --seg is neither a SEG nor an RTSTRUCT.")


def read_marked(study: Study, files: Sequence[SegmentationFile], also: Sequence[Series] = ()) -> StudyVolumes:
    """The series that ``files`` may have been drawn on, read, and ``also`` those; of others only headers were read.

    Files drawn on series that are not there are an issue of the study.
    """
    named = {uid for file in files for uid in file.referenced_series_uids}
    every = not all(file.referenced_series_uids for file in files)
    chosen = tuple(s for s in study.series if every or s.series_instance_uid in named or s in also)
    read = replace(study, series=chosen, segmentations=tuple(files)).read()
    known = read.study_issues if chosen else study.issues
    return replace(read, study_issues=(*known, *strays(study, files)))


def strays(study: Study, files: Sequence[SegmentationFile]) -> list[Issue]:
    """An issue for each file that was drawn on series which are not in the folder."""
    from tumorcast_imaging.dicom.reasons import issue

    here = {one.series_instance_uid for one in study.series}
    away = [file for file in files if file.referenced_series_uids and here.isdisjoint(file.referenced_series_uids)]
    return [issue("SEGMENTATION_OF_ANOTHER_SERIES", file.sop_instance_uid) for file in away if here]


def drawn_on(read: StudyVolumes) -> list[Drawn]:
    """Each volume with all that is drawn on it, or was meant to be, by the study's segmentations."""
    from tumorcast_imaging.dicom import regions_of

    pairs = regions_of(read) if read.segmentations else ()
    found = []
    for volume in read.volumes:
        on = [segmentation for where, segmentation in pairs if where is volume]
        regions = tuple(region for one in on for region in one.regions)
        found.append(Drawn(volume, regions, tuple(issue for one in on for issue in one.issues)))
    return found


def read_drawn(folder: Path, seg: Path | None, series: Sequence[str] = ()) -> list[Drawn]:
    """Every sound volume below ``folder``, or of these series, CT first; raises ``UnsoundSeries`` if there is none.

    Segmentations in the folder that name only series that are not looked at are passed over; raises
    ``UnsoundSegmentation`` if those of ``--seg`` all do.
    """
    from tumorcast_core.errors import StudyNotFound, UnsoundSegmentation, UnsoundSeries
    from tumorcast_imaging.dicom import open_study

    study = open_study(folder)
    chosen = tuple(one for one in study.series if not series or one.series_instance_uid in series)
    if missing := {*series} - {one.series_instance_uid for one in chosen}:
        raise StudyNotFound(f"{len(missing)} of the series asked for are not in the folder.")
    files = segmentation_files(study, seg)
    read = replace(study, series=chosen).read()
    if not read.volumes:
        raise UnsoundSeries("No series of the folder is sound; tumorcast imaging inspect says why.")
    here = {volume.series_instance_uid for volume in read.volumes}
    about = tuple(f for f in files if not f.referenced_series_uids or here & {*f.referenced_series_uids})
    if seg is not None and not about:
        raise UnsoundSegmentation("The segmentation given with --seg was drawn on series that are not here.")
    found = drawn_on(replace(read, segmentations=about))
    return sorted(found, key=lambda one: (_rank(one.volume), one.volume.series_instance_uid))


def measured_lesions(volume: Volume, regions: Sequence[Region]) -> tuple[list[Lesion], list[Issue]]:
    """The lesions among the regions, measured without radiomics; one that could not be is a problem."""
    from tumorcast_core.errors import TumorcastError
    from tumorcast_imaging.dicom.reasons import issue
    from tumorcast_imaging.model.lesions.lesion import doubts, is_lesion, measure_lesion
    from tumorcast_platform.commands.imaging.entries import problem_of

    where = volume.series_instance_uid
    lesions: list[Lesion] = []
    problems = [issue("NOT_A_LESION", where) for region in regions if not is_lesion(region)]
    for region in filter(is_lesion, regions):
        try:
            lesions.append(measure_lesion(volume, region, radiomics=False))
            problems += doubts(lesions[-1])
        except TumorcastError as e:
            problems.append(problem_of(e, where))
    return lesions, problems


def _rank(volume: Volume) -> int:
    return _FIRST.get(volume.dicom_modality, len(_FIRST))
