"""CDS Hooks from the request to the card, before the clinical service's code and the shipped models."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.cds import (
    AT_ORDER,
    IMMUNOTHERAPY,
    IPILIMUMAB,
    NIVOLUMAB,
    PARACETAMOL,
    PUBLIC,
    Ehr,
    draft,
    ehr_of,
    melanoma,
    prefetch,
    real,
    searchset,
    select,
    view,
)
from support.cds_rules import faults_of_cards, faults_of_discovery
from support.gateway import PROGNOSIS, Clinical, Fakes, Fusion
from support.records import observation, patient
from tumorcast_core.catalog import entry
from tumorcast_core.errors import (
    FhirAccessDenied,
    FhirServerNotAllowed,
    PatientNotFound,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.prognosis import EndpointStatus, Reason
from tumorcast_core.query import FhirPatient
from tumorcast_core.snapshot import Extraction, Feature
from tumorcast_fusion.model import SHIPPED, ModelStore
from tumorcast_gateway.cds.services import INDICATED, offered
from tumorcast_gateway.model.caller import ANYONE
from tumorcast_gateway.model.records import Decision, PageRequest

CANCER = Feature("primary_cancer", "liver")
SIMULATED = "tumorcast-simulated-patient-view"


@pytest.fixture
def at(tmp_path: Path) -> Callable[..., Any]:
    """Run a coroutine function with a client; further arguments are those of ``ehr_of``."""

    def run(work: Callable[[Ehr], Awaitable[Any]], fakes: Fakes | None = None, **how: Any) -> Any:
        async def main() -> Any:
            async with ehr_of(tmp_path, fakes, **how) as ehr:
                return await work(ehr)

        return asyncio.run(main())

    return run


async def kept(ehr: Ehr) -> int:
    return len((await ehr.desk.prognoses.list(ANYONE, PageRequest())).items)


def test_discovery_is_within_the_rules_and_names_the_model(at: Callable[..., Any]):
    services = at(lambda ehr: ehr.discovery())
    assert faults_of_discovery({"services": services}) == []
    assert {s["id"]: s["hook"] for s in services}[IMMUNOTHERAPY] == "patient-view"
    assert {s["id"]: s["hook"] for s in services}[AT_ORDER] == "order-select"
    simulated = next(s for s in services if s["id"] == SIMULATED)
    assert simulated["description"].startswith("SIMULATED, not for care.")


def test_models_are_offered_as_the_operator_says(at: Callable[..., Any]):
    services = at(lambda ehr: ehr.discovery(), cds_models=("glioma",))
    assert [s["id"] for s in services] == ["tumorcast-glioma-patient-view"]


def test_every_shipped_model_that_reads_more_than_images_has_its_patients_in_words_of_the_catalog():
    summaries = [ModelStore(SHIPPED).get(name).summary() for name in ModelStore(SHIPPED).names]
    assert set(INDICATED) == {s.model.ref.name for s in offered(summaries, (), simulated=True)}
    assert set(ModelStore(SHIPPED).names) - set(INDICATED) == {"colorectal-growth", "sarcoma"}
    for name, values in INDICATED.values():
        assert values <= set(entry(name).categories)


def test_a_chart_of_the_models_cancer_gets_one_card_within_the_rules(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> None:
        answer = await ehr.call(view())
        assert faults_of_cards(answer.json()) == []
        (card,) = answer.json()["cards"]
        assert card["summary"].startswith("Research model immunotherapy: objective response ")
        made = await ehr.desk.prognoses.get(ANYONE, card["uuid"].replace("-", ""))
        assert made.index_date == "2026-03-04"
        probability = made.endpoints[0].estimate.probability  # type: ignore[union-attr]
        assert f"objective response {100 * probability:.0f} %" in card["summary"]
        assert card["links"][1]["url"] == f"{PUBLIC}/v1/prognoses/{made.prognosis_id}"

    at(work, public_url=PUBLIC, cds_smart_url="https://app.example.org/launch")


@pytest.mark.parametrize(
    "conditions",
    [None, searchset(), searchset(melanoma() | {"code": {"text": "hypertension"}}),
     searchset(melanoma() | {"verificationStatus": {"coding": [{"code": "refuted"}]}})],
)  # fmt: skip
def test_a_chart_without_the_models_cancer_gets_no_card_and_nothing_is_kept(at: Callable[..., Any], conditions: Any):
    async def work(ehr: Ehr) -> None:
        assert await ehr.cards(view(prefetch=prefetch(conditions=conditions))) == []
        assert await kept(ehr) == 0

    at(work)


def test_a_card_of_another_cancer_is_not_shown(at: Callable[..., Any]):
    assert at(lambda ehr: ehr.cards(view(), "tumorcast-glioma-patient-view")) == []


def test_a_value_reaches_the_model_with_its_digits(at: Callable[..., Any]):
    fakes = Fakes(clinical=Clinical(Extraction((CANCER,), patient_id="p1")))

    async def work(ehr: Ehr) -> None:
        body = json.dumps(view(prefetch=prefetch(laboratory=searchset(observation(value="V"))))).encode()
        answer = await ehr.call(body.replace(b'"V"', b"1.00"), SIMULATED)
        assert answer.json()["cards"]
        assert all(b'"value": 1.00,' in record for record, _ in fakes.clinical.calls)

    at(work, fakes)


@pytest.mark.parametrize(
    ("drugs", "drafted"),
    [([NIVOLUMAB], "PD-1 or PD-L1 blockade"), ([NIVOLUMAB, IPILIMUMAB], "PD-1 or PD-L1 with CTLA-4 blockade")],
)
def test_a_drafted_checkpoint_inhibitor_shows_what_was_observed_under_it(
    at: Callable[..., Any], drugs: list[str], drafted: str
):
    async def work(ehr: Ehr) -> None:
        answer = await ehr.call(select(*(draft(d, f"rx{i}") for i, d in enumerate(drugs))), AT_ORDER)
        assert faults_of_cards(answer.json()) == []
        (card,) = answer.json()["cards"]
        assert "no effects of treatment" in card["detail"]
        assert "suggestions" not in card
        made = await ehr.desk.prognoses.get_record(ANYONE, card["uuid"].replace("-", ""))
        assert [t.coding.code for t in made.snapshot.planned_therapies if t.coding] == drugs
        assert not [f for f in made.snapshot.features if f.name == "checkpoint_inhibitor_class"]
        told = {row.category for row in made.prognosis.observed_under}
        assert (f"**{drafted}** (drafted)" in card["detail"]) == bool(
            told & {"pd_1_or_pd_l1" if len(drugs) == 1 else "combination"}
        )

    at(work)


@pytest.mark.parametrize(
    "drafts", [[draft(PARACETAMOL)], [draft("32592")], [{"resourceType": "ServiceRequest", "id": "s1"}], []]
)
def test_orders_that_the_model_says_nothing_of_get_no_card_and_nothing_is_kept(at: Callable[..., Any], drafts: Any):
    async def work(ehr: Ehr) -> None:
        assert await ehr.cards(select(*drafts), AT_ORDER) == []
        assert await kept(ehr) == 0

    at(work)


@pytest.mark.parametrize("missing", ["patient", "conditions"])
def test_without_patient_or_conditions_the_precondition_fails(at: Callable[..., Any], missing: str):
    async def work(ehr: Ehr) -> None:
        answer = await ehr.call(view(prefetch=prefetch(**{missing: ...})))
        assert (answer.status_code, answer.json()["code"]) == (412, "PREFETCH_MISSING")
        assert missing in answer.json()["detail"]
        assert await kept(ehr) == 0

    at(work)


def test_other_gaps_make_the_answer_narrower_and_the_card_says_so(at: Callable[..., Any]):
    (card,) = at(lambda ehr: ehr.cards(view(prefetch=prefetch(procedures=...))))
    assert "- procedures: not handed over" in card["detail"]
    assert card["indicator"] == "info"


@pytest.mark.parametrize(("reason", "cards"), [("NO_USABLE_INPUT", 0), ("UNLIKE_TRAINING", 1)])
def test_an_abstention_is_told_unless_there_was_nothing_to_read(at: Callable[..., Any], reason: str, cards: int):
    silent = replace(
        PROGNOSIS,
        endpoints=tuple(
            replace(e, status=EndpointStatus.ABSTAINED, estimate=None, reasons=(Reason(reason, "Why."),))
            for e in PROGNOSIS.endpoints
        ),
    )
    fakes = Fakes(clinical=Clinical(Extraction((CANCER,), patient_id="p1")), fusion=Fusion(prognosis=silent))
    found = at(lambda ehr: ehr.cards(view(), SIMULATED), fakes)
    assert len(found) == cards
    assert all("abstains" in card["summary"] for card in found)


def test_a_record_is_fetched_only_if_the_operator_says_so_and_without_the_callers_token(at: Callable[..., Any]):
    fakes = Fakes(clinical=Clinical(Extraction((CANCER,), patient_id="p1")))
    bare = view(prefetch=None, fhirAuthorization={"access_token": "s3cret", "token_type": "Bearer"})

    async def allowed(ehr: Ehr) -> None:
        assert len(await ehr.cards(bare, SIMULATED)) == 1
        assert {record for record, _ in fakes.clinical.calls} == {FhirPatient("https://ehr.example.org/fhir", "p1")}

    async def forbidden(ehr: Ehr) -> None:
        assert (await ehr.call(bare, SIMULATED)).status_code == 412

    at(allowed, fakes, cds_fetch=True)
    at(forbidden, fakes)


@pytest.mark.parametrize(
    ("error", "status"),
    [(FhirServerNotAllowed(), 412), (FhirAccessDenied(), 412), (PatientNotFound(), 412), (ServiceUnavailable(), 503)],
)
def test_a_record_that_cannot_be_fetched(at: Callable[..., Any], error: TumorcastError, status: int):
    fakes = Fakes(clinical=Clinical(error=error))
    assert at(lambda ehr: ehr.call(view(prefetch=None), SIMULATED), fakes, cds_fetch=True).status_code == status


def test_a_record_of_another_patient_becomes_no_card(at: Callable[..., Any]):
    fakes = Fakes(clinical=Clinical(Extraction((CANCER,), patient_id="p2")))
    answer = at(lambda ehr: ehr.call(view(), SIMULATED), fakes)
    assert (answer.status_code, answer.json()["code"]) == (422, "PATIENT_MISMATCH")


def test_a_slow_source_ends_the_hook_in_time(at: Callable[..., Any]):
    fakes = Fakes(clinical=Clinical(Extraction((CANCER,)), delay_s=20.0))
    begun = time.monotonic()
    answer = at(lambda ehr: ehr.call(view(), SIMULATED), fakes, cds_deadline_s=0.3)
    assert time.monotonic() - begun < 10
    assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "service", "status"),
    [
        (b"{", IMMUNOTHERAPY, 400), (select(), IMMUNOTHERAPY, 400), (view(), AT_ORDER, 400), (view(), "x", 404),
        (view(), "tumorcast-no-such-model-patient-view", 404), (view(context={}), IMMUNOTHERAPY, 400),
        (view(prefetch=prefetch(patient=patient(id="p9"))), IMMUNOTHERAPY, 422),
        (view(context={"patientId": "p1", "userId": "javascript:alert(1)"}), IMMUNOTHERAPY, 400),
    ],
)  # fmt: skip
def test_unsound_requests_are_refused_in_problems(at: Callable[..., Any], body: Any, service: str, status: int):
    answer = at(lambda ehr: ehr.call(body, service))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_fusion_service_being_away_is_told(at: Callable[..., Any]):
    class Away(Fusion):
        async def list_models(self, deadline):
            raise ServiceUnavailable

    assert at(lambda ehr: ehr.call(view()), Fakes(fusion=Away())).status_code == 503


def told(card: str, outcome: str = "overridden", **more: Any) -> dict[str, Any]:
    return {"card": card, "outcome": outcome, "outcomeTimestamp": "2026-03-04T12:00:00Z", **more}


def test_feedback_is_kept_with_the_prognosis_and_only_once(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> None:
        (card,) = await ehr.cards(view())
        ours = card["overrideReasons"][2]
        reasoned = told(card["uuid"], overrideReason={"reason": ours, "userComment": "Not in this <case>."})
        foreign = {"reason": {"system": "https://ehr.example.org/reasons", "code": "r7"}}
        entries = (told(card["uuid"], "accepted"), reasoned, told(card["uuid"], overrideReason=foreign))
        for _ in range(2):
            answer = await ehr.feedback(*entries)
            assert answer.status_code == 200, answer.text
        found = await ehr.desk.remarks.feedback(ANYONE, card["uuid"].replace("-", ""))
        assert {(f.decision, f.reason_code, f.comment) for f in found} == {
            (Decision.ACCEPTED, "", ""),
            (Decision.OVERRIDDEN, "disagree", "Not in this <case>."),
            (Decision.OVERRIDDEN, "https://ehr.example.org/reasons|r7", ""),
        }
        assert len(found) == 3

    at(work)


def test_feedback_on_an_unknown_card_is_told_and_the_rest_is_kept(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> None:
        (card,) = await ehr.cards(view())
        for other in ("4e0a3a1e-3283-4575-ab82-028d55fe2719", "no uuid"):
            answer = await ehr.feedback(told(other), told(card["uuid"]))
            assert (answer.status_code, answer.json()["code"]) == (404, "PROGNOSIS_NOT_FOUND")
        assert len(await ehr.desk.remarks.feedback(ANYONE, card["uuid"].replace("-", ""))) == 1

    at(work)


@pytest.mark.parametrize(
    "entry", [{}, told("x", "ignored"), told("x", outcomeTimestamp="yesterday"), told("x" * 65), 1, None]
)
def test_unsound_feedback_is_refused_without_its_text(at: Callable[..., Any], entry: Any):
    answer = at(lambda ehr: ehr.feedback(entry))
    assert (answer.status_code, answer.json()["code"]) == (400, "MALFORMED_REQUEST")
    assert "yesterday" not in answer.text
    assert "ignored" not in answer.text


def test_every_card_leaves_its_trace_in_the_audit_log(at: Callable[..., Any]):
    async def work(ehr: Ehr) -> list[tuple[str, str]]:
        from tumorcast_gateway.stores import audit_log

        await ehr.cards(view())
        stores = ehr.desk.context.stores
        return [(e.entry.action, e.entry.subject) async for e in audit_log.entries(stores)]  # type: ignore[arg-type]

    assert ("prognosis.create", "Practitioner/dr") in at(work, real())


def test_nothing_of_the_patient_is_logged_or_told(at: Callable[..., Any], caplog: pytest.LogCaptureFixture):
    """Ids, codes, comments and tokens in every field; whatever becomes of the request. Issues may name a resource."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, "httpx")  # the client here, which tells its URLs
    secret = "Zz7secret"
    resource = {"resourceType": "Condition", "id": "c2", "code": {"text": secret}, secret: secret}
    bodies: list[tuple[Any, str]] = [
        (view(prefetch=prefetch(conditions=searchset(melanoma(), resource))), IMMUNOTHERAPY),
        (view(context={"patientId": secret, "userId": f"Practitioner/{secret}"}), IMMUNOTHERAPY),
        (view(context={"patientId": f"{secret}/", "userId": secret}), IMMUNOTHERAPY),
        (view(hook=secret, hookInstance=secret, fhirServer=f"https://{secret}.org"), IMMUNOTHERAPY),
        (view(prefetch={secret: secret}, fhirAuthorization={"access_token": secret}), IMMUNOTHERAPY),
        (select(draft(id_=secret), draft(secret)), AT_ORDER),
        (f'{{"hook": "{secret}'.encode(), IMMUNOTHERAPY),
        (view(), secret),
    ]

    async def work(ehr: Ehr) -> None:
        answers = [await ehr.call(body, service) for body, service in bodies]
        for said in (told(secret), told(secret, secret), {secret: secret}, told(secret, overrideReason=secret)):
            answers.append(await ehr.feedback(said))  # noqa: PERF401
        assert {answer.status_code for answer in answers} == {200, 400, 404, 412, 422}
        assert not [answer.text for answer in answers if secret in answer.text]

    at(work)
    assert secret.lower() not in caplog.text.lower()
