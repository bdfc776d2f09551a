"""Requests of hooks: what is taken of them, byte for byte, and that nothing in them breaks more than itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cds import draft, melanoma, prefetch, searchset, select, view
from support.gateway import Clinical
from support.records import patient
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest, PatientMismatch, TumorcastError
from tumorcast_core.snapshot import Extraction, Feature
from tumorcast_gateway.cds.drafts import read_drafts
from tumorcast_gateway.cds.request import HookCall, read_call
from tumorcast_gateway.cds.services import PREFETCH


def call(body: Any) -> HookCall:
    return read_call(body if isinstance(body, bytes) else json.dumps(body).encode(), PREFETCH)


def resources(of: HookCall) -> list[str]:
    return [entry["resource"]["resourceType"] for entry in json.loads(of.prefetch.record)["entry"]]


def test_resources_reach_the_record_as_the_bytes_that_came():
    odd = b'{"resourceType":"Observation","id":"o1","valueQuantity":{"value":1.00},"x":"\\u00e9","x":2}'
    body = json.dumps(view(prefetch=prefetch(laboratory="ODD"))).encode().replace(b'"ODD"', odd)
    assert odd in call(body).prefetch.record
    inside = b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource": ' + odd + b"}]}"
    body = json.dumps(view(prefetch=prefetch(laboratory="ODD"))).encode().replace(b'"ODD"', inside)
    assert odd in call(body).prefetch.record


def test_searches_become_entries_with_their_urls_and_nothing_of_the_search():
    record = json.loads(call(view()).prefetch.record)
    assert record["type"] == "collection"
    assert record["entry"][1]["fullUrl"] == "https://ehr.example.org/fhir/Condition/c1"
    assert all("search" not in entry for entry in record["entry"])


@pytest.mark.parametrize(
    ("changed", "wanting"),
    [
        ({}, {}),
        ({"laboratory": ...}, {"laboratory": "not handed over"}),
        ({"laboratory": None}, {}),
        ({"patient": None}, {"patient": "not handed over"}),
        ({"procedures": {"resourceType": "OperationOutcome"}}, {"procedures": "not handed over"}),
        ({"procedures": searchset({"resourceType": "OperationOutcome"})}, {"procedures": "not handed over"}),
        ({"procedures": searchset(link=[{"relation": "next", "url": "x"}])}, {"procedures": "first page only"}),
        ({"laboratory": searchset(link=[{"relation": "next", "url": "x"}])}, {}),
        ({"procedures": searchset(link=[{"relation": "self", "url": "x"}])}, {}),
    ],
)
def test_what_was_not_handed_over_is_known(changed: dict[str, Any], wanting: dict[str, str]):
    assert call(view(prefetch=prefetch(**changed))).prefetch.wanting == wanting


def test_without_prefetch_everything_is_wanting():
    assert set(call(view(prefetch=None)).prefetch.wanting) == set(PREFETCH)


def test_warnings_of_a_search_are_left_out_and_its_resources_stay():
    found = searchset(melanoma(), {"resourceType": "OperationOutcome"})
    assert resources(call(view(prefetch=prefetch(conditions=found)))).count("Condition") == 1


def test_keys_that_were_not_asked_for_are_not_read():
    others = prefetch(user={"resourceType": "Practitioner", "id": "dr"})
    assert "Practitioner" not in resources(call(view(prefetch=others)))


@pytest.mark.parametrize("other", [patient(id="p2"), searchset(patient(), patient(id="p2")), {"resourceType": "Group"}])
def test_another_patient_than_the_one_in_context_is_refused(other: dict[str, Any]):
    with pytest.raises(PatientMismatch):
        call(view(prefetch=prefetch(patient=other)))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"hook": 1}', b"\xff", b'{"hook":"patient-view","hookInstance":"x"}',
        view(context={"patientId": "p1/../p2"}), view(context={"patientId": ""}), view(context={"patientId": 1}),
        view(context={"userId": "Practitioner/dr"}), view(prefetch={"patient": "Patient/p1"}), view(prefetch=[]),
        view(prefetch={"patient": patient(), "conditions": {"resourceType": "Bundle", "entry": [1]}}),
        view(prefetch={"patient": patient(), "conditions": {"resourceType": "Bundle", "entry": [{"resource": []}]}}),
        b'{"hook":"patient-view","hookInstance":"x","context":' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_malformed_requests_are_told_without_what_they_hold(body: Any):
    with pytest.raises(MalformedRequest) as told:
        call(body)
    assert "p1" not in str(told.value)


def test_the_token_of_the_ehr_is_not_read():
    with_token = view(fhirAuthorization={"access_token": "s3cret", "token_type": "Bearer"})
    found = call(with_token)
    fields = [getattr(found, name) for name in HookCall.__slots__] + [found.prefetch.record]
    assert "s3cret" not in repr(fields)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "id", "entry", "resource", "link", "subject"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*PREFETCH, "other"]), JSON_VALUES, max_size=5), JSON_VALUES, JSON_VALUES)
def test_hostile_requests_raise_tumorcast_errors_only(prefetched: Any, context: Any, drafts: Any):
    port = Clinical(Extraction((Feature("systemic_therapy", "chemotherapy"),)))
    for body in (
        view(prefetch=prefetched),
        view(context=context),
        view(context={"patientId": "p1", "selections": ["MedicationRequest/x"], "draftOrders": drafts}),
    ):
        try:
            asyncio.run(read_drafts(call(body), port, "2026-03-04", Deadline()))
        except TumorcastError:
            continue


def drafts_of(body: dict[str, Any], *found: Feature) -> tuple[Any, list[Any]]:
    port = Clinical(Extraction(found))
    return asyncio.run(read_drafts(call(body), port, "2026-03-04", Deadline())), port.calls


THERAPY = Feature("systemic_therapy", "immunotherapy")


def test_only_selected_drugs_are_read_as_if_active_and_without_doses_or_dates():
    dosed = draft(authoredOn="2026-03-04", dosageInstruction=[{"text": "240 mg"}], intent="proposal")
    body = select(dosed, draft(id_="rx2"), selections=["MedicationRequest/rx1"])
    drafts, calls = drafts_of(body, THERAPY)
    (entry,) = json.loads(calls[0][0])["entry"]
    assert entry["resource"] == {
        "resourceType": "MedicationRequest", "id": "rx1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "medicationCodeableConcept": draft()["medicationCodeableConcept"],
    }  # fmt: skip
    assert [(t.coding.code, t.therapy_class) for t in drafts.planned if t.coding] == [("1597876", "immunotherapy")]


@pytest.mark.parametrize("selections", [["rx1"], ["MedicationRequest/rx1", "ServiceRequest/9"]])
def test_selections_are_ids_or_references(selections: list[str]):
    assert drafts_of(select(draft(), selections=selections), THERAPY)[0].planned


@pytest.mark.parametrize(
    "body", [select(draft(), selections=[]), select(), select({"resourceType": "ServiceRequest", "id": "s1"})]
)
def test_without_a_selected_drug_nobody_is_asked(body: dict[str, Any]):
    drafts, calls = drafts_of(body, THERAPY)
    assert (drafts.planned, calls) == ((), [])


def test_a_drug_that_does_not_act_on_a_cancer_is_no_planned_therapy():
    assert drafts_of(select(draft("161")), Feature("albumin", 3.9, "g/dL"))[0].planned == ()


def test_a_medication_beside_the_order_goes_with_it():
    medicine = {"resourceType": "Medication", "id": "m9", "code": {"text": "nivolumab"}}
    order = draft(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m9"})
    _, calls = drafts_of(select(order, medicine), THERAPY)
    assert [e["resource"]["resourceType"] for e in json.loads(calls[0][0])["entry"]] == [
        "MedicationRequest",
        "Medication",
    ]


def test_an_order_for_another_patient_is_refused():
    with pytest.raises(PatientMismatch):
        drafts_of(select(draft(subject={"reference": "https://ehr.example.org/fhir/Patient/p2"})), THERAPY)


@pytest.mark.parametrize("orders", [None, {"resourceType": "List"}, "x"])
def test_draft_orders_are_a_bundle(orders: Any):
    context = {"patientId": "p1", "selections": ["rx1"], "draftOrders": orders}
    with pytest.raises(MalformedRequest):
        drafts_of(view(hook="order-select", context=context))
