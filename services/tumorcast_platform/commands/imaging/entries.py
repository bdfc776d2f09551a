"""Pieces that the JSON documents of several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tumorcast_core.errors import TumorcastError
    from tumorcast_core.snapshot import Feature, Issue
    from tumorcast_imaging.dicom import RefusedSeries, Region, Volume

Entry = dict[str, Any]


def problem_entry(issue: Issue) -> dict[str, str]:
    """An issue; what is mere information elsewhere (a copy was left out) is a warning here."""
    severity = "error" if issue.severity in ("error", "fatal") else "warning"
    return {"code": issue.code, "severity": severity, "message": issue.message}


def problem_of(error: TumorcastError, location: str = "") -> Issue:
    """What could not be done to one of several things, told beside the others."""
    from tumorcast_core.snapshot import Issue, Severity

    return Issue(Severity.ERROR, error.reason, error.message, location)


def series_entry(found: Volume | RefusedSeries) -> Entry:
    """Which series, and which part of it where it holds several volumes."""
    part = {"part": found.part} if found.part else {}
    return {"series_instance_uid": found.series_instance_uid, **part, "dicom_modality": found.dicom_modality}


def measures_entry(made: Sequence[Feature]) -> Entry:
    """Measures by their name in the catalog."""
    return {feature.name: {"value": feature.value, "unit": feature.unit} for feature in made}


def safely_named(region: Region, volume: Volume) -> Region:
    """The region under what the reader called it; under its number if that is empty or has the patient's id in it."""
    shown = region.label.strip()
    hidden = not shown or (volume.patient_id and volume.patient_id.lower() in shown.lower())
    return replace(region, label=f"{region.kind} {region.number}") if hidden else region
