"""Jobs over REST: accepted at once, answered in the background."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from support.gateway import Fakes
from support.gateway_served import Served
from support.rest import QUERY, problem, with_gateway

NOBODY = "0" * 32
BAD = QUERY | {"model": "other"}


async def ended(gateway: Served, job_id: str) -> dict[str, Any]:
    for _ in range(200):
        job: dict[str, Any] = (await gateway.http.get(f"/v1/jobs/{job_id}")).json()
        if job["state"] in ("completed", "cancelled"):
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


def test_every_query_of_a_job_gets_a_prognosis_or_a_reason() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/jobs", json={"queries": [QUERY, BAD, QUERY]})
        accepted = answer.json()
        assert (answer.status_code, accepted["state"], accepted["total"]) == (202, "queued", 3)
        assert answer.headers["location"] == f"/v1/jobs/{accepted['job_id']}"
        job = await ended(gateway, accepted["job_id"])
        assert (job["state"], job["answered"], job["failed"]) == ("completed", 2, 1)
        assert (await gateway.http.get("/v1/jobs")).json() == {"jobs": [job], "next_page_token": ""}

        url, results = f"/v1/jobs/{job['job_id']}/results?page_size=2", []
        while url:
            page = await gateway.http.get(url)
            results += page.json()["results"]
            url = page.links.get("next", {}).get("url", "")
        assert [r["position"] for r in results] == [0, 1, 2]
        assert results[1]["error"]["code"] == "UNKNOWN_MODEL"
        assert not results[1]["prognosis_id"]
        for result in (results[0], results[2]):
            assert result["error"] is None
            assert (await gateway.http.get(f"/v1/prognoses/{result['prognosis_id']}")).status_code == 200

    with_gateway(test)


def test_a_record_reaches_the_clinical_service_byte_for_byte_from_a_job_too() -> None:
    fhir = b'{"resourceType":  "Bundle", "n": 1.00, "n": 2}'
    body = b'{"queries": [{"model": "simulated", "fhir": ' + fhir + b"}]}"

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
        await ended(gateway, answer.json()["job_id"])
        assert gateway.fakes.clinical.calls == [(fhir, "")]

    with_gateway(test)


def test_a_cancelled_job_begins_nothing_more_and_an_ended_one_stays_as_it_is() -> None:
    fakes = Fakes()
    fakes.fusion.delay_s = 0.5

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/jobs", json={"queries": [QUERY] * 20})
        job_id = answer.json()["job_id"]
        cancelled = await gateway.http.post(f"/v1/jobs/{job_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
        await asyncio.sleep(1)
        job = await ended(gateway, job_id)
        assert job["answered"] < 20
        assert (await gateway.http.post(f"/v1/jobs/{job_id}/cancel")).json() == job

    with_gateway(test, fakes=fakes)


def test_a_job_under_a_key_is_accepted_once() -> None:
    async def test(gateway: Served) -> None:
        headers = {"idempotency-key": "batch-1"}
        told = [await gateway.http.post("/v1/jobs", json={"queries": [QUERY]}, headers=headers) for _ in range(2)]
        assert told[0].json()["job_id"] == told[1].json()["job_id"]
        other = await gateway.http.post("/v1/jobs", json={"queries": [QUERY, QUERY]}, headers=headers)
        assert problem(other) == (422, "IDEMPOTENCY_KEY_REUSED")
        assert len((await gateway.http.get("/v1/jobs")).json()["jobs"]) == 1

    with_gateway(test)


def test_a_batch_with_a_bad_query_is_refused_whole_and_says_which() -> None:
    cases: list[tuple[Any, int, str, str]] = [
        ({"queries": []}, 422, "NO_INPUT", ""),
        ({"queries": [QUERY] * 1001}, 413, "PAYLOAD_TOO_LARGE", ""),
        ({"queries": [QUERY, QUERY | {"index_date": "soon"}]}, 400, "MALFORMED_REQUEST", "queries[1]: index_date"),
        ({"queries": [QUERY, {"model": "simulated"}]}, 422, "NO_INPUT", "queries[1]: Give"),
        ({"queries": [QUERY, "x"]}, 400, "MALFORMED_REQUEST", "queries[1]"),
        ({"queries": {}}, 400, "MALFORMED_REQUEST", ""),
        ({"queries": [QUERY], "name": "x"}, 400, "MALFORMED_REQUEST", ""),
        ([], 400, "MALFORMED_REQUEST", ""),
    ]

    async def test(gateway: Served) -> None:
        for body, status, code, words in cases:
            answer = await gateway.http.post("/v1/jobs", json=body)
            assert problem(answer) == (status, code), json.dumps(body)[:100]
            assert words in answer.json()["detail"]
        wrong = QUERY | {"features": [{"name": "albumin", "number": "Jane"}], "Jane": 1}
        answer = await gateway.http.post("/v1/jobs", json={"queries": [QUERY, wrong]})
        assert problem(answer) == (400, "MALFORMED_REQUEST")
        assert [e["location"] for e in answer.json()["errors"]] == ["queries[1].features[0].number", "queries[1]"]
        assert "Jane" not in answer.text
        twice = b'{"queries": [], "queries": [{"model": "simulated", "fhir": {}}]}'
        answer = await gateway.http.post("/v1/jobs", content=twice, headers={"content-type": "application/json"})
        assert problem(answer) == (400, "MALFORMED_REQUEST")
        assert (await gateway.http.get("/v1/jobs")).json()["jobs"] == []

    with_gateway(test)


def test_a_job_that_is_none_is_not_found() -> None:
    async def test(gateway: Served) -> None:
        for job_id in (NOBODY, "x"):
            for method, part in (("GET", ""), ("GET", "/results"), ("POST", "/cancel")):
                answer = await gateway.http.request(method, f"/v1/jobs/{job_id}{part}")
                assert problem(answer) == (404, "JOB_NOT_FOUND")

    with_gateway(test)
