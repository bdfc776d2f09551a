"""Prognoses over REST: made, read, listed, replayed, explained."""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from support.full_prognosis import FULL, SUMMARY
from support.gateway import PROGNOSIS, Fakes, Fusion
from support.gateway_served import Served
from support.rest import QUERY, made, problem, with_gateway
from tumorcast_core.prognosis import ProbabilityEstimate

NOBODY = "0" * 32


def test_what_was_made_is_found_where_the_answer_says_and_is_the_same() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognoses", json=QUERY)
        assert answer.status_code == 201
        found = await gateway.http.get(answer.headers["location"])
        assert (found.status_code, found.content) == (200, answer.content)
        assert answer.json()["prognosis_id"] == answer.headers["x-request-id"]

    with_gateway(test)


@pytest.mark.parametrize("asked", [{"headers": {"accept": "application/fhir+json"}}, {"params": {"_format": "fhir"}}])
def test_a_stored_prognosis_is_given_as_fhir_too(asked: dict[str, Any]) -> None:
    async def test(gateway: Served) -> None:
        made_ = await gateway.http.post("/v1/prognoses", json=QUERY, **asked)
        found = await gateway.http.get(made_.headers["location"], **asked)
        for answer in (made_, found):
            assert answer.headers["content-type"] == "application/fhir+json"
            assert answer.json()["resourceType"] == "RiskAssessment"
        assert found.json() == made_.json()
        missing = await gateway.http.get(f"/v1/prognoses/{NOBODY}", **asked)
        assert missing.status_code == 404
        assert missing.json()["issue"][0]["details"]["text"] == "PROGNOSIS_NOT_FOUND"

    with_gateway(test)


def test_a_list_is_paged_by_the_newest_and_its_links_lead_through_all_of_it() -> None:
    async def test(gateway: Served) -> None:
        ids = [await made(gateway) for _ in range(5)]
        url, found, pages = "/v1/prognoses?page_size=2&model=simulated", [], 0
        while url:
            answer = await gateway.http.get(url)
            page = answer.json()
            found += [item["prognosis_id"] for item in page["prognoses"]]
            pages += 1
            url = answer.links.get("next", {}).get("url", "")
            assert bool(url) == bool(page["next_page_token"])
        assert (found, pages) == (ids[::-1], 3)
        assert "page_size=2" in str((await gateway.http.get("/v1/prognoses?page_size=2")).links["next"]["url"])

    with_gateway(test)


def test_a_list_is_narrowed_to_a_patient_or_a_model() -> None:
    async def test(gateway: Served) -> None:
        own, other = await made(gateway), await made(gateway, patient_id="", fhir={})
        patient = (await gateway.http.post("/v1/patients/search", json={"patient_id": "SIM-000017"})).json()["patient"]

        async def listed(**narrowed: str) -> list[str]:
            answer = await gateway.http.get("/v1/prognoses", params=narrowed)
            return [item["prognosis_id"] for item in answer.json()["prognoses"]]

        assert await listed(patient=patient) == [own]
        assert await listed(patient=NOBODY) == []
        assert await listed(model="other") == []
        assert await listed(model="simulated", patient="") == [other, own]

    with_gateway(test)


def test_a_query_that_is_not_documented_is_refused_without_its_words() -> None:
    refused = (
        "page_size=0", "page_size=201", "page_size=1_0", "page_size=+5", "page_size=5.0", "page_size=", "page_size=x",
        "page_token=nope", "patient=SIM-000017", "name=Jane", "page_size=5&page_size=6", "_format=json",
    )  # fmt: skip

    async def test(gateway: Served) -> None:
        for query in refused:
            answer = await gateway.http.get(f"/v1/prognoses?{query}")
            assert problem(answer) == (400, "MALFORMED_REQUEST"), query
            assert not {"Jane", "SIM-000017", "nope"} & set(answer.text.replace('"', " ").split())

    with_gateway(test)


def test_a_replay_gives_the_same_numbers_or_says_which_are_not() -> None:
    fakes = Fakes()

    async def test(gateway: Served) -> None:
        prognosis_id = await made(gateway)
        path = f"/v1/prognoses/{prognosis_id}/replay"
        stored = (await gateway.http.get(f"/v1/prognoses/{prognosis_id}")).json()
        again = (await gateway.http.post(path)).json()
        assert again == {
            "prognosis_id": prognosis_id,
            "same": True,
            "model_changed": False,
            "differences": [],
            "prognosis": stored,
        }
        first, *others = PROGNOSIS.endpoints
        assert isinstance(first.estimate, ProbabilityEstimate)
        moved = replace(first, estimate=replace(first.estimate, probability=0.5))
        fakes.fusion.prognosis = replace(PROGNOSIS, endpoints=(moved, *others))
        again = (await gateway.http.post(path)).json()
        assert (again["same"], again["differences"]) == (False, ["endpoints[0].estimate.probability"])
        assert again["prognosis"]["endpoints"][0]["probability"]["probability"] == 0.5
        assert (await gateway.http.get(f"/v1/prognoses/{prognosis_id}")).json() == stored

    with_gateway(test, fakes=fakes)


def test_an_explanation_sorts_what_each_input_did_by_endpoint() -> None:
    async def test(gateway: Served) -> None:
        prognosis_id = await made(gateway, model=SUMMARY.ref.name, index_date=FULL.index_date)
        told = (await gateway.http.get(f"/v1/prognoses/{prognosis_id}/explanation")).json()
        assert [e["endpoint_id"] for e in told["endpoints"]] == [e.id for e in FULL.endpoints]
        for endpoint in told["endpoints"]:
            for parts in (endpoint["groups"], endpoint["inputs"]):
                assert [abs(p["value"]) for p in parts] == sorted((abs(p["value"]) for p in parts), reverse=True)
        whole = (await gateway.http.get(f"/v1/prognoses/{prognosis_id}")).json()
        for part in ("model", "typicality", "similar", "observed_under"):
            assert told[part] == whole[part]

    with_gateway(test, fakes=Fakes(fusion=Fusion(prognosis=FULL, summary=SUMMARY)))


def test_a_key_makes_a_repeated_request_harmless() -> None:
    async def test(gateway: Served) -> None:
        headers = {"idempotency-key": '"board-7"'}
        first = await gateway.http.post("/v1/prognoses", json=QUERY, headers=headers)
        second = await gateway.http.post("/v1/prognoses", json=QUERY, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert (second.content, second.headers["location"]) == (first.content, first.headers["location"])
        assert second.headers["x-request-id"] != first.headers["x-request-id"]
        assert len(gateway.fakes.fusion.calls) == 1
        other = await gateway.http.post("/v1/prognoses", json=QUERY | {"index_date": "2026-03-05"}, headers=headers)
        assert problem(other) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert len((await gateway.http.get("/v1/prognoses")).json()["prognoses"]) == 1

    with_gateway(test)


def test_a_key_that_is_none_is_refused() -> None:
    async def test(gateway: Served) -> None:
        for key in ("", "é".encode(), b"x" * 256, "a\tb"):
            answer = await gateway.http.post("/v1/prognoses", json=QUERY, headers={"idempotency-key": key})
            assert problem(answer) == (400, "MALFORMED_REQUEST"), key
            assert [error["location"] for error in answer.json()["errors"]] == ["Idempotency-Key"]

    with_gateway(test)


def test_the_old_route_answers_as_ever_and_says_that_it_goes() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", json=QUERY)
        assert answer.status_code == 200
        assert answer.links["successor-version"]["url"] == "/v1/prognoses"
        since, until = answer.headers["deprecation"], parsedate_to_datetime(answer.headers["sunset"])
        assert since.startswith("@")
        assert until.timestamp() - int(since[1:]) > 365 * 86_400
        found = await gateway.http.get(f"/v1/prognoses/{answer.json()['prognosis_id']}")
        assert found.content == answer.content
        schema = (await gateway.http.get("/openapi.json")).json()
        assert schema["paths"]["/v1/prognosis"]["post"]["deprecated"] is True
        assert "12 months" in schema["info"]["x-deprecation-policy"]

    with_gateway(test)


def test_an_id_that_is_none_is_not_found() -> None:
    async def test(gateway: Served) -> None:
        for prognosis_id in (NOBODY, "x", "0" * 31, "A" * 32, "%00", "SIM-000017"):
            for part in ("", "/explanation", "/feedback", "/outcomes"):
                answer = await gateway.http.get(f"/v1/prognoses/{prognosis_id}{part}")
                assert problem(answer) == (404, "PROGNOSIS_NOT_FOUND"), (prognosis_id, part)

    with_gateway(test)
