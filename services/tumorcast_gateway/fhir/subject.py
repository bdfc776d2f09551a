"""Who and where the resources point to: the patient, and what a prognosis rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tumorcast_core.dates import read_date
from tumorcast_gateway.fhir.codes import Json, dicom_uid, is_id, local_reference, plain

_FHIR_DATE_TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?)?)?"
)
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_URL = re.compile(r"(?:https?://|urn:uuid:)[^\s\"<>#]{1,500}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where references lead: ``ehr`` is the base URL of the EHR's FHIR API, empty where none is configured.

    ``at_ehr``: the resources are written to that server, so that ``Type/id`` is its own.
    """

    ehr: str = ""
    at_ehr: bool = False

    def patient(self, patient_id: str) -> Json:
        """The subject; with an EHR, an id that can be one is that server's (FHIR id of ``Patient``)."""
        told = plain(patient_id)
        if not told:
            return {"display": "anonymous patient"}
        named: Json = {"type": "Patient", "identifier": {"value": told}}
        if not (self.ehr and is_id(patient_id)):
            return named
        base = "" if self.at_ehr else f"{self.ehr.rstrip('/')}/"
        return {"reference": f"{base}Patient/{patient_id}", "type": "Patient"}

    def source(self, source: str) -> Json | None:
        """A reference to where a fact was read; ``None`` where that is neither FHIR, nor DICOM, nor a URL.

        Without a server to resolve it, and on the EHR itself, where the record may have come from elsewhere and a
        dangling reference would be refused, ``Type/id`` is told in words.
        """
        if found := local_reference(source):
            kind, id_ = found
            if self.ehr and not self.at_ehr:
                return {"reference": f"{self.ehr.rstrip('/')}/{kind}/{id_}", "type": kind}
            return {"type": kind, "display": f"{kind}/{id_}"}
        where = source.partition("#")[0]
        if _UID.fullmatch(where) and len(where) <= 64:
            return {"identifier": dicom_uid(where), "display": f"DICOM object {where}"}
        if _URL.fullmatch(where):
            return {"display": where} if self.at_ehr else {"reference": where}
        return None

    def sources(self, sources: Iterable[str]) -> list[Json]:
        """References to all of them, each once, in order."""
        found: dict[str, Json] = {}
        for source in sources:
            if reference := self.source(source):
                found.setdefault(repr(reference), reference)
        return list(found.values())


NOWHERE = Place()
"""No EHR is configured."""


def fhir_date(written: str) -> str:
    """The date as FHIR takes it; a time without zone or seconds is cut to its day; empty where it is no date.

    >>> fhir_date("2026-03-04T10:00"), fhir_date("2026-03"), fhir_date("soon")
    ('2026-03-04', '2026-03', '')
    """
    found = read_date(written)
    if found is None:
        return ""
    return found.text if _FHIR_DATE_TIME.fullmatch(found.text) else found.first.isoformat()
