"""Entries of the audit log as FHIR R4 AuditEvent, after IHE's Basic Audit Log Patterns (profiles.ihe.net/ITI/BALP).

Who asked is the client (Source Role ID), this gateway the server (Destination Role ID). Patients and objects are named
by the opaque ids that are made here. Each event holds its place in the chain and its digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tumorcast_core.errors import by_reason
from tumorcast_core.status import wire_status
from tumorcast_gateway.fhir.codes import Json, concept, filled, instant, plain
from tumorcast_gateway.model.records import AuditEntry, now

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPE, INTERACTION = f"{_TERMINOLOGY}/audit-event-type", "http://hl7.org/fhir/restful-interaction"
LIFECYCLE = f"{_TERMINOLOGY}/iso-21089-lifecycle"
ENTITY_TYPE, OBJECT_ROLE = f"{_TERMINOLOGY}/audit-entity-type", f"{_TERMINOLOGY}/object-role"
SOURCE_TYPE = f"{_TERMINOLOGY}/security-source-type"
BALP_ENTITY = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
OURS = "urn:tumorcast"

_REST = {"system": EVENT_TYPE, "code": "rest", "display": "RESTful Operation"}
_DESTROYED = {"system": LIFECYCLE, "code": "destroy", "display": "Destroy/Delete Record Lifecycle Event"}
_OF_APPLICATION = {"system": DCM, "code": "110100", "display": "Application Activity"}
_WORDS = {
    "create": ("C", "create"),
    "store": ("C", "create"),
    "read": ("R", "read"),
    "list": ("R", "search-type"),
    "find": ("R", "search-type"),
    "explain": ("E", "operation"),
    "replay": ("E", "operation"),
    "cancel": ("E", "operation"),
    "write_back": ("E", "transaction"),
    "erase": ("D", "delete"),
}
"""Second word of an action → AuditEvent.action and FHIR interaction; others are executed, outside of REST."""
_URI, _UNKNOWN = re.compile(r"[!-~]+"), "unknown"
_SUCCESS, _REFUSED, _FAILED = "0", "4", "8"
_LEAST_FAILURE = 500


def audit_event(sequence: int, digest: bytes, entry: AuditEntry) -> Json:
    """Render one entry with its place in the chain."""
    verb = entry.action.rpartition(".")[2]
    action, interaction = _WORDS.get(verb, ("E", ""))
    event = {
        "resourceType": "AuditEvent",
        "id": str(sequence),
        "type": _type(verb, interaction),
        "subtype": list(_subtypes(entry.action, interaction)),
        "action": action,
        "recorded": instant(entry.at or now()),
        "outcome": _outcome(entry.reason),
        "outcomeDesc": plain(entry.reason),
        "agent": [_client(entry), _SERVER],
        "source": {
            "observer": {"display": "Tumorcast gateway"},
            "type": [{"system": SOURCE_TYPE, "code": "4", "display": "Application Server"}],
        },
        "entity": list(_entities(sequence, digest, entry)),
    }
    return filled(event)


def _type(verb: str, interaction: str) -> Json:
    if verb == "erase":
        return _DESTROYED
    return _REST if interaction else _OF_APPLICATION


def _subtypes(action: str, interaction: str) -> Iterator[Json]:
    if interaction:
        yield {"system": INTERACTION, "code": interaction, "display": interaction}
    yield {"system": f"{OURS}:action", "code": _word(action)}


def _outcome(reason: str) -> str:
    """Success; minor failure, where the caller was refused; serious failure, where this side or a service failed."""
    if not reason:
        return _SUCCESS
    error = by_reason(reason)
    return _FAILED if error is None or wire_status(error).http_status >= _LEAST_FAILURE else _REFUSED


def _client(entry: AuditEntry) -> Json:
    subject, issuer = plain(entry.subject), entry.issuer if _URI.fullmatch(entry.issuer) else ""
    who = {"identifier": filled({"system": issuer, "value": subject})} if subject else {"display": _UNKNOWN}
    role = concept(DCM, "110153", "Source Role ID")
    return filled({"type": role, "who": who, "altId": plain(entry.client_id)}) | {"requestor": True}


_SERVER: Json = {
    "type": concept(DCM, "110152", "Destination Role ID"),
    "who": {"display": "Tumorcast gateway"},
    "requestor": False,
}


def _entities(sequence: int, digest: bytes, entry: AuditEntry) -> Iterator[Json]:
    chain = [
        {"type": "chain-sequence", "valueString": str(sequence)},
        {"type": "chain-sha256", "valueString": digest.hex()},
    ]
    if entry.object_id and entry.object_kind != "patient":
        yield {
            "what": _named(entry.object_kind or "object", entry.object_id),
            "type": _coded(ENTITY_TYPE, "2", "System Object"),
            "role": _coded(OBJECT_ROLE, "4", "Domain Resource"),
        }
    if entry.patient:
        yield {
            "what": _named("patient", entry.patient),
            "type": _coded(ENTITY_TYPE, "1", "Person"),
            "role": _coded(OBJECT_ROLE, "1", "Patient"),
        }
    if entry.request_id:
        yield {
            "what": _named("request", entry.request_id),
            "type": {"system": BALP_ENTITY, "code": "XrequestId"},
        }
    yield {
        "what": _named("audit-entry", str(sequence)),
        "type": _coded(ENTITY_TYPE, "2", "System Object"),
        "role": _coded(OBJECT_ROLE, "13", "Security Resource"),
        "detail": chain,
    }


def _named(kind: str, value: str) -> Json:
    return {"identifier": {"system": f"{OURS}:{_word(kind)}", "value": _word(value)}}


def _word(text: str) -> str:
    """A word of ours, which has no blanks; what has any is none of ours."""
    return text if _URI.fullmatch(text) else _UNKNOWN


def _coded(system: str, code: str, display: str) -> Json:
    return {"system": system, "code": code, "display": display}
