"""The audit log as FHIR AuditEvent: valid for implementations that are not ours, whatever stands in an entry."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.fhir_validation import check, faults, needs_second
from tumorcast_core.errors import all_errors
from tumorcast_gateway.fhir.audit_event import audit_event
from tumorcast_gateway.model.records import AuditEntry

AT = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
READ = AuditEntry(
    "prognosis.read", "prognosis", "0123456789abcdef", "fedcba", "", "Practitioner/17", "ward-7",
    "https://ehr.example.org", "abc123", AT,
)  # fmt: skip
DIGEST = bytes(range(32))
ACTIONS = (
    "prognosis.create", "prognosis.read", "prognosis.list", "prognosis.replay", "prognosis.explain",
    "prognosis.write_back", "feedback.create", "outcome.list", "study.store", "patient.find", "patient.erase",
    "job.cancel", "retention.run", "key.rotate", "something.else", "",
)  # fmt: skip


def event(entry: AuditEntry = READ) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(audit_event(7, DIGEST, entry)))
    return found


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("reason", ["", "PERMISSION_DENIED"])
def test_every_kind_of_entry_is_a_valid_event(action: str, reason: str):
    check(event(replace(READ, action=action, reason=reason)))


def test_an_entry_of_nobody_about_nothing_is_valid():
    check(event(AuditEntry("key.rotate", at=AT)))


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({f.name: st.text(max_size=30) for f in fields(AuditEntry) if f.name != "at"}))
def test_whatever_stands_in_an_entry_is_valid(texts: dict[str, str]):
    check(event(AuditEntry(**texts, at=AT)))


def test_who_did_what_to_whom_when_and_its_place_in_the_chain():
    made = event()
    assert (made["action"], made["recorded"], made["outcome"]) == ("R", "2026-03-04T05:06:07.891Z", "0")
    client, server = made["agent"]
    assert client["who"]["identifier"] == {"system": "https://ehr.example.org", "value": "Practitioner/17"}
    assert (client["altId"], client["requestor"], server["requestor"]) == ("ward-7", True, False)
    named = {e["what"]["identifier"]["system"]: e["what"]["identifier"]["value"] for e in made["entity"]}
    assert named == {
        "urn:tumorcast:prognosis": "0123456789abcdef",
        "urn:tumorcast:patient": "fedcba",
        "urn:tumorcast:request": "abc123",
        "urn:tumorcast:audit-entry": "7",
    }
    assert made["entity"][-1]["detail"][1] == {"type": "chain-sha256", "valueString": DIGEST.hex()}


@pytest.mark.parametrize("error", list(all_errors()))
def test_the_outcome_tells_refusals_from_failures(error: type[Any]):
    made = event(replace(READ, reason=error.reason))
    assert made["outcomeDesc"] == error.reason
    assert made["outcome"] in ("4", "8")


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [("", "0"), ("PERMISSION_DENIED", "4"), ("PROGNOSIS_NOT_FOUND", "4"), ("SERVICE_UNAVAILABLE", "8"),
     ("INCIDENT", "8"), ("A_REASON_OF_LATER", "8")],
)  # fmt: skip
def test_outcomes(reason: str, outcome: str):
    assert event(replace(READ, reason=reason))["outcome"] == outcome


@needs_second
def test_the_second_implementation_finds_what_is_wrong():
    assert faults(event() | {"action": "X"})
    assert faults(event() | {"agent": []})
