"""The lesions of several studies followed over time, as the document of ``tumorcast imaging change``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tumorcast_core.errors import InvalidInput
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_imaging.dicom import open_study, reasons
from tumorcast_imaging.model.change import (
    Alignment,
    Course,
    DrawnSeries,
    LesionCourse,
    Measured,
    Sighting,
    course,
    drawn,
)
from tumorcast_platform.commands.imaging.entries import Entry, safely_named
from tumorcast_platform.commands.imaging.folder import drawn_on, measured_lesions, read_marked
from tumorcast_platform.console import Progress

if TYPE_CHECKING:
    from tumorcast_core.recist import VisitResponse
    from tumorcast_imaging.dicom import Study
    from tumorcast_imaging.model.change.finding import Finding, Visit


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
    read = read_marked(study, study.segmentations)
    issues = [*read.issues, *([] if study.segmentations else [reasons.issue("SEGMENTATION_MISSING")])]
    series = []
    for one in drawn_on(read):
        measured, problems = measured_lesions(one.volume, one.regions)
        lesions = [replace(lesion, region=safely_named(lesion.region, one.volume)) for lesion in measured]
        told = [*one.issues, *problems]
        issues += told
        complete = not any(issue.severity in (Severity.ERROR, Severity.FATAL) for issue in told)
        if lesions:
            series.append(drawn(one.volume, lesions, complete=complete))
    return series, issues


def followed(series: Sequence[DrawnSeries], issues: Sequence[Issue]) -> Course:
    """The course of the lesions; where there is none, ``InvalidInput`` says which problems may be why."""
    try:
        return course(series)
    except InvalidInput as e:
        codes = sorted({issue.code for issue in issues if issue.severity in (Severity.ERROR, Severity.FATAL)})
        raise InvalidInput(f"{e.message} Found on the way: {', '.join(codes)}." if codes else e.message) from e


def document(found: Course, issues: Sequence[Issue] = ()) -> Entry:
    """A course as JSON holds it; lesions of no date and nothing of the patient but days of studies."""
    names = {lesion.number: lesion.lesion_id for lesion in found.lesions}
    return {
        "visits": [_visit(visit, found) for visit in found.visits],
        "lesions": [_lesion(lesion, names) for lesion in found.lesions],
        "sum_of_diameters": _sums(found),
        "alignments": [_alignment(*made) for made in found.alignments],
        "features": [feature_entry(feature) for feature in found.features],
        "problems": [_problem(issue) for issue in (*issues, *found.issues)],
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


def _visit(visit: Visit, found: Course) -> Entry:
    return {
        "day": visit.day.isoformat(),
        "days_from_baseline": (visit.day - found.visits[0].day).days,
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


def _sums(found: Course) -> Entry | None:
    recist = found.recist
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
