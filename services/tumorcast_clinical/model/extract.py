"""The walk through a record: parse → one version each → validate → whose → read → derive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from tumorcast_clinical.model.derived import derive
from tumorcast_clinical.model.readers import READERS, Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_clinical.model.readers.patient import read_patient
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark, reference_day
from tumorcast_clinical.model.record.parse import Limits, parse
from tumorcast_clinical.model.record.patients import identify
from tumorcast_clinical.model.record.tree import Json, child, items, text
from tumorcast_clinical.model.record.versions import newest
from tumorcast_clinical.model.validation.resources import is_valid
from tumorcast_core.snapshot import Extraction, Feature, Severity

_DEFAULT_LIMITS = Limits()
_REFERRED = frozenset({"Medication"})
_SEVERITIES = {"fatal": Severity.ERROR, "error": Severity.ERROR, "warning": Severity.WARNING}


def extract_features(fhir: bytes, index_date: str = "", limits: Limits = _DEFAULT_LIMITS) -> Extraction:
    """Read one patient's FHIR R4 JSON: features in the catalog's units, and an issue for whatever is not used.

    ``index_date`` is a day (YYYY-MM-DD); nothing dated later is used. Raises ``MalformedFhir`` or ``PayloadTooLarge``
    if the record as a whole cannot be read, ``MalformedRequest`` if the index date is no day.
    """
    landmark, report = Landmark.at(index_date), Report()
    entries = [entry for entry in newest(parse(fhir, limits, report), report) if is_valid(entry, report)]
    subject = identify([e for e in entries if e.type in READERS or e.type == "Patient"], report)
    if subject is None:
        return Extraction(issues=report.issues)
    context = Context(landmark, report, _referred(entries))
    readings = _read_all([e for e in entries if e.type != "Patient"], subject.owns, context)
    seen = [r.when for r in readings if r.when] + [c.begin for c in context.courses if c.begin]
    today = reference_day(landmark, seen)
    if subject.entry:
        readings += read_patient(subject.entry, today, context)
    _tell_rivals(readings, report)
    features = [reading.feature for reading in readings] + derive(readings, context, today)
    latest = reference_day(Landmark(None), seen)
    return Extraction(
        features=tuple(sorted(features, key=_order)),
        issues=report.issues,
        patient_id=subject.id,
        date=latest.first.isoformat() if latest else "",
    )


def _read_all(entries: list[Entry], owns: Callable[[Entry, Report], bool], context: Context) -> list[Reading]:
    readings: list[Reading] = []
    report = context.report
    for entry in entries:
        read = READERS.get(entry.type)
        if read is not None:
            if owns(entry, report):
                readings += read(entry, context)
                _tell_contained(entry, report)
        elif entry.type == "OperationOutcome":
            _tell_outcome(entry, report)
        elif entry.type not in _REFERRED:
            report.inform(entry, "UNUSED_RESOURCE", "is of a type that no feature is read from.")
    return readings


def _referred(entries: list[Entry]) -> dict[str, Json]:
    """Resources that others refer to, by everything that a reference may call them."""
    found = [entry for entry in entries if entry.type in _REFERRED]
    return {name: entry.resource for entry in found for name in (entry.full_url, entry.source) if name}


def _tell_outcome(entry: Entry, report: Report) -> None:
    """Pass on a server's OperationOutcome among the results: something may be missing from them."""
    worst = {_SEVERITIES.get(text(issue, "severity")) for issue in items(entry.resource, "issue")}
    severity = Severity.ERROR if Severity.ERROR in worst else Severity.WARNING
    message = "is the server's word that the record may be incomplete."
    report.add(severity, "OPERATION_OUTCOME", f"{entry.title} {message}", entry.location)


def _tell_contained(entry: Entry, report: Report) -> None:
    if "contained" not in entry.resource:
        return
    reference = text(child(entry.resource, "medicationReference"), "reference")
    for i, item in enumerate(items(entry.resource, "contained")):
        if f"#{text(item, 'id')}" != reference:
            report.inform(entry, "UNUSED_RESOURCE", "contains a resource that is not read.", f"contained[{i}]")


def _tell_rivals(readings: list[Reading], report: Report) -> None:
    """Warn of final values of one quantity at one time that differ: which of them counts is chance."""
    rivals: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.feature.status not in NOT_FINAL:
            rivals[reading.feature.name, reading.feature.effective].append(reading)
    for same in rivals.values():
        if len(same) > 1 and len({(reading.feature.value, reading.feature.comparator) for reading in same}) > 1:
            message = f"states {same[0].feature.name} otherwise than another result of the same time."
            for reading in same:
                report.warn(reading.entry, "SEVERAL_VALUES", message)


def _order(feature: Feature) -> tuple[str, str, bool, str, str]:
    """By name and time; of the same time what is not final stands first, as the last counts (``snapshot.feature``)."""
    return feature.name, feature.effective, feature.status not in NOT_FINAL, feature.source, str(feature.value)
