"""The lesions of several studies followed over time, as the document of ``tumorcast imaging change``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_imaging.dicom import open_study, reasons, regions_of
from tumorcast_imaging.model.change import Alignment, Course, DrawnSeries, LesionCourse, Measured, Sighting, drawn
from tumorcast_imaging.model.lesions.lesion import Lesion, is_lesion, measure_lesion
from tumorcast_platform.console import Progress

if TYPE_CHECKING:
    from tumorcast_core.recist import VisitResponse
    from tumorcast_imaging.dicom import Region, Segmentation, Study, StudyVolumes, Volume
    from tumorcast_imaging.model.change.finding import Finding, Visit

Entry = dict[str, Any]


def read_folders(folders: Sequence[Path], progress: Progress) -> tuple[list[DrawnSeries], list[Issue]]:
    """Every series of the folders on which a lesion is drawn, reduced once it is measured, and what is doubtful."""
    series: list[DrawnSeries] = []
    issues: list[Issue] = []
    for number, folder in enumerate(folders):
        progress(number, len(folders))
        found, doubts = _read(open_study(folder))
        known = {one.series_instance_uid for one in series}
        series += [one for one in found if one.series_instance_uid not in known]
        issues += [replace(issue, location=f"folder {number + 1}") for issue in doubts]
    progress(len(folders), len(folders))
    return series, issues


def _read(study: Study) -> tuple[list[DrawnSeries], list[Issue]]:
    volumes = _volumes(study)
    issues = list(volumes.issues)
    by_volume: dict[int, tuple[Volume, list[Lesion]]] = {}
    for volume, segmentation in regions_of(volumes):
        issues += segmentation.issues
        lesions = by_volume.setdefault(id(volume), (volume, []))[1]
        lesions += _measured(volume, segmentation, issues)
    return [drawn(volume, lesions) for volume, lesions in by_volume.values() if lesions], issues


def _volumes(study: Study) -> StudyVolumes:
    """The series that a segmentation may have been drawn on; of others only the headers were read."""
    named = {uid for file in study.segmentations for uid in file.referenced_series_uids}
    every = not all(file.referenced_series_uids for file in study.segmentations)
    chosen = tuple(s for s in study.series if every or s.series_instance_uid in named)
    return replace(study, series=chosen).read()


def _measured(volume: Volume, segmentation: Segmentation, issues: list[Issue]) -> list[Lesion]:
    lesions = []
    for region in segmentation.regions:
        if not is_lesion(region):
            issues.append(reasons.issue("NOT_A_LESION"))
            continue
        try:
            lesions.append(measure_lesion(volume, _shown(region, volume), radiomics=False))
        except TumorcastError as e:
            issues.append(Issue(Severity.ERROR, e.reason, e.message))
    return lesions


def _shown(region: Region, volume: Volume) -> Region:
    """The region under what the reader called it, unless the patient's id stands in that."""
    hidden = volume.patient_id and volume.patient_id.lower() in region.label.lower()
    return replace(region, label=f"{region.kind} {region.number}") if hidden or not region.label.strip() else region


def document(course: Course, issues: Sequence[Issue] = ()) -> Entry:
    """A course as JSON holds it; lesions of no date and nothing of the patient but days of studies."""
    names = {lesion.number: lesion.lesion_id for lesion in course.lesions}
    return {
        "visits": [_visit(visit, course) for visit in course.visits],
        "lesions": [_lesion(lesion, names) for lesion in course.lesions],
        "sum_of_diameters": _sums(course),
        "alignments": [_alignment(*made) for made in course.alignments],
        "features": [feature_entry(feature) for feature in course.features],
        "problems": [_problem(issue) for issue in (*issues, *course.issues)],
    }


def feature_entry(feature: Feature) -> Entry:
    """A feature as ``tumorcast predict --features`` reads it."""
    return {
        "name": feature.name,
        "value": feature.value,
        "unit": feature.unit,
        "effective": feature.effective,
        "source": feature.source,
        "sources": list(feature.sources),
        "formula": feature.formula,
    }


def _visit(visit: Visit, course: Course) -> Entry:
    return {
        "day": visit.day.isoformat(),
        "days_from_baseline": (visit.day - course.visits[0].day).days,
        "series": [
            {
                "series_instance_uid": series.series_instance_uid,
                "dicom_modality": series.dicom_modality,
                "lesions": len(series.findings),
            }
            for series in visit.series
        ],
    }


def _lesion(lesion: LesionCourse, names: dict[int, str]) -> Entry:
    return {
        "lesion_id": lesion.lesion_id,
        "dicom_modality": lesion.dicom_modality,
        "label": lesion.label,
        "organ": lesion.organ,
        "lymph_node": lesion.is_node,
        "role": lesion.role.value if lesion.role else None,
        "visits": [
            None if sighting is None else {**_sighting(sighting, names), **_changes(measured)}
            for sighting, measured in zip(lesion.sightings, lesion.measured, strict=True)
        ],
    }


def _sighting(sighting: Sighting, names: dict[int, str]) -> Entry:
    return {
        "status": sighting.status.value,
        "method": sighting.method.value if sighting.method else None,
        "distance_mm": sighting.overlap.distance_mm if sighting.overlap else None,
        "overlap": sighting.overlap.share if sighting.overlap else None,
        "equivocal": sighting.equivocal,
        "merged_into": None if sighting.merged_into is None else names[sighting.merged_into],
        "parts": [_source(part) for part in sighting.parts],
        "candidates": [_source(part) for part in sighting.candidates],
    }


def _source(part: Finding) -> Entry:
    region = part.lesion.region
    return {"label": region.label, "source": region.source, "tracking_uid": region.tracking_uid}


def _changes(measured: Measured) -> Entry:
    return {
        "values": None if measured.values is None else dict(measured.values),
        "from_baseline": {name: asdict(change) for name, change in measured.from_baseline.items()},
        "from_nadir": {name: asdict(change) for name, change in measured.from_nadir.items()},
        "days": measured.days,
        "growth_percent_per_day": measured.growth_percent_per_day,
        "doubling_days": measured.doubling_days,
    }


def _sums(course: Course) -> Entry | None:
    recist = course.recist
    if recist is None:
        return None
    answers: list[VisitResponse | None] = [None, *recist.responses]
    return {
        "dicom_modality": recist.dicom_modality,
        "visits": [
            {"sum_mm": total, **({} if answer is None else _response(answer))}
            for total, answer in zip(recist.sums_mm, answers, strict=True)
        ],
    }


def _response(answer: VisitResponse) -> Entry:
    return {
        "measured_sum_mm": answer.measured_sum_mm,
        "baseline_mm": answer.baseline_mm,
        "nadir_mm": answer.nadir_mm,
        "change_from_baseline_mm": answer.change_from_baseline_mm,
        "change_from_baseline_percent": answer.change_from_baseline_percent,
        "change_from_nadir_mm": answer.change_from_nadir_mm,
        "change_from_nadir_percent": answer.change_from_nadir_percent,
        "target": answer.target.value if answer.target else None,
        "non_target": answer.non_target.value if answer.non_target else None,
        "new_lesion": answer.new_lesion,
        "overall": answer.overall.value,
        "reasons": [reason.value for reason in answer.reasons],
    }


def _alignment(dicom_modality: str, earlier: int, later: int, alignment: Alignment) -> Entry:
    failed = bool(alignment.failed)
    return {
        "dicom_modality": dicom_modality,
        "visits": [earlier + 1, later + 1],
        "method": alignment.method,
        "failed": alignment.failed or None,
        "uncertainty_mm": None if failed else alignment.uncertainty_mm,
        "body_overlap": alignment.body_overlap,
        "common": alignment.common,
        "correlation": alignment.correlation,
        "residual_mm": alignment.residual_mm,
        "found": alignment.found,
        "matrix": alignment.matrix.tolist(),
    }


def _problem(issue: Issue) -> Entry:
    return {"code": issue.code, "severity": issue.severity.value, "message": issue.message, "location": issue.location}
