"""What the REST door says of itself, and how it tells problems: beside schemathesis, which holds it to its word."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from jsonschema import Draft202012Validator

from support.gateway_served import Served
from support.rest import QUERY, problem, with_gateway
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core.errors import all_errors
from tumorcast_core.status import wire_status

ONLY_STREAMED = {"ScoreCohort"}
WITHOUT_BODY = ("/replay", "/cancel", "/write-back")
OWN = re.compile(r"/v1/(?!prognosis$)")


async def _schema(gateway: Served) -> dict[str, Any]:
    found: dict[str, Any] = (await gateway.http.get("/openapi.json")).json()
    return found


def _operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, ops in schema["paths"].items() for method, op in ops.items()]


def test_every_method_of_the_grpc_service_is_an_operation_of_the_same_name() -> None:
    methods = {m.name for m in pb.DESCRIPTOR.services_by_name["PrognosisService"].methods} - ONLY_STREAMED

    async def test(gateway: Served) -> None:
        named = {op["operationId"] for path, _, op in _operations(await _schema(gateway)) if OWN.match(path)}
        assert named == {name[0].lower() + name[1:] for name in methods}

    with_gateway(test)


def test_every_operation_says_what_it_does_what_it_answers_and_who_may_ask() -> None:
    async def test(gateway: Served) -> None:
        schema = await _schema(gateway)
        tags = {tag["name"] for tag in schema["tags"]}
        for path, method, op in _operations(schema):
            if not (path.startswith(("/v1/", "/dicomweb/", "/problems")) or path in ("/healthz", "/readyz")):
                continue
            assert op["summary"], path
            assert set(op["tags"]) <= tags, path
            assert "security" in op or path in ("/healthz", "/readyz", "/problems", "/problems/{code}"), path
            assert ("requestBody" in op) == (method == "post" and not path.endswith(WITHOUT_BODY)), path
            for status, response in op["responses"].items():
                assert response["content"], (path, status)
                assert "X-Request-Id" in response["headers"], (path, status)
        references = set(
            re.findall(r'"#/components/([a-zA-Z]+/[^"]+)"', (await gateway.http.get("/openapi.json")).text)
        )
        for reference in references:
            kind, name = reference.split("/")
            assert name in schema["components"][kind], reference

    with_gateway(test)


def test_every_example_follows_its_schema() -> None:
    async def test(gateway: Served) -> None:
        schema = await _schema(gateway)
        examples = [(name, e) for name, s in schema["components"]["schemas"].items() for e in s.get("examples", ())]
        assert {name for name, _ in examples} >= {"PrognosisBody", "JobBody", "PrognosisAnswer", "JobAnswer"}
        examples += [("Problem", e["value"]) for e in schema["components"]["examples"].values()]
        for name, example in examples:
            reference = {"$ref": f"#/components/schemas/{name}", "components": schema["components"]}
            Draft202012Validator(reference).validate(example)

    with_gateway(test)


def test_every_reason_code_is_described_where_its_type_leads() -> None:
    async def test(gateway: Served) -> None:
        listed = {p["code"]: p for p in (await gateway.http.get("/problems")).json()["problems"]}
        for error in all_errors():
            told = listed[error.reason]
            assert told["http_status"] == wire_status(error).http_status
            assert told["grpc_status"] == wire_status(error).grpc_code.name
        for code, told in listed.items():
            assert (await gateway.http.get(told["type"])).json() == told
            assert told["type"] == f"/problems/{code}"
        assert problem(await gateway.http.get("/problems/NO_SUCH_CODE")) == (404, "NOT_FOUND")
        told = (await gateway.http.get("/v1/models/other")).json()
        assert (await gateway.http.get(told["type"])).json()["parents"] == ["NOT_FOUND"]

    with_gateway(test)


def test_what_is_not_offered_is_refused_by_every_operation() -> None:
    async def test(gateway: Served) -> None:
        for path, method, op in _operations(await _schema(gateway)):
            if not path.startswith(("/v1/", "/dicomweb/", "/problems", "/healthz", "/readyz")):
                continue
            url = re.sub(r"\{study\}", "1.2.3", re.sub(r"\{(?!study\})\w+\}", "0" * 32, path))
            url = url.replace("/problems/" + "0" * 32, "/problems/NOT_FOUND")
            body = {"json": QUERY} if "requestBody" in op else {}
            answer = await gateway.http.request(method, url, headers={"accept": "image/png"}, **body)
            assert problem(answer) == (406, "NOT_ACCEPTABLE"), (method, path)
            stray = await gateway.http.request(method, url, params={"Jane": "Doe"}, **body)
            assert problem(stray) == (400, "MALFORMED_REQUEST"), (method, path)
            assert "Jane" not in stray.text

    with_gateway(test)


def test_a_method_that_is_not_there_is_told_with_those_that_are() -> None:
    async def test(gateway: Served) -> None:
        schema = await _schema(gateway)
        for path, operations in schema["paths"].items():
            if not path.startswith(("/v1/", "/problems", "/healthz")):
                continue
            answer = await gateway.http.request("PATCH", re.sub(r"\{\w+\}", "0" * 32, path))
            assert problem(answer) == (HTTPStatus.METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"), path
            assert answer.headers["allow"] == ", ".join(sorted(m.upper() for m in operations)), path

    with_gateway(test)


def test_bodies_of_another_type_or_encoded_are_refused_by_every_operation_that_takes_json() -> None:
    async def test(gateway: Served) -> None:
        for path, method, op in _operations(await _schema(gateway)):
            if "application/json" not in op.get("requestBody", {}).get("content", {}) or not path.startswith("/v1/"):
                continue
            url = re.sub(r"\{\w+\}", "0" * 32, path)
            for headers in (
                {"content-type": "text/plain"},
                {"content-type": "application/json", "content-encoding": "gzip"},
                {},
            ):
                answer = await gateway.http.request(method, url, content=b"{}", headers=headers)
                assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE"), path

    with_gateway(test)
