"""Newline-delimited JSON (FHIR Bulk Data Access 2.0), read line by line in bounded memory.

A file is gone through twice or three times: to see whose it is and what stands in it more than once, then to read.
Of each resource eight bytes are kept on the way; features and issues are bounded by limits.
"""

from __future__ import annotations

import codecs
import io
import math
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.parse import Limits, Parsed, load_within, parsed
from tumorcast_clinical.model.record.patients import patient_named_by
from tumorcast_clinical.model.record.tree import is_broken
from tumorcast_clinical.model.record.versions import newest, version_key
from tumorcast_core.errors import MalformedFhir, PayloadTooLarge
from tumorcast_core.snapshot import Severity

_NAMES_KEPT = 3  # more than one subject is already one too many
_LINES_TRIED = 3


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of one resource a line; ``open_`` gives it from its beginning each time."""

    open_: Callable[[], BinaryIO]
    limits: Limits

    @classmethod
    def of_bytes(cls, data: bytes, limits: Limits) -> Lines:
        """Read lines that are in memory."""
        return cls(lambda: io.BytesIO(data), limits)

    @classmethod
    def of_file(cls, path: Path, limits: Limits) -> Lines:
        """Read the lines of a file, which stays on disk."""
        return cls(lambda: path.open("rb"), limits)

    def are_ndjson(self) -> bool:
        """Whether it is newline-delimited JSON: several lines, and one of the first few a whole JSON object.

        A line many times longer than the limit is not read to its end to find out: then it is not.
        """
        with self.open_() as file:
            lines: list[bytes] = []
            while len(lines) <= _LINES_TRIED and (line := file.readline(self.limits.max_bytes + 1)):
                if len(line) > self.limits.max_bytes:
                    if not _skip_line(file, line, _LINES_TRIED * self.limits.max_bytes):
                        return False
                    lines.append(b"")
                elif not _is_blank(line):
                    lines.append(line)
        if len(lines) < 2 or _is_object(lines[0], self.limits):
            return len(lines) > 1
        return any(_is_object(line, self.limits) for line in lines[1:]) and not self._are_one_document()

    def _are_one_document(self) -> bool:
        """Whether they are one object together, which may have an object on a line of its own."""
        with self.open_() as file:
            data = file.read(self.limits.max_bytes + 1)
        return _is_object(data, self.limits)

    def entries(self, report: Report) -> Iterator[Entry]:
        """Read every line; one that is no resource is told and costs only itself."""
        with self.open_() as file:
            number = 0
            while line := file.readline(self.limits.max_bytes + 1):
                number += 1
                if len(line) > self.limits.max_bytes:
                    message = f"This line is longer than {self.limits.max_bytes} bytes; it is not used."
                    report.add(Severity.ERROR, "PAYLOAD_TOO_LARGE", message, f"line {number}")
                    _skip_line(file, line)
                elif not _is_blank(line):
                    yield from self._line(line, f"line {number}", report)

    def _line(self, line: bytes, location: str, report: Report) -> list[Entry]:
        try:
            root = load_within(line, self.limits)
            return parsed(root, self.limits, report, page=f"{location} ").entries
        except (MalformedFhir, PayloadTooLarge) as e:
            message = e.message.replace("The record", "This line").replace("The Bundle", "This line's Bundle")
            report.add(Severity.ERROR, e.reason, message.removesuffix(".") + "; it is not used.", location)
            return []


@dataclass(frozen=True, slots=True)
class Survey:
    """What must be known of a whole file before it is read."""

    patients: list[Entry]
    subjects: frozenset[str]
    referred: list[Entry]
    dropped: frozenset[str]


def survey(lines: Lines, kinds: frozenset[str], referred: frozenset[str], report: Report) -> Survey:
    """Find the Patients, the subjects of resources of ``kinds``, what others may refer to, and superseded versions.

    ``dropped`` holds the locations of the versions not to be read, which the report has been told.
    """
    unheard = Report()
    keys = array("q")
    patients: list[Entry] = []
    others: list[Entry] = []
    subjects: set[str] = set()
    for entry in lines.entries(unheard):
        keys.append(hash(version_key(entry)))
        if entry.type == "Patient":
            _keep(patients, entry, lines.limits)
        elif entry.type in referred:
            _keep(others, entry, lines.limits)
        if entry.type in kinds and len(subjects) < _NAMES_KEPT:
            name = patient_named_by(entry)
            if name and not is_broken(name):
                subjects.add(name)
    dropped = _superseded(lines, keys, report)
    current = [entry for entry in patients if entry.location not in dropped]
    return Survey(current, frozenset(subjects), [e for e in others if e.location not in dropped], dropped)


def _keep(kept: list[Entry], entry: Entry, limits: Limits) -> None:
    if len(kept) >= limits.max_entries:
        raise PayloadTooLarge(f"The record has more than {limits.max_entries} resources that others may refer to.")
    kept.append(entry)


def _superseded(lines: Lines, keys: array[int], report: Report) -> frozenset[str]:
    values, counts = np.unique(np.frombuffer(keys, np.int64) if keys else np.empty(0, np.int64), return_counts=True)
    repeated = frozenset(values[counts > 1].tolist())
    if not repeated:
        return frozenset()
    rivals: list[Entry] = []
    for entry in lines.entries(Report()):
        if hash(version_key(entry)) in repeated:
            if len(rivals) >= lines.limits.max_entries:
                message = f"More than {lines.limits.max_entries} resources stand in the record more than once."
                raise PayloadTooLarge(message)
            rivals.append(entry)
    kept = {entry.location for entry in newest(Parsed(rivals), report)}
    return frozenset(entry.location for entry in rivals if entry.location not in kept)


def _is_blank(line: bytes) -> bool:
    """Whether a line has nothing but blanks, and a byte order mark where it is the first."""
    return not line.strip() or line.strip() == codecs.BOM_UTF8


def _is_object(line: bytes, limits: Limits) -> bool:
    try:
        return isinstance(load_within(line, limits), dict)
    except (MalformedFhir, PayloadTooLarge):
        return False


def _skip_line(file: BinaryIO, read: bytes, most: float = math.inf) -> bool:
    """Read on to the end of the line; whether that came before ``most`` more bytes."""
    skipped = 0
    while read and not read.endswith(b"\n"):
        if skipped >= most:
            return False
        read = file.readline(1 << 20)
        skipped += len(read)
    return True
