"""The input of ``$prognosis``: FHIR R4 Parameters, or their primitive ones in a URL, as a query.

The record stays the bytes that came: ``1.00`` reaches the clinical service as ``1.00``. All else is read strictly: a
name that is not known, one that may stand once and stands twice, and a value of another type are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tumorcast_core.errors import MalformedRequest, PayloadTooLarge
from tumorcast_core.query import MAX_DOCUMENTS, MAX_HORIZONS, MAX_TIMEPOINTS, Document, FhirPatient, Query
from tumorcast_core.snapshot import Timepoint
from tumorcast_gateway.fhir.codes import DICOM_UID, UCUM, Json

DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.4375, "a": 365.25}  # UCUM table 4
MOST_DAYS = 1e9
MAX_PARAMETERS = MAX_DOCUMENTS + MAX_TIMEPOINTS + MAX_HORIZONS + 10
MANY = frozenset({"document", "timepoint", "horizon"})
KNOWN = MANY | {"model", "subject", "patient", "record", "index-date"}
_STRINGS = ("valueString", "valueCode", "valueId", "valueUri", "valueMarkdown")
_DATES = ("valueDate", "valueDateTime", "valueInstant", "valueString")
_BESIDE_VALUES = frozenset({"name", "id", "extension"})


class _Parameter(msgspec.Struct):
    """One parameter, with its resource as it came."""

    fields: dict[str, Any]
    resource: bytes = b""


def from_body(body: bytes, subject: str = "", server: str = "") -> Query:
    """Read Parameters; ``subject`` is the patient in the URL, ``server`` the EHR's base URL, or either is empty.

    Without a ``record`` a patient's record is fetched from the server. Raises ``MalformedRequest``, and
    ``PayloadTooLarge`` for more parameters than any query has.
    """
    return _query(_parameters(body), subject, server)


def from_url(pairs: Iterable[tuple[str, str]], subject: str, server: str = "") -> Query:
    """Read the parameters of a URL (FHIR R4 section 3.2.0.2); names that begin with ``_`` are of FHIR itself."""
    return _query([_of_url(name, value) for name, value in pairs if not name.startswith("_")], subject, server)


def _of_url(name: str, value: str) -> tuple[str, _Parameter]:
    if name == "horizon":
        try:
            return name, _Parameter({"valueDecimal": float(value)})
        except ValueError as e:
            raise MalformedRequest("horizon must be a number of days.") from e
    if name in ("model", "index-date"):
        return name, _Parameter({"valueString": value})
    raise MalformedRequest("A URL takes model, index-date and horizon; send all else as Parameters.")


def _parameters(body: bytes) -> list[tuple[str, _Parameter]]:
    try:
        top = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        given = msgspec.json.decode(top.get("parameter", msgspec.Raw(b"[]")), type=list[dict[str, msgspec.Raw]])
        kind = msgspec.json.decode(top.get("resourceType", msgspec.Raw(b"null")))
        if len(given) > MAX_PARAMETERS:
            raise PayloadTooLarge(f"There are more than {MAX_PARAMETERS} parameters.")
        found = list(map(_parameter, given))
        resources = [parameter.resource for _, parameter in found if parameter.resource]
        if len(resources) > 1:
            raise MalformedRequest("There is more than one resource; record may stand once.")
        unread = resources[0] if resources else b"null"
        json.loads(body.replace(unread, b"null", 1), object_pairs_hook=_no_key_twice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as e:
        raise MalformedRequest("The body is not a Parameters resource in JSON, each key once.") from e
    if kind != "Parameters":
        raise MalformedRequest("The body must be a resource of type Parameters.")
    return found


def _parameter(raw: Mapping[str, msgspec.Raw]) -> tuple[str, _Parameter]:
    resource = bytes(raw.get("resource", b""))
    fields = {key: msgspec.json.decode(value) for key, value in raw.items() if key != "resource"}
    name = fields.get("name")
    if not isinstance(name, str):
        raise MalformedRequest("Each parameter needs a name.")
    return name, _Parameter(fields, resource)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _query(given: Sequence[tuple[str, _Parameter]], subject: str, server: str) -> Query:
    by_name: dict[str, list[_Parameter]] = {}
    for name, parameter in given:
        if name not in KNOWN:
            raise MalformedRequest(f"Known parameters are {', '.join(sorted(KNOWN))}.")
        by_name.setdefault(name, []).append(parameter)
        if len(by_name[name]) > 1 and name not in MANY:
            raise MalformedRequest(f"{name} may stand once.")
    named = _patient([*by_name.get("subject", []), *by_name.get("patient", [])], subject)
    record = _record(by_name.get("record", []))
    return Query(
        model=_text(by_name["model"][0].fields, "model") if "model" in by_name else "",
        patient_id=named,
        index_date=_date(by_name["index-date"][0].fields, "index-date") if "index-date" in by_name else "",
        horizons_days=tuple(_days(p.fields) for p in by_name.get("horizon", [])),
        fhir=record,
        fhir_server=FhirPatient(server, named) if named and server and not record else None,
        documents=tuple(_document(p) for p in by_name.get("document", [])),
        timepoints=tuple(_timepoint(p) for p in by_name.get("timepoint", [])),
    )


def _record(given: Sequence[_Parameter]) -> bytes:
    for parameter in given:
        if not parameter.resource.startswith(b"{"):
            raise MalformedRequest("record must be a resource.")
        return parameter.resource
    return b""


def _value(fields: Json, name: str, types: Sequence[str]) -> Any:
    """The one value of a parameter, of one of these types."""
    kinds = fields.keys() - _BESIDE_VALUES
    if len(kinds) != 1 or not kinds <= set(types):
        raise MalformedRequest(f"{name} must have one value: {' or '.join(types)}.")
    return fields[kinds.pop()]


def _string(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise MalformedRequest(f"{name} must be text.")
    return value


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise MalformedRequest(f"{name} must be an object.")
    return value


def _text(fields: Json, name: str) -> str:
    return _string(_value(fields, name, _STRINGS), name)


def _date(fields: Json, name: str) -> str:
    return _string(_value(fields, name, _DATES), name)


def _patient(given: Sequence[_Parameter], subject: str) -> str:
    """The patient's id; the URL, ``subject`` and ``patient`` may name one only."""
    named = {_patient_id(parameter.fields) for parameter in given} | ({subject} if subject else set())
    if len(named) > 1:
        raise MalformedRequest("subject names another patient than the request elsewhere.")
    return named.pop() if named else ""


def _patient_id(fields: Json) -> str:
    value = _value(fields, "subject", ("valueReference", "valueIdentifier", *_STRINGS))
    if "valueReference" in fields:
        reference = _object(value, "subject")
        if "reference" not in reference:
            return _string(_object(reference.get("identifier"), "subject").get("value"), "subject")
        parts = _string(reference["reference"], "subject").split("/")
        if len(parts) < 2 or parts[-2] != "Patient" or not parts[-1]:
            raise MalformedRequest("subject must refer to Patient/<id>.")
        return parts[-1]
    if "valueIdentifier" in fields:
        return _string(_object(value, "subject").get("value"), "subject")
    return _string(value, "subject").removeprefix("Patient/")


def _days(fields: Json) -> float:
    value = _value(fields, "horizon", ("valueDecimal", "valueInteger", "valueQuantity", "valueDuration"))
    factor = 1.0
    if isinstance(value, dict):
        factor = DAYS.get(str(value.get("code")), math.nan) if value.get("system") == UCUM else math.nan
        value = value.get("value")
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST_DAYS
    if not number or not math.isfinite(days := float(value) * factor):
        raise MalformedRequest(f"horizon must be days, or a UCUM duration in {', '.join(DAYS)}.")
    return days


def _parts(parameter: _Parameter, name: str, known: frozenset[str]) -> dict[str, Json]:
    """The parts of a parameter by name, each once."""
    given = _value(parameter.fields, name, ("part",))
    found: dict[str, Json] = {}
    for part in given if isinstance(given, list) else [None]:
        fields = _object(part, f"{name}.part")
        of = fields.get("name")
        if not isinstance(of, str) or of not in known or of in found:
            raise MalformedRequest(f"{name} has the parts {', '.join(sorted(known))}, each at most once.")
        found[of] = fields
    return found


def _document(parameter: _Parameter) -> Document:
    parts = _parts(parameter, "document", frozenset({"id", "date", "timepoint", "text", "attachment"}))
    if ("text" in parts) == ("attachment" in parts):
        raise MalformedRequest("document needs text or attachment.")
    content_type, content = "text/plain; charset=utf-8", b""
    if "text" in parts:
        content = _text(parts["text"], "document.text").encode("utf-8", "replace")
    else:
        content_type, content = _attachment(parts["attachment"])
    told = {name: _text(parts[name], f"document.{name}") if name in parts else "" for name in ("id", "timepoint")}
    date = _date(parts["date"], "document.date") if "date" in parts else ""
    return Document(told["id"], date, content_type, content, told["timepoint"])


def _attachment(fields: Json) -> tuple[str, bytes]:
    value = _object(_value(fields, "document.attachment", ("valueAttachment",)), "document.attachment")
    try:
        data = base64.b64decode("".join(_string(value.get("data"), "document.attachment.data").split()), validate=True)
    except (binascii.Error, ValueError) as e:
        raise MalformedRequest("document.attachment.data must be base64.") from e
    return _string(value.get("contentType", "text/plain"), "document.attachment.contentType"), data


def _timepoint(parameter: _Parameter) -> Timepoint:
    parts = _parts(parameter, "timepoint", frozenset({"role", "date", "study", "segmentation"}))
    return Timepoint(
        role=_text(parts["role"], "timepoint.role") if "role" in parts else "",
        date=_date(parts["date"], "timepoint.date") if "date" in parts else "",
        study_instance_uid=_uid(parts, "study"),
        segmentation_uid=_uid(parts, "segmentation"),
    )


def _uid(parts: Mapping[str, Json], part: str) -> str:
    """A DICOM UID: an identifier of ``urn:dicom:uid``, a reference with one, ``urn:oid:1.2.3``, or just the UID."""
    if part not in parts:
        return ""
    name = f"timepoint.{part}"
    value = _value(parts[part], name, ("valueIdentifier", "valueReference", "valueOid", *_STRINGS))
    if "valueReference" in parts[part]:
        value = _object(value, name).get("identifier")
    if isinstance(value, dict):
        if value.get("system", DICOM_UID) != DICOM_UID:
            raise MalformedRequest(f"{name} must be an identifier of {DICOM_UID}.")
        value = value.get("value")
    return _string(value, name).removeprefix("urn:oid:")
