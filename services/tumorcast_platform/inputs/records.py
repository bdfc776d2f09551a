"""The structured record: a file of FHIR R4 JSON or NDJSON, or a patient on a FHIR server."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from pathlib import Path

from tumorcast_core.errors import InvalidInput, MalformedFhir
from tumorcast_core.query import FhirPatient

_NDJSON = (".ndjson", ".jsonl")
_PATIENT = "/Patient/"


@dataclass(frozen=True, slots=True)
class FhirCredentials:
    """With what a FHIR server is asked: nothing, a bearer token, or SMART Backend Services.

    ``smart_key`` is a private key as PEM or JWK; an empty ``smart_token_url`` is the one that the server names.
    """

    token_file: Path | None = None
    smart_client_id: str = ""
    smart_key: Path | None = None
    smart_token_url: str = ""


def is_url(text: str) -> bool:
    """Whether it is meant as a URL.

    >>> is_url("https://ehr.example.org/fhir/Patient/17"), is_url("record.json")
    (True, False)
    """
    return "://" in text


def fhir_patient(url: str) -> FhirPatient:
    """Take the URL of a Patient apart; raises ``InvalidInput``.

    >>> patient = fhir_patient("https://ehr.example.org/fhir/Patient/17")
    >>> patient.base_url, patient.patient_id
    ('https://ehr.example.org/fhir', '17')
    """
    base_url, _, patient_id = url.removesuffix("/").rpartition(_PATIENT)
    patient = FhirPatient(base_url, patient_id)
    if any(patient.faults()):
        raise InvalidInput("The FHIR URL must be that of a patient: http(s)://HOST/BASE/Patient/ID, nothing after it.")
    return patient


def read_record(file: Path) -> bytes:
    """Read a FHIR record as it is: NDJSON where the name says so, else one JSON object.

    Raises ``MalformedFhir`` for what could not stand inside a query; all else is the clinical reader's to judge.
    """
    content = file.read_bytes().removeprefix(codecs.BOM_UTF8).strip()
    if file.suffix.lower() in _NDJSON:
        return _checked_text(content)
    if not is_json_object(content):
        raise MalformedFhir("The FHIR file must hold one JSON object, or be named .ndjson.")
    return content


def is_json_object(content: bytes, *, strict: bool = False) -> bool:
    r"""Whether it is one JSON object and nothing else; ``strict`` takes no NaN and no infinity in it, as RFC 8259.

    >>> is_json_object(b'{"a": NaN}'), is_json_object(b'{"a": NaN}', strict=True), is_json_object(b'{}\\n{}')
    (True, False, False)
    """
    try:
        return isinstance(json.loads(content, parse_constant=_refuse if strict else None), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON.")


def _checked_text(content: bytes) -> bytes:
    try:
        content.decode()
    except UnicodeDecodeError as e:
        raise MalformedFhir("The NDJSON file is not text in UTF-8.") from e
    if not content:
        raise MalformedFhir("The NDJSON file is empty.")
    return content
