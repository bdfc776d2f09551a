"""Feedback and outcomes over REST."""

from __future__ import annotations

from typing import Any

from support.gateway_served import Served
from support.rest import made, problem, with_gateway

NOBODY = "0" * 32
FEEDBACK = {"decision": "overridden", "reason_code": "patient-preference", "comment": "A biopsy first."}
RESPONSE = {"endpoint_id": "objective_response", "occurred": True}
PROGRESSION = {"endpoint_id": "progression_free_survival", "occurred": False, "time_days": 180}


def test_feedback_and_outcomes_are_kept_and_listed_as_they_came() -> None:
    async def test(gateway: Served) -> None:
        prognosis = f"/v1/prognoses/{await made(gateway)}"
        for kind, entries in (("feedback", [FEEDBACK, {"decision": "noted"}]), ("outcomes", [RESPONSE, PROGRESSION])):
            kept = []
            for entry in entries:
                answer = await gateway.http.post(f"{prognosis}/{kind}", json=entry)
                assert answer.status_code == 201
                assert answer.json().items() >= entry.items()
                entry_id = answer.json()[f"{kind.removesuffix('s')}_id"]
                assert answer.headers["location"] == f"{prognosis}/{kind}#{entry_id}"
                kept.append(answer.json())
            assert (await gateway.http.get(f"{prognosis}/{kind}")).json() == {kind: kept}

    with_gateway(test)


def test_a_remark_under_a_key_is_kept_once() -> None:
    async def test(gateway: Served) -> None:
        prognosis = f"/v1/prognoses/{await made(gateway)}"
        for kind, entry, other in (
            ("feedback", FEEDBACK, FEEDBACK | {"comment": "None."}),
            ("outcomes", PROGRESSION, RESPONSE),
        ):
            headers = {"idempotency-key": kind}
            told = [await gateway.http.post(f"{prognosis}/{kind}", json=entry, headers=headers) for _ in range(2)]
            assert told[0].json() == told[1].json()
            assert len((await gateway.http.get(f"{prognosis}/{kind}")).json()[kind]) == 1
            again = await gateway.http.post(f"{prognosis}/{kind}", json=other, headers=headers)
            assert problem(again) == (422, "IDEMPOTENCY_KEY_REUSED")

    with_gateway(test)


def test_a_remark_that_fits_nothing_is_refused_and_not_kept() -> None:
    feedback: list[tuple[Any, int, str]] = [
        ({}, 400, "MALFORMED_REQUEST"),
        ({"decision": "perhaps"}, 400, "MALFORMED_REQUEST"),
        ({"decision": "noted", "feedback_id": "1"}, 400, "MALFORMED_REQUEST"),
        ({"decision": "noted", "comment": "x" * 10_001}, 413, "PAYLOAD_TOO_LARGE"),
        ({"decision": "noted", "reason_code": "x" * 201}, 413, "PAYLOAD_TOO_LARGE"),
        ([], 400, "MALFORMED_REQUEST"),
    ]
    outcomes: list[tuple[Any, int, str]] = [
        ({"endpoint_id": "none", "occurred": True}, 422, "UNSOUND_OUTCOME"),
        ({"endpoint_id": "objective_response"}, 422, "UNSOUND_OUTCOME"),
        (RESPONSE | {"time_days": 3}, 422, "UNSOUND_OUTCOME"),
        (PROGRESSION | {"category": "death"}, 422, "UNSOUND_OUTCOME"),
        (PROGRESSION | {"time_days": -1}, 400, "MALFORMED_REQUEST"),
        (PROGRESSION | {"occurred": 1}, 400, "MALFORMED_REQUEST"),
        (PROGRESSION | {"time_days": "180"}, 400, "MALFORMED_REQUEST"),
    ]

    async def test(gateway: Served) -> None:
        prognosis = f"/v1/prognoses/{await made(gateway)}"
        for kind, cases in (("feedback", feedback), ("outcomes", outcomes)):
            for body, status, code in cases:
                answer = await gateway.http.post(f"{prognosis}/{kind}", json=body)
                assert problem(answer) == (status, code), body
            twice = b'{"decision": "noted", "decision": "accepted", "endpoint_id": "a", "endpoint_id": "b"}'
            headers = {"content-type": "application/json"}
            for content in (b"", b"null", b'{"decision": NaN}', twice, b'{"comment": "\\ud800"}', b"\xff"):
                answer = await gateway.http.post(f"{prognosis}/{kind}", content=content, headers=headers)
                assert problem(answer) == (400, "MALFORMED_REQUEST"), content
            assert (await gateway.http.get(f"{prognosis}/{kind}")).json() == {kind: []}
            for entry in (FEEDBACK, RESPONSE):
                missing = await gateway.http.post(f"/v1/prognoses/{NOBODY}/{kind}", json=entry)
                assert missing.status_code in (400, 404)

    with_gateway(test)
