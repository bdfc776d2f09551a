"""The REST door over real sockets: what is refused, what is documented, what is logged."""

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from support.full_prognosis import FULL, SUMMARY
from support.gateway import Fakes, Fusion
from support.gateway_served import Served, free_port, served
from tumorcast_platform.answers import model_from_json, prognosis_from_json

QUERY = b'{"model": "simulated", "patient_id": "SIM-000017", "fhir": {"resourceType": "Bundle"}}'
JSON = {"content-type": "application/json"}


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


async def in_pieces(body: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"/problems/{told['code']}"
    return answer.status_code, told["code"]


def test_a_body_against_the_schema_is_refused_with_its_places_and_without_its_values() -> None:
    body = {
        "model": 1,
        "Jane Doe": "Jane Doe",
        "documents": [{"id": "a"}],
        "timepoints": [{"role": "t", "date": {"Jane Doe": 1}}],
        "features": [{"name": "albumin", "number": "Jane Doe"}],
    }

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/prognosis", json=body)
        assert problem(answer) == (400, "MALFORMED_REQUEST")
        places = [error["location"] for error in answer.json()["errors"]]
        assert places == ["model", "documents[0].text", "timepoints[0].date", "features[0].number", ""]
        assert "Jane Doe" not in answer.text

    with_gateway(test)


def test_a_body_over_the_limit_is_refused_with_and_without_a_stated_length() -> None:
    async def test(gateway: Served) -> None:
        large = b'{"model": "' + b"x" * (1 << 20) + b'"}'
        assert problem(await gateway.http.post("/v1/prognosis", content=large, headers=JSON)) == (
            413,
            "PAYLOAD_TOO_LARGE",
        )
        chunked = await gateway.http.post("/v1/prognosis", content=in_pieces(large), headers=JSON)
        assert "content-length" not in chunked.request.headers
        assert problem(chunked) == (413, "PAYLOAD_TOO_LARGE")
        small = await gateway.http.post("/v1/prognosis", content=in_pieces(QUERY, 7), headers=JSON)
        assert small.status_code == 200

    with_gateway(test, max_body_mib=1)


def test_a_body_that_never_ends_is_given_up_at_the_deadline() -> None:
    async def test(gateway: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.rest_port)
        writer.write(
            b"POST /v1/prognosis HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: 9\r\n\r\n{"
        )
        began = time.monotonic()
        assert b" 504 " in await asyncio.wait_for(reader.readline(), 5)
        assert time.monotonic() - began < 1.5
        writer.close()

    with_gateway(test, deadline_s=0.5)


@pytest.mark.parametrize(
    ("method", "path", "how", "status"),
    [
        ("POST", "/v1/prognosis", {"content": QUERY}, 415),
        ("POST", "/v1/prognosis", {"content": QUERY, "headers": {"content-type": "application/xml"}}, 415),
        ("POST", "/v1/prognosis", {"content": QUERY, "headers": JSON | {"content-encoding": "gzip"}}, 415),
        ("POST", "/v1/prognosis", {"content": QUERY, "headers": JSON | {"accept": "text/html"}}, 406),
        ("GET", "/v1/prognosis", {}, 405),
        ("GET", "/v1/nothing", {}, 404),
        ("POST", "/v1/prognosis/", {"content": QUERY, "headers": JSON}, 404),
        ("GET", "/docs", {}, 404),
        ("GET", "/v1/models/nope", {}, 404),
        ("GET", "/v1/models/%00%ff%ED%A0%80", {}, 404),
        ("POST", "/dicomweb/studies", {"content": b"x"}, 415),
    ],
)
def test_what_http_itself_refuses_is_a_problem_too(method: str, path: str, how: dict[str, Any], status: int) -> None:
    async def test(gateway: Served) -> None:
        assert problem(await gateway.http.request(method, path, **how))[0] == status

    with_gateway(test)


@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([QUERY, QUERY[:-1], b'{"model": "\\u0000", "fhir": {}}']), min_size=5
    )
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_body_and_no_header_breaks_the_gateway(bodies: list[bytes]) -> None:
    async def test(gateway: Served) -> None:
        for body in bodies:
            headers = {"accept": body.hex() or "*/*", "prefer": f"wait={body.hex()}"}
            for extra in ({}, headers):
                answer = await gateway.http.post("/v1/prognosis", content=body, headers=JSON | extra)
                assert answer.status_code in (200, 400, 404, 406, 422)

    with_gateway(test)


def test_more_queries_than_are_admitted_are_refused_at_once() -> None:
    fakes = Fakes()
    fakes.fusion.delay_s = 0.4

    async def test(gateway: Served) -> None:
        asked = [gateway.http.post("/v1/prognosis", content=QUERY, headers=JSON) for _ in range(5)]
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
        assert all(a.headers["retry-after"] for a in answers if a.status_code == 429)
        assert (await gateway.http.post("/v1/prognosis", content=QUERY, headers=JSON)).status_code == 200

    with_gateway(test, fakes=fakes, max_concurrent_calls=2)


def test_models_are_listed_and_described() -> None:
    async def test(gateway: Served) -> None:
        (listed,) = (await gateway.http.get("/v1/models")).json()["models"]
        assert listed == (await gateway.http.get("/v1/models/simulated")).json()
        assert listed["ref"]["name"] == "simulated"
        assert [group["modality"] for group in listed["groups"]] == ["imaging", "imaging", "labs", "notes"]
        assert listed["endpoints"][1]["kind"] == "time-to-event"
        assert listed["endpoints"][1]["horizons_days"] == [90, 180]

    with_gateway(test)


@pytest.mark.parametrize(
    ("down", "status", "word"),
    [((), 200, "ready"), (("notes",), 200, "degraded"), (("fusion",), 503, "unavailable")],
)
def test_readiness_names_every_service(down: tuple[str, ...], status: int, word: str) -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.get("/readyz")
        parts = ("imaging", "clinical", "notes", "fusion", "store")
        states = {part: "UNREACHABLE" if part in down else "SERVING" for part in parts}
        assert (answer.status_code, answer.json()) == (status, {"status": word, "services": states})
        assert (await gateway.http.get("/healthz")).json() == {"status": "alive"}

    with_gateway(test, down=down)


def test_a_host_that_accepts_and_says_nothing_counts_as_down_within_seconds() -> None:
    async def test(gateway: Served) -> None:
        began = time.monotonic()
        answer = await gateway.http.post("/v1/prognosis", content=b'{"model": "simulated", "fhir": {}}', headers=JSON)
        assert problem(answer) == (503, "SERVICE_UNAVAILABLE")
        assert time.monotonic() - began < 3

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with_gateway(test, clinical_target=f"127.0.0.1:{mute.getsockname()[1]}")


def test_answers_carry_an_id_and_say_how_to_treat_them() -> None:
    async def test(gateway: Served) -> None:
        answers = [await gateway.http.get(path, headers={"x-request-id": "Jane Doe"}) for path in ("/healthz", "/nope")]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 2
        for answer in answers:
            assert len(answer.headers["x-request-id"]) == 32
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "server" not in answer.headers

    with_gateway(test)


def test_openapi_describes_the_answers_that_are_given() -> None:
    async def test(gateway: Served) -> None:
        schema = (await gateway.http.get("/openapi.json")).json()

        def conforms(answer: httpx.Response, name: str) -> None:
            reference = {"$ref": f"#/components/schemas/{name}", "components": schema["components"]}
            Draft202012Validator(reference).validate(answer.json())

        example = schema["components"]["schemas"]["PrognosisBody"]["examples"][0]
        answer = await gateway.http.post("/v1/prognosis", json=example)
        assert answer.status_code == 200
        conforms(answer, "PrognosisAnswer")
        conforms(await gateway.http.get("/v1/models"), "ModelsAnswer")
        conforms(await gateway.http.post("/v1/prognosis", json={"model": 1}), "Problem")
        references = {r.split('"')[0] for r in json.dumps(schema).split('"#/components/schemas/')[1:]}
        assert references <= set(schema["components"]["schemas"])

    with_gateway(test)


def test_everything_a_model_can_say_passes_both_doors_unchanged_and_as_documented() -> None:
    async def test(gateway: Served) -> None:
        schemas = (await gateway.http.get("/openapi.json")).json()["components"]["schemas"]

        def conforms(answer: httpx.Response, name: str) -> None:
            closed = {key: {**schema, "additionalProperties": False} for key, schema in schemas.items()}
            reference = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed}}
            Draft202012Validator(reference).validate(answer.json())

        query = {"model": SUMMARY.ref.name, "index_date": FULL.index_date, "fhir": {"resourceType": "Bundle"}}
        answer = await gateway.http.post("/v1/prognosis", json=query)
        conforms(answer, "PrognosisAnswer")
        found = prognosis_from_json(answer.content)
        assert found == replace(FULL, prognosis_id=found.prognosis_id, issues=found.issues)
        model = await gateway.http.get(f"/v1/models/{SUMMARY.ref.name}")
        conforms(model, "ModelAnswer")
        assert model_from_json(model.content) == SUMMARY
        conforms(await gateway.http.get("/v1/models"), "ModelsAnswer")

    with_gateway(test, fakes=Fakes(fusion=Fusion(prognosis=FULL, summary=SUMMARY)))


def test_no_patient_data_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = "JANE-DOE-1950"
    body = {
        "model": "simulated",
        "patient_id": secret,
        "fhir": {"id": secret},
        "documents": [{"id": secret, "text": secret}],
        "timepoints": [{"role": secret, "study_instance_uid": "1.2"}],
        "features": [{"name": secret, "category": secret, "source": secret}],
    }

    async def test(gateway: Served) -> None:
        for change in ({}, {"model": secret}, {"index_date": secret}, {secret: secret}):
            for query in ("", f"?patient={secret}"):
                await gateway.http.post(f"/v1/prognoses{query}", json=body | change, headers={"x-request-id": secret})
        await gateway.http.get(f"/v1/models/{secret}")
        await gateway.http.post(f"/dicomweb/studies?patient={secret}", content=secret.encode())

    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "asyncio"):
            logging.getLogger(name).setLevel(logging.WARNING)  # the test's own client
        with_gateway(test, down=("notes",))
    assert any("notes failed" in record.getMessage() for record in caplog.records)
    assert not [record for record in caplog.records if secret in record.getMessage() or secret in str(record.exc_text)]


def test_a_signal_ends_the_process_after_running_queries_are_answered() -> None:
    fakes = Fakes()
    fakes.fusion.delay_s = 1.0

    async def test(gateway: Served) -> None:
        query = asyncio.create_task(gateway.http.post("/v1/prognosis", content=QUERY, headers=JSON))
        await asyncio.sleep(0.3)
        gateway.stop.set()
        assert (await query).status_code == 200
        await asyncio.wait_for(gateway.process, 5)
        with pytest.raises(httpx.ConnectError):
            await gateway.http.get("/healthz")

    with_gateway(test, fakes=fakes)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_the_process_starts_answers_and_ends_cleanly_on_a_signal(sent: signal.Signals) -> None:
    async def main() -> None:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tumorcast_gateway.app",
            env=os.environ | {"TUMORCAST_GATEWAY_REST_PORT": str(port), "TUMORCAST_GATEWAY_DRAIN_S": "1"},
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with httpx.AsyncClient(trust_env=False) as client:
            for _ in range(200):
                try:
                    answer = await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
        assert answer.json() == {"status": "alive"}
        process.send_signal(sent)
        _, log = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0
        lines = [json.loads(line) for line in log.splitlines()]
        assert {line["service"] for line in lines} == {"gateway"}
        assert not [line for line in lines if "traceback" in line]

    asyncio.run(main())


def test_a_port_that_is_taken_ends_the_process_with_an_error() -> None:
    async def main() -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tumorcast_gateway.app",
                env=os.environ | {"TUMORCAST_GATEWAY_REST_PORT": str(taken.getsockname()[1])},
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            return await asyncio.wait_for(process.wait(), 20)

    assert asyncio.run(main()) == 3  # uvicorn's exit status where it cannot start
