"""The lesions of a folder, measured, as the document of ``tumorcast imaging measure``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tumorcast_core.errors import InvalidInput, TumorcastError
from tumorcast_imaging.dicom import RefusedSeries, Volume, reasons, regions_of
from tumorcast_imaging.model.lesions import functional_volume
from tumorcast_imaging.model.lesions.enhancement_maps import find_maps, measure_maps, only_volume
from tumorcast_imaging.model.lesions.lesion import features, is_lesion, measure_lesion
from tumorcast_platform.commands.imaging.entries import (
    Entry,
    measures_entry,
    problem_entry,
    problem_of,
    safely_named,
    series_entry,
)
from tumorcast_platform.commands.imaging.folder import read_marked
from tumorcast_platform.console import Progress

if TYPE_CHECKING:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import Region, Segmentation, SegmentationFile, Series, Study, StudyVolumes

    Drawn = Sequence[tuple[Volume, Segmentation]]


@dataclass(frozen=True)
class Wanted:
    """What to measure: radiomics or not, and the series of maps (percent enhancement, SER) where they are named."""

    radiomics: bool = True
    maps: tuple[str, str] | None = None


def measured(study: Study, files: Sequence[SegmentationFile], wanted: Wanted, progress: Progress) -> Entry:
    """Measure what ``files`` draw on the study; only the series that they may mean are read."""
    maps = _maps(study, wanted.maps)
    volumes = read_marked(study, files, maps if files else ())
    drawn = regions_of(volumes)
    lesions: list[Entry] = []
    issues: list[Issue] = []
    total = sum(len(segmentation.regions) for _, segmentation in drawn)
    for volume, segmentation in drawn:
        issues += (replace(issue, location=volume.series_instance_uid) for issue in segmentation.issues)
        for region in segmentation.regions:
            if is_lesion(region):
                lesions.append(_lesion(volume, region, radiomics=wanted.radiomics))
            else:
                issues.append(reasons.issue("NOT_A_LESION", volume.series_instance_uid))
            progress(len(lesions), total)
    functional = _functional_volumes(drawn, maps, volumes, issues)
    if not files and study.series:
        issues.append(reasons.issue("SEGMENTATION_MISSING"))
    return {
        "lesions": lesions,
        "functional_volumes": functional,
        "series": _series_entries(study, volumes, lesions, issues),
        "problems": [problem_entry(issue) for issue in (*volumes.study_issues, *_elsewhere(issues, study))],
    }


def _lesion(volume: Volume, region: Region, *, radiomics: bool) -> Entry:
    """The entry of a lesion; one that could not be measured has no size, but problems that say why."""
    named = {
        "label": safely_named(region, volume).label,
        "number": region.number,
        "kind": region.kind,
        "source": region.source,
        "tracking_uid": region.tracking_uid,
        **series_entry(volume),
    }
    try:
        lesion = measure_lesion(volume, region, radiomics=radiomics)
    except TumorcastError as e:
        return named | {"problems": [problem_entry(problem_of(e))]}
    made, issues = features(lesion)
    return named | {
        "size": asdict(lesion.size) | {"source_volume_ml": region.volume_ml},
        "uptake": asdict(lesion.uptake) if lesion.uptake else None,
        "measures": measures_entry(made),
        "problems": [problem_entry(issue) for issue in issues],
    }


def _functional_volumes(
    drawn: Drawn, maps: Sequence[Series], volumes: StudyVolumes, issues: list[Issue]
) -> list[Entry]:
    """The functional tumor volume within each region drawn on the maps, where the study has maps."""
    if not maps or not drawn:
        return []
    uids = [series.series_instance_uid for series in maps]
    try:
        enhancement, ser = (only_volume(volumes.volumes, uid) for uid in uids)
        measured_maps = measure_maps(enhancement, ser, drawn)
    except TumorcastError as e:
        issues.append(problem_of(e, uids[0]))
        return []
    entries = []
    for region, found in measured_maps:
        named = {"label": safely_named(region, enhancement).label, "source": region.source, "voxels": found.voxels}
        made, doubts = functional_volume.features(found)
        told = {"measures": measures_entry(made), "problems": [problem_entry(issue) for issue in doubts]}
        entries.append({**named, "pe_series_uid": uids[0], "ser_series_uid": uids[1], **told})
    return entries


def _maps(study: Study, named: tuple[str, str] | None) -> Sequence[Series]:
    """The series of percent enhancement and of SER, or none."""
    if named is None:
        return find_maps(study) or ()
    by_uid = {series.series_instance_uid: series for series in study.series}
    if not by_uid.keys() >= set(named):
        raise InvalidInput("A series of enhancement maps that was named is not in the folder.")
    return by_uid[named[0]], by_uid[named[1]]


def _series_entries(study: Study, volumes: StudyVolumes, lesions: list[Entry], issues: list[Issue]) -> list[Entry]:
    """One entry per volume and per refused series, in the study's order, and per series that was not read."""
    read: list[Volume | RefusedSeries] = [*volumes.volumes, *volumes.refused]
    entries = []
    for series in study.series:
        uid = series.series_instance_uid
        parts = [found for found in read if found.series_instance_uid == uid]
        told = [issue for issue in issues if issue.location == uid]
        entries += [_series_entry(found, lesions, (*found.problems, *told)) for found in parts]
        if not parts:
            about = {"series_instance_uid": uid, "dicom_modality": series.headers[0].dicom_modality}
            entries.append({**about, "read": False, "accepted": False, "lesions": 0, "problems": []})
    return entries


def _series_entry(found: Volume | RefusedSeries, lesions: list[Entry], problems: Sequence[Issue]) -> Entry:
    named = series_entry(found)
    count = sum(named.items() <= lesion.items() and "size" in lesion for lesion in lesions)
    about = {"read": True, "accepted": isinstance(found, Volume), "lesions": count}
    return {**named, **about, "problems": [problem_entry(problem) for problem in problems]}


def _elsewhere(issues: Sequence[Issue], study: Study) -> list[Issue]:
    """Issues that no series tells."""
    uids = {series.series_instance_uid for series in study.series}
    return [issue for issue in issues if issue.location not in uids]
