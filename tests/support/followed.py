"""Stored prognoses whose snapshots hold lesions followed over visits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from support.full_prognosis import FULL
from support.gateway import ALBUMIN
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.snapshot import Coding, Feature, MeasuredLesion, PatientSnapshot, Timepoint
from tumorcast_gateway.model.records import PredictionRecord

ID = "0123456789abcdef0123456789abcdef"
LIVER = Coding("http://snomed.info/sct", "10200004", "Liver structure")


def lesion(
    uid: str, day: str, longest: float | None, short: float | None = None, *, role: str = "", organ: str = "liver"
) -> MeasuredLesion:
    """One lesion on the CT of a day, whose timepoint is named after it unless told otherwise."""
    found = [("tumor_longest_diameter", longest, "mm"), ("tumor_short_axis", short, "mm")]
    role = role or f"visit {day}"
    return MeasuredLesion(
        tracking_uid=uid,
        label=f"lesion {uid}",
        series_instance_uid=f"1.2.{day.replace('-', '')}",
        dicom_modality="CT",
        source=f"1.3.{day.replace('-', '')}#segment=1",
        date=day,
        measurements=tuple(Feature(name, mm, unit, timepoint=role) for name, mm, unit in found if mm is not None),
        timepoint=role,
        site=LIVER if organ == "liver" else None,
        organ=organ,
        lymph_node=organ == "lymph node",
    )


def snapshot(*lesions: MeasuredLesion, patient_id: str = "17", features: tuple[Feature, ...] = ()) -> PatientSnapshot:
    """A snapshot of these lesions, each visit a study of its own."""
    roles = {found.timepoint: found.date for found in lesions}
    timepoints = tuple(Timepoint(role, day, f"1.9.{i}") for i, (role, day) in enumerate(roles.items(), 1))
    return PatientSnapshot(patient_id, "2026-03-04", (ALBUMIN, *features), timepoints=timepoints, lesions=lesions)


FOLLOWED = snapshot(
    lesion("1.5.1", "2025-12-01", 50.0, 30.0),
    lesion("1.5.2", "2025-12-01", 40.0, 20.0, organ="lung"),
    lesion("1.5.1", "2026-03-01", 35.0, 21.0),
    lesion("1.5.2", "2026-03-01", 28.0, 15.0, organ="lung"),
)
"""Sum of diameters 90 mm, then 63 mm: 30 % less, a partial response."""


def record(snapshot: PatientSnapshot = FOLLOWED, prognosis: Prognosis = FULL) -> PredictionRecord:
    """A stored prognosis of that snapshot."""
    return PredictionRecord(
        prognosis_id=ID,
        patient="ab" * 16,
        created_at=datetime(2026, 3, 4, 12, 30, tzinfo=UTC),
        horizons_days=(),
        code_version="7.0.0",
        snapshot=snapshot,
        prognosis=replace(prognosis, prognosis_id=ID),
    )
