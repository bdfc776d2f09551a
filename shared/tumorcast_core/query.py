"""The query: what a caller asks and gives. The domain twin of ``CreatePrognosisRequest``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from tumorcast_core.dates import is_day, is_fhir_date
from tumorcast_core.errors import MalformedRequest, NoInput, PayloadTooLarge
from tumorcast_core.snapshot import Feature, PlannedTherapy, Timepoint

MAX_TIMEPOINTS = 32
MAX_DOCUMENTS = 1_000
MAX_FEATURES = 10_000
MAX_HORIZONS = 100
COMPARATORS = ("", "<", "<=", ">=", ">")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")  # PS3.5 section 9, with leading zeros tolerated
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 section 2.24.0.1, data type id


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """One clinical document; empty fields are not known."""

    id: str
    date: str
    content_type: str
    content: bytes
    timepoint: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class FhirPatient:
    """A patient on a FHIR R4 server: ``<base_url>/Patient/<patient_id>``."""

    base_url: str
    patient_id: str

    def faults(self) -> Iterator[str]:
        """Say what is no URL or id; whether the host is allowed is the clinical service's matter.

        >>> list(FhirPatient("https://me:password@ehr.example.org/fhir", "17").faults())
        ['base_url must be an http(s) URL without user, query and fragment.']
        """
        if not _is_base_url(self.base_url):
            yield "base_url must be an http(s) URL without user, query and fragment."
        if not _FHIR_ID.fullmatch(self.patient_id) or self.patient_id in (".", ".."):
            yield "patient_id must be a FHIR id."


Record = bytes | FhirPatient
"""A structured record: FHIR R4 JSON or NDJSON as it came, or where to fetch it."""


@dataclass(frozen=True, slots=True, repr=False)
class Query:
    """One query. An empty ``index_date`` means the latest date seen in the input.

    ``fhir`` is R4 JSON or NDJSON, unparsed; ``fhir_server`` says where to fetch the record instead.
    """

    model: str
    patient_id: str = ""
    index_date: str = ""
    horizons_days: tuple[float, ...] = ()
    fhir: bytes = b""
    fhir_server: FhirPatient | None = None
    documents: tuple[Document, ...] = ()
    timepoints: tuple[Timepoint, ...] = ()
    features: tuple[Feature, ...] = ()
    planned_therapies: tuple[PlannedTherapy, ...] = ()

    @property
    def record(self) -> Record | None:
        """The structured record or where it lies; ``None`` if there is none."""
        return self.fhir_server or self.fhir or None

    def check(self) -> None:
        """Raise ``MalformedRequest``, ``PayloadTooLarge`` or ``NoInput`` unless the query makes sense by itself."""
        for too_many in _excesses(self):
            raise PayloadTooLarge(too_many)
        for fault in _faults(self):
            raise MalformedRequest.at(fault.partition(" ")[0], fault)
        studies = any(t.study_instance_uid for t in self.timepoints)
        if not (self.record or self.documents or studies or self.features):
            raise NoInput


def _excesses(query: Query) -> Iterator[str]:
    limits = {
        "timepoints": MAX_TIMEPOINTS,
        "documents": MAX_DOCUMENTS,
        "features": MAX_FEATURES,
        "horizons_days": MAX_HORIZONS,
        "planned_therapies": MAX_FEATURES,
    }
    for name, limit in limits.items():
        if len(getattr(query, name)) > limit:
            yield f"There are more than {limit} {name}."


def _faults(query: Query) -> Iterator[str]:
    """Each begins with the path of the part that is at fault."""
    if not query.model:
        yield "model is required."
    if query.index_date and not is_day(query.index_date):
        yield "index_date must be a day, YYYY-MM-DD."
    for i, horizon in enumerate(query.horizons_days):
        if not (math.isfinite(horizon) and horizon > 0):
            yield f"horizons_days[{i}] must be a finite number of days above 0."
    yield from _record_faults(query)
    yield from _timepoint_faults(query.timepoints)
    for i, feature in enumerate(query.features):
        if feature.comparator not in COMPARATORS:
            yield f"features[{i}].comparator must be one of <, <=, >= and >."
    for where, date in _dates(query):
        if date and not is_fhir_date(date):
            yield f"{where} must be an ISO 8601 date."


def _record_faults(query: Query) -> Iterator[str]:
    if query.fhir and query.fhir_server:
        yield "fhir and fhir_server exclude each other."
    if query.fhir_server:
        yield from (f"fhir_server.{fault}" for fault in query.fhir_server.faults())


def _is_base_url(text: str) -> bool:
    """Whether it can be the base URL of a FHIR server (FHIR R4 section 3.1.0.1.1)."""
    try:
        url = urlsplit(text)
        has_host = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    plain = "@" not in url.netloc and not set("?#\\") & set(text)
    return has_host and printable and plain and url.scheme in ("http", "https")


def _dates(query: Query) -> Iterator[tuple[str, str]]:
    yield from ((f"documents[{i}].date", document.date) for i, document in enumerate(query.documents))
    yield from ((f"features[{i}].effective", feature.effective) for i, feature in enumerate(query.features))
    yield from ((f"planned_therapies[{i}].start_date", t.start_date) for i, t in enumerate(query.planned_therapies))


def _timepoint_faults(timepoints: tuple[Timepoint, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for i, timepoint in enumerate(timepoints):
        if not timepoint.role:
            yield f"timepoints[{i}].role is required."
        if timepoint.role in seen:
            yield f"timepoints[{i}].role is the role of another timepoint."
        seen.add(timepoint.role)
        if timepoint.date and not is_day(timepoint.date):
            yield f"timepoints[{i}].date must be a day, YYYY-MM-DD."
        for name in ("study_instance_uid", "segmentation_uid"):
            uid = getattr(timepoint, name)
            if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
                yield f"timepoints[{i}].{name} must be a DICOM UID."
