"""The call of a hook (CDS Hooks 2.0, "Calling a CDS Service"), with its prefetched resources as one record.

Resources stay the bytes that came, so that ``1.00`` is ``1.00`` still when the clinical service reads it.
``fhirAuthorization`` is not decoded: the EHR's token reaches nothing that is kept, told or passed on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from tumorcast_core.errors import MalformedRequest, PatientMismatch

PATIENT = "patient"
NOT_HANDED_OVER, FIRST_PAGE_ONLY = "not handed over", "first page only"
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 section 2.24.0.1
_NULL = msgspec.Raw(b"null")
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, repr=False)
class Prefetch:
    """A Bundle of all resources that were handed over, and what is wanting: prefetch key → in what way."""

    record: bytes
    wanting: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class HookCall:
    """What is taken of a request; empty fields were not given."""

    hook: str
    patient_id: str
    user_id: str
    fhir_server: str
    prefetch: Prefetch
    selections: frozenset[str]
    draft_orders: bytes


class _Context(msgspec.Struct, rename="camel"):
    patient_id: str
    user_id: str = ""
    selections: list[str] = []
    draft_orders: msgspec.Raw = _NULL


class _Request(msgspec.Struct, rename="camel"):
    hook: str
    hook_instance: str
    context: _Context
    fhir_server: str | None = None
    prefetch: dict[str, msgspec.Raw] | None = None


class Typed(msgspec.Struct, rename="camel"):
    """What any resource is asked first."""

    resource_type: str
    id: str = ""


class _Link(msgspec.Struct):
    relation: str = ""


class _Entry(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = _NULL
    full_url: str = ""


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []
    link: list[_Link] = []


def read_call(body: bytes, templates: Mapping[str, str]) -> HookCall:
    """Read a request to a service that asked for ``templates``.

    Raises ``MalformedRequest``, and ``PatientMismatch`` where a Patient was handed over who is not the context's.
    """
    try:
        request = msgspec.json.decode(body, type=_Request)
    except _NOT_JSON as e:
        raise MalformedRequest("The body is no CDS Hooks request: hook, hookInstance and context are needed.") from e
    context = request.context
    if not _FHIR_ID.fullmatch(context.patient_id):
        raise MalformedRequest("context.patientId must be a FHIR id.")
    return HookCall(
        hook=request.hook,
        patient_id=context.patient_id,
        user_id=context.user_id,
        fhir_server=request.fhir_server or "",
        prefetch=_prefetch(request.prefetch or {}, templates, context.patient_id),
        selections=frozenset(context.selections),
        draft_orders=bytes(context.draft_orders),
    )


def _prefetch(given: Mapping[str, msgspec.Raw], templates: Mapping[str, str], patient_id: str) -> Prefetch:
    """Merge what was handed over under the keys that were asked for; other keys are not read.

    ``null`` says that there is none of it, but for the patient, of whom there is one.
    """
    entries: list[bytes] = []
    wanting: dict[str, str] = {}
    for key, template in templates.items():
        raw = bytes(given.get(key, b""))
        if raw == b"null" and key != PATIENT:
            continue
        found = _resources(raw) if raw and raw != b"null" else None
        if found is None:
            wanting[key] = NOT_HANDED_OVER
            continue
        if found.has_more and "_count=" not in template:  # the newest were asked for, so that older ones may be left
            wanting[key] = FIRST_PAGE_ONLY
        if key == PATIENT and found.patient_ids != {patient_id}:
            raise PatientMismatch
        entries += found.entries
    return Prefetch(bundle(entries), wanting)


def bundle(entries: Iterable[bytes]) -> bytes:
    """A Bundle of entries as they are."""
    return b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(entries) + b"]}"


@dataclass(frozen=True, slots=True)
class _Resources:
    entries: list[bytes]
    patient_ids: frozenset[str]
    has_more: bool = False


def _resources(raw: bytes) -> _Resources | None:
    """The resources of one prefetch key as entries of a Bundle; ``None`` where an OperationOutcome stands for them."""
    kind = typed(raw)
    if kind.resource_type == "OperationOutcome":
        return None
    if kind.resource_type != "Bundle":
        ids = frozenset({kind.id} if kind.resource_type == "Patient" else ())
        return _Resources([_entry(raw, "")], ids)
    of_bundle = entries_of(raw)
    kinds = [(entry, typed(bytes(entry.resource))) for entry in of_bundle.entry if entry.resource != _NULL]
    if any(kind.resource_type == "OperationOutcome" for _, kind in kinds) and len(kinds) == 1:
        return None
    kept = [(entry, kind) for entry, kind in kinds if kind.resource_type != "OperationOutcome"]
    return _Resources(
        [_entry(bytes(entry.resource), entry.full_url) for entry, _ in kept],
        frozenset(kind.id for _, kind in kept if kind.resource_type == "Patient"),
        any(link.relation == "next" for link in of_bundle.link),
    )


def typed(raw: bytes) -> Typed:
    """Type and id of a resource; raises ``MalformedRequest``."""
    try:
        return msgspec.json.decode(raw, type=Typed)
    except _NOT_JSON as e:
        raise MalformedRequest("What was prefetched or drafted must be FHIR resources.") from e


def entries_of(raw: bytes) -> _Bundle:
    """The entries of a Bundle; raises ``MalformedRequest``."""
    try:
        return msgspec.json.decode(raw, type=_Bundle)
    except _NOT_JSON as e:
        raise MalformedRequest("A Bundle that was prefetched or drafted has no sound entries.") from e


def _entry(resource: bytes, full_url: str) -> bytes:
    named = b'"fullUrl":' + msgspec.json.encode(full_url) + b"," if full_url else b""
    return b"{" + named + b'"resource":' + resource + b"}"
