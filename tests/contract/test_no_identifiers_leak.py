"""Identifiers are sent into every place that OpenAPI and the protos name, and into others; then looked for.

They must stand in no log of any logger, on no standard error, in no span, no metric, no error and no header of an
answer, and not readable in the database. Routes and methods come from the schemas, so that new ones are covered.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest

from support.gateway import Fakes
from support.gateway_served import Served
from support.issuer import Issuer, encoded, jwt_of, served_issuer
from support.leaks import ALL, DATE, EMAIL, MRN, NAME, PLAIN, TEXT, UID, instance, spoiled
from support.leaks_watched import Seen, gateways, watched, with_gateway
from support.routes import routes_of_the_door
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core.errors import Incident, ServiceUnavailable

JSON = {"content-type": "application/json"}
METHODS = ("get", "post", "put", "patch", "delete")
HEADERS = {
    "x-request-id": MRN, "x-correlation-id": NAME, "user-agent": f"{NAME}/1", "referer": f"https://x.example/{MRN}",
    "cookie": f"patient={MRN}", "origin": f"https://{MRN.lower()}.example", "x-forwarded-for": MRN, "from": EMAIL,
    "traceparent": f"00-{MRN.encode().hex():0<32}-{MRN.encode().hex()[:16]}-01", "tracestate": f"ehr={MRN}",
    "baggage": f"patient={quote(NAME)}", "accept-language": PLAIN, f"x-{PLAIN}".lower(): ALL, "if-match": f'"{MRN}"',
    "if-none-exist": f"identifier={MRN}", "forwarded": f"for={MRN}", "tumorcast-request-id": MRN,
}  # fmt: skip


@pytest.fixture
def seen(capfd: pytest.CaptureFixture[str]) -> Iterator[Seen]:
    with watched(capfd) as found:
        yield found


@pytest.fixture(params=["oidc", "none"])
def auth(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI document."""

    method: str
    path: str
    told: dict[str, Any]
    components: dict[str, Any]

    def url(self, value: str) -> str:
        return re.sub(r"\{[^}]+\}", quote(value, safe=""), self.path)

    @property
    def query(self) -> list[str]:
        return [p["name"] for p in self.told.get("parameters", []) if p["in"] == "query"]

    def bodies(self) -> Iterator[tuple[str, Any]]:
        """Media type and a JSON value that has every field."""
        for media_type, content in self.told.get("requestBody", {}).get("content", {}).items():
            if "json" in media_type:
                schema = content.get("schema", {})
                yield media_type, instance(schema, self.components)
                name = schema.get("$ref", "").rsplit("/", 1)[-1]
                for example in self.components.get(name, {}).get("examples", []):
                    yield media_type, example


async def operations(gateway: Served) -> list[Operation]:
    document = (await gateway.http.get("/openapi.json")).json()
    components = document["components"]["schemas"]
    return [
        Operation(method, path, item[method], components)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def test_no_path_query_or_header_is_told(seen: Seen, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        for operation in await operations(gateway):
            where = f"{operation.method} {operation.path}"
            for value in (ALL, MRN, UID, DATE, "a" * 32, f"../{MRN}", f"{MRN}%00"):
                url = operation.url(value)
                for query in ({}, dict.fromkeys(operation.query, MRN), {ALL: ALL}, {"_format": MRN}):
                    answer = await gateway.http.request(
                        operation.method, url, params=query, headers=HEADERS | caller | {"accept": "*/*"}
                    )
                    seen.answer(where, answer)
            for name, values in SAYING.items():
                for value in values:
                    answer = await gateway.http.request(
                        operation.method, operation.url("a" * 32), headers=caller | {name: value}, content=b"{}"
                    )
                    seen.answer(f"{where} {name}", answer)

    with_gateway(test, tmp_path)


SAYING: dict[str, list[Any]] = {
    "idempotency-key": [ALL, PLAIN, b"\xfc\xff" + PLAIN.encode()],
    "prefer": [f"wait={MRN}", f"respond-async; name={PLAIN}"],
    "accept": [PLAIN, f"application/{MRN}", f"application/fhir+json; name={PLAIN}"],
    "content-type": [PLAIN, f"application/json; charset={MRN}", f"multipart/related; boundary={MRN}"],
    "content-encoding": [MRN],
    "host": [f"{MRN}.example"],
    "expect": [MRN],
}
UNREADABLE = (
    b"",
    ALL.encode(),
    f'{{"{ALL}": '.encode(),
    f"<Patient>{ALL}</Patient>".encode(),
    ALL.encode("utf-16"),
    f'["{ALL}"]'.encode(),
    f'"{ALL}"'.encode(),
    b"[" * 500 + ALL.encode(),
    f'{{"a": {MRN}}}'.encode(),
)


def test_no_field_of_a_body_is_told(seen: Seen, auth: str, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        tried = 0
        for operation in await operations(gateway):
            where = f"{operation.method} {operation.path}"
            for media_type, value in operation.bodies():
                tried += 1
                for body in spoiled(value):
                    headers = caller | {"content-type": media_type, "idempotency-key": f"{PLAIN}-{seen.answers}"}
                    content = json.dumps(body).encode()
                    answer = await gateway.http.request(
                        operation.method, operation.url("a" * 32), content=content, headers=headers
                    )
                    seen.answer(where, answer)
            if "requestBody" in operation.told:
                for content in UNREADABLE:
                    for media_type in ("application/json", "application/fhir+json", "application/dicom", "text/plain"):
                        answer = await gateway.http.request(
                            operation.method,
                            operation.url("a" * 32),
                            content=content,
                            headers=caller | {"content-type": media_type},
                        )
                        seen.answer(where, answer)
        assert tried >= 5
        assert {200, 201, 400, 404, 422} <= seen.statuses

    with_gateway(test, tmp_path, auth)


def test_no_url_form_or_resource_of_the_fhir_facade_is_told(seen: Seen, tmp_path: Path) -> None:
    """Its routes are FHIR's and do not stand in OpenAPI."""

    async def test(gateway: Served, caller: dict[str, str]) -> None:
        found = [(m, path) for m, path in await routes_of_the_door(tmp_path / "other") if path.startswith("/fhir")]
        assert len(found) > 8
        for method, path in found:
            where = f"{method} {path}"
            for value in (MRN, ALL, UID, "a" * 32):
                url = re.sub(r"\{[^}]+\}", quote(value, safe=""), path)
                for query in FHIR_QUERIES:
                    answer = await gateway.http.request(method, url, params=query, headers=HEADERS | caller)
                    seen.answer(where, answer)
                form = {"content-type": "application/x-www-form-urlencoded"}
                for body in (f"patient={MRN}", f"{quote(ALL)}={quote(ALL)}", ALL, f"patient={MRN}&patient={UID}"):
                    answer = await gateway.http.request(method, url, content=body.encode(), headers=caller | form)
                    seen.answer(where, answer)
        for path in ("/fhir/$prognosis", f"/fhir/Patient/{MRN}/$prognosis"):
            for media_type in ("application/fhir+json", "application/json"):
                for resource in spoiled(PARAMETERS):
                    headers = caller | {"content-type": media_type}
                    answer = await gateway.http.post(path, content=json.dumps(resource).encode(), headers=headers)
                    seen.answer(path, answer)
                for content in UNREADABLE:
                    answer = await gateway.http.post(
                        path, content=content, headers=caller | {"content-type": media_type}
                    )
                    seen.answer(path, answer)
        assert {200, 400, 404} <= seen.statuses

    with_gateway(test, tmp_path)


FHIR_QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"patient": MRN},
    {"patient": ALL},
    {"subject": f"Patient/{MRN}"},
    {"patient:identifier": f"urn:x|{MRN}"},
    {"_id": ALL},
    {ALL: ALL},
    {"_format": MRN},
    {"_count": MRN},
    {"patient": MRN, "_page": PLAIN},
    {"model": "simulated", "index-date": DATE},
    {"model": NAME, "index-date": NAME, "horizon": MRN},
)
PATIENT = {
    "resourceType": "Patient", "id": MRN, "identifier": [{"system": "urn:x", "value": MRN}], "birthDate": DATE,
    "name": [{"text": NAME}], "telecom": [{"system": "email", "value": EMAIL}],
}  # fmt: skip
BUNDLE = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "model", "valueString": "simulated"},
        {"name": "subject", "valueReference": {"reference": f"Patient/{MRN}", "display": NAME}},
        {"name": "index-date", "valueDate": DATE},
        {"name": "horizon", "valueQuantity": {"value": 90, "system": "http://unitsofmeasure.org", "code": "d"}},
        {
            "name": "document",
            "part": [
                {"name": "id", "valueString": MRN},
                {"name": "date", "valueDate": DATE},
                {"name": "text", "valueString": TEXT},
            ],
        },
        {"name": "timepoint", "part": [{"name": "role", "valueString": "baseline"}, {"name": "study", "valueId": UID}]},
        {"name": "record", "resource": BUNDLE},
    ],
}


def test_no_file_of_an_upload_is_told(seen: Seen, tmp_path: Path) -> None:
    parts = [
        (b"Content-Type: application/dicom\r\nContent-Location: " + ALL.encode(), ALL.encode()),
        (b"Content-Type: application/dicom", bytes(128) + b"DICM" + ALL.encode()),
        (b"Content-Type: text/" + MRN.encode(), TEXT.encode()),
        (ALL.encode(), b"x"),
        (b'Content-Disposition: form-data; name="' + NAME.encode() + b'"; filename="' + MRN.encode() + b'"', b"x"),
    ]

    async def test(gateway: Served, caller: dict[str, str]) -> None:
        for path in ("/dicomweb/studies", f"/dicomweb/studies/{UID}", "/v1/studies"):
            for boundary in ("tumorcast", MRN):
                line = b"--" + boundary.encode()
                for head, data in parts:
                    for end in (b"\r\n" + line + b"--\r\n", b"", b"\r\n" + line):
                        content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
                        body = line + b"\r\n" + head + b"\r\n\r\n" + data + end
                        headers = caller | {"content-type": content_type, "accept": "application/json"}
                        seen.answer(path, await gateway.http.post(path, content=body, headers=headers))

    with_gateway(test, tmp_path)


@pytest.mark.parametrize("service", ["imaging", "clinical", "notes", "fusion"])
@pytest.mark.parametrize("error", [RuntimeError(ALL), ServiceUnavailable("Down."), ValueError(f"{ALL}".encode())])
def test_what_breaks_inside_says_nothing_of_what_it_broke_on(
    seen: Seen, tmp_path: Path, service: str, error: Exception
) -> None:
    fakes = Fakes()
    getattr(fakes, service).error = error

    async def test(gateway: Served, caller: dict[str, str]) -> None:
        query = {
            "model": "simulated", "patient_id": MRN, "fhir": {"resourceType": "Bundle", "id": MRN},
            "documents": [{"id": MRN, "date": DATE, "text": TEXT}],
            "timepoints": [{"role": "baseline", "study_instance_uid": UID}],
        }  # fmt: skip
        sources = [{k: v for k, v in query.items() if k in ("model", "patient_id", kind)}
                   for kind in ("fhir", "documents", "timepoints")]  # fmt: skip
        for body in (query, *sources):
            for path in ("/v1/prognoses", "/v1/prognosis", "/v1/prognoses?_format=fhir"):
                answer = await gateway.http.post(path, json=body, headers=caller)
                seen.answers += 1
                seen.see(f"headers {path}", str(answer.headers))
                if answer.status_code >= 400:
                    seen.see(f"body {path}", answer.text)
                    assert answer.status_code != 500 or answer.json().get("code", Incident.reason) == Incident.reason

    with_gateway(test, tmp_path, fakes=fakes)


def test_no_claim_or_part_of_a_token_is_told(seen: Seen, tmp_path: Path) -> None:
    async def main(issuer: Issuer) -> None:
        own = {"sub": EMAIL, "name": NAME, "patient": MRN, "birthdate": DATE, "azp": ALL}
        tokens = [
            issuer.token(scope="patient/*.rs", **own),
            issuer.token(scope=ALL, **own),
            issuer.token(scope="patient/*.rs", **own | {"patient": ALL}),
            issuer.token(exp=1, **own),
            issuer.token(exp=DATE, **own),
            issuer.token(aud=ALL, **own),
            issuer.token(iss=f"https://{MRN}.example/", **own),
            issuer.token(kid=ALL, **own),
            issuer.token(header={"typ": ALL, "cty": NAME, "jku": f"https://x/{MRN}", "crit": [ALL]}, **own),
            jwt_of({"alg": ALL, ALL: ALL}, own, b"x", "HS256"),
            ALL,
            encoded(ALL.encode()) + "." + encoded(ALL.encode()) + "." + encoded(ALL.encode()),
        ]
        async with gateways("oidc", None, issuer, tmp_path) as gateway:
            for token in tokens:
                for path in ("/v1/models", "/v1/prognoses", "/v1/jobs", f"/v1/prognoses/{'a' * 32}"):
                    headers = {"authorization": f"Bearer {token}"}
                    seen.answer(path, await gateway.http.get(path, headers=headers))
                query = {"model": "simulated", "patient_id": MRN, "fhir": {"resourceType": "Bundle"}}
                answer = await gateway.http.post("/v1/prognoses", json=query, headers=headers)
                seen.answer("query", answer)
                try:
                    await gateway.grpc.ListModels(
                        pb.ListModelsRequest(), metadata=[("authorization", f"Bearer {token}")]
                    )
                except grpc.aio.AioRpcError as e:
                    seen.call("ListModels", e)
            assert {200, 401, 403} <= seen.statuses

    with served_issuer() as issuer:
        asyncio.run(main(issuer))
