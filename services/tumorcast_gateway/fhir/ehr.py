"""The EHR, written to by one transaction: each resource is created only where none of its identifier is there yet.

FHIR R4 section 3.1.0.8.1 (conditional create) and 3.1.0.11 (transaction: all or nothing). Sending the same prognosis
again, also after a time-out that leaves open whether it arrived, makes no second resource.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    FhirAccessDenied,
    PatientNotFound,
    ResourceExhausted,
    ServiceUnavailable,
    WriteBackRefused,
)
from tumorcast_core.outbound import Answer, Outbound
from tumorcast_gateway.fhir.codes import is_id
from tumorcast_gateway.fhir.documents import transaction
from tumorcast_gateway.fhir.subject import Place
from tumorcast_gateway.model.ports import EhrPort
from tumorcast_gateway.model.records import PredictionRecord, WrittenResource
from tumorcast_gateway.settings import Settings

_LOCATION = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_DENIED, _AMBIGUOUS = (401, 403), 412
_BUSY = (408, 429, 500, 502, 503, 504)


class Ehr:
    """A FHIR R4 server at ``base_url``; ``token`` gives the bearer token of now, empty for none."""

    def __init__(self, outbound: Outbound, base_url: str, token: Callable[[], str]) -> None:
        self._outbound, self._url, self._token = outbound, base_url.rstrip("/"), token

    async def write(self, record: PredictionRecord, deadline: Deadline) -> tuple[WrittenResource, ...]:
        """Create what is not there yet (``EhrPort``)."""
        if not is_id(record.snapshot.patient_id):
            raise PatientNotFound("The prognosis is of no patient of the FHIR server.")
        bundle = transaction(record, Place(self._url, at_ehr=True))
        content = msgspec.json.encode(bundle)
        answer = await self._outbound.send(
            "POST", self._url, headers=self._headers(), content=content, deadline=deadline
        )
        _check(answer.status)
        return _written(answer, [entry["resource"]["resourceType"] for entry in bundle["entry"]])

    def _headers(self) -> dict[str, str]:
        headers = {
            "Accept": "application/fhir+json",
            "Content-Type": "application/fhir+json; charset=utf-8",
            "Prefer": "return=minimal",
        }
        token = self._token()
        if token and not _TOKEN.fullmatch(token):
            raise FhirAccessDenied("The token for the FHIR server is not one.")
        return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def ehr_of(settings: Settings, outbound: Outbound) -> EhrPort | None:
    """What the settings say; ``None``: nothing is written back."""
    if not settings.fhir_write_back:
        return None
    return Ehr(outbound, settings.fhir_base_url, lambda: _token(settings))


def _token(settings: Settings) -> str:
    path: Path | None = settings.fhir_token_file
    if path is None:
        return settings.fhir_token.get_secret_value()
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as e:
        raise FhirAccessDenied("The token for the FHIR server cannot be read.") from e


def _check(status: int) -> None:
    """Raise unless the server took it; what it says about the patient is not repeated."""
    if status in _DENIED:
        raise FhirAccessDenied
    if status == _AMBIGUOUS:
        raise WriteBackRefused("The FHIR server holds several resources of this prognosis already.")
    if status == 429:
        raise ResourceExhausted("The FHIR server is at its limit; try again later.")
    if status in _BUSY:
        raise ServiceUnavailable(f"The FHIR server failed with status {status}.")
    if not 200 <= status < 300:
        raise WriteBackRefused(f"The FHIR server refuses the resources with status {status}.")


def _written(answer: Answer, kinds: list[str]) -> tuple[WrittenResource, ...]:
    """What became of each entry; raises where one failed, or the answer does not tell."""
    bundle = answer.json()
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    if not isinstance(entries, list) or len(entries) != len(kinds):
        raise ServiceUnavailable("The FHIR server does not say what became of the resources.")
    return tuple(_entry(kind, entry) for kind, entry in zip(kinds, entries, strict=True))


def _entry(kind: str, entry: Any) -> WrittenResource:
    response = entry.get("response") if isinstance(entry, dict) else None
    told = response if isinstance(response, dict) else {}
    code = str(told.get("status", ""))[:3]
    if not code.isdecimal():
        raise ServiceUnavailable("The FHIR server does not say what became of the resources.")
    _check(int(code))
    found = _LOCATION.fullmatch(str(told.get("location", "")))
    reference = found[1] if found and found[1].startswith(f"{kind}/") else ""
    return WrittenResource(kind, reference, int(code) == 201)
