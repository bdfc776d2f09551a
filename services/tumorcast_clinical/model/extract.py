"""The walk through a record: parse → one version each → validate → whose → read → derive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorcast_clinical.model.derived import derive
from tumorcast_clinical.model.readers import READERS, Context, Reading
from tumorcast_clinical.model.readers.patient import read_patient
from tumorcast_clinical.model.readers.significance import weighed
from tumorcast_clinical.model.record.collector import collector_paused
from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark, latest_day, reference_day
from tumorcast_clinical.model.record.lines import Lines, survey
from tumorcast_clinical.model.record.parse import Limits, Parsed, parse, parse_pages
from tumorcast_clinical.model.record.patients import OTHERS, Subject, identify, patient_named_by
from tumorcast_clinical.model.record.references import Referred
from tumorcast_clinical.model.record.versions import newest
from tumorcast_clinical.model.rivals import in_order, settle
from tumorcast_clinical.model.unread import REFERRED, tell_contained, tell_unread, tell_unreferred
from tumorcast_clinical.model.validation.resources import is_valid
from tumorcast_core.errors import PayloadTooLarge
from tumorcast_core.snapshot import Extraction, Severity

_DEFAULT_LIMITS = Limits()
_KINDS = frozenset(READERS)
_LOOKED_UP = REFERRED | OTHERS | {"Patient"}
"""Types that must be known before the others are read."""


def extract_features(
    fhir: bytes | Sequence[bytes], index_date: str = "", limits: Limits = _DEFAULT_LIMITS, patient_id: str = ""
) -> Extraction:
    """Read one patient's FHIR R4 record: features in the catalog's units, and an issue for whatever is not used.

    ``fhir`` is JSON of a Bundle or a resource, newline-delimited JSON, or the pages of a server's answer.
    ``index_date`` is a day (YYYY-MM-DD); nothing dated later is used. ``patient_id`` chooses one of several patients.
    Raises ``MalformedFhir`` or ``PayloadTooLarge`` if the record as a whole cannot be read, ``MalformedRequest`` if
    the index date is no day.
    """
    walk = _Walk(Landmark.at(index_date), limits, patient_id, Report())
    if isinstance(fhir, bytes) and len(fhir) <= limits.max_bytes:
        lines = Lines.of_bytes(fhir, limits)
        if lines.are_ndjson():
            return walk.of_lines(lines)
    with collector_paused():
        if isinstance(fhir, bytes):
            return walk.of_entries(parse(fhir, limits, walk.report))
        return walk.of_entries(parse_pages(fhir, limits, walk.report))


def extract_file(
    path: Path, index_date: str = "", limits: Limits = _DEFAULT_LIMITS, patient_id: str = ""
) -> Extraction:
    """Read a file as ``extract_features`` does; newline-delimited JSON may be of any length and stays on disk."""
    if path.stat().st_size <= limits.max_bytes:
        return extract_features(path.read_bytes(), index_date, limits, patient_id)
    lines = Lines.of_file(path, limits)
    if not lines.are_ndjson():
        raise PayloadTooLarge(f"The FHIR record is larger than {limits.max_bytes} bytes.")
    return _Walk(Landmark.at(index_date), limits, patient_id, Report()).of_lines(lines)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk through one record."""

    landmark: Landmark
    limits: Limits
    patient_id: str
    report: Report

    def of_entries(self, parsed: Parsed) -> Extraction:
        """Read entries that are all in memory."""
        current, unheard = newest(parsed, self.report), Report()
        first = [e for e in current if e.type in _LOOKED_UP and is_valid(e, unheard, self.limits.max_depth)]
        patients = [entry for entry in first if entry.type == "Patient"]
        others = [entry.full_url for entry in first if entry.type in OTHERS]
        entries: Iterable[Entry] = self._valid(current, first)
        named: list[str] = []
        if len(patients) != 1:
            entries = list(entries)
            named = [patient_named_by(entry) for entry in entries if entry.type in _KINDS]
        subject = identify(patients, named, self.patient_id, others)
        if subject is None:
            for entry in entries:
                if entry.type in _KINDS or entry.type in REFERRED or entry.type == "Patient":
                    message = "stands in a record of several patients; nothing of it is used."
                    self.report.error(entry, "SEVERAL_PATIENTS", message)
                else:
                    tell_unread(entry, self.report)
            return Extraction(issues=self.report.issues)
        return self._read(entries, subject, [entry for entry in first if entry.type in REFERRED])

    def of_lines(self, lines: Lines) -> Extraction:
        """Read newline-delimited JSON, of which only what is found stays in memory."""
        found = survey(lines, _KINDS, REFERRED, self.report)
        unheard, max_depth = Report(), self.limits.max_depth
        patients = [entry for entry in found.patients if is_valid(entry, unheard, max_depth)]
        referred = [entry for entry in found.referred if is_valid(entry, unheard, max_depth)]
        subject = identify(patients, found.subjects, self.patient_id)
        if subject is None:
            message = "The record is of several patients; nothing of it is used. Name the one that is meant."
            self.report.add(Severity.ERROR, "SEVERAL_PATIENTS", message)
            return Extraction(issues=self.report.issues)
        current = (entry for entry in lines.entries(self.report) if entry.location not in found.dropped)
        return self._read(self._valid(current), subject, referred, forget=True)

    def _valid(self, entries: Iterable[Entry], known: Sequence[Entry] = ()) -> Iterator[Entry]:
        """Check each entry right before it is read, while it is at hand; those ``known`` to be valid were checked."""
        report, max_depth, checked = self.report, self.limits.max_depth, {id(entry) for entry in known}
        return (entry for entry in entries if id(entry) in checked or is_valid(entry, report, max_depth))

    def _read(
        self, entries: Iterable[Entry], subject: Subject, referred: list[Entry], *, forget: bool = False
    ) -> Extraction:
        own = [e for e in referred if e.type != "Condition" or subject.owns(e, Report())]
        context = Context(self.landmark, self.report, Referred(own))
        readings = self._read_all(entries, subject, context, forget=forget) + weighed(context)
        tell_unreferred(referred, context.referred, self.report)
        seen = [r.when for r in readings if r.when] + [c.begin for c in context.courses if c.begin]
        today = reference_day(self.landmark, seen)
        if subject.entry:
            readings += read_patient(subject.entry, today, context)
        counted = settle(readings, self.report)
        features = [reading.feature for reading in readings] + derive(counted, context, today)
        latest = latest_day(seen)
        date = latest.first.isoformat() if latest else ""
        return Extraction(in_order(features), issues=self.report.issues, patient_id=subject.id, date=date)

    def _read_all(self, entries: Iterable[Entry], subject: Subject, context: Context, *, forget: bool) -> list[Reading]:
        readings: list[Reading] = []
        for entry in entries:
            read = READERS.get(entry.type)
            if read is None:
                tell_unread(entry, self.report)
                subject.tell_if_other(entry, self.report)
            elif subject.owns(entry, self.report):
                readings += read(entry, context)
                tell_contained(entry, self.report)
            if forget:
                entry.forget()
            if len(readings) + len(context.unweighed) > 2 * self.limits.max_entries:
                raise PayloadTooLarge(f"The record has more than {2 * self.limits.max_entries} results.")
        return readings
