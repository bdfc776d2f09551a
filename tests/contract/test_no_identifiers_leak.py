"""Identifiers are sent into every place that OpenAPI and the protos name, and into others; then looked for.

They must stand in no log of any logger, on no standard error, in no span, no metric, no error and no header of an
answer, and not readable in the database. Routes and methods come from the schemas, so that new ones are covered.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import httpx
import pytest
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.gateway import Fakes
from support.gateway_served import Served, served
from support.issuer import AUDIENCE, Issuer, encoded, jwt_of, served_issuer
from support.leaks import ALL, DATE, EMAIL, MRN, NAME, PLAIN, TEXT, UID, choices, filled, found_in, instance, spoiled
from support.routes import routes_of_the_door
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import logs, telemetry
from tumorcast_core.errors import Incident, ServiceUnavailable

JSON = {"content-type": "application/json"}
EVERYTHING = "system/*.cruds tumorcast/admin"
METHODS = ("get", "post", "put", "patch", "delete")
SERVICES = pb.DESCRIPTOR.services_by_name["PrognosisService"]
HEADERS = {
    "x-request-id": MRN, "x-correlation-id": NAME, "user-agent": f"{NAME}/1", "referer": f"https://x.example/{MRN}",
    "cookie": f"patient={MRN}", "origin": f"https://{MRN.lower()}.example", "x-forwarded-for": MRN, "from": EMAIL,
    "traceparent": f"00-{MRN.encode().hex():0<32}-{MRN.encode().hex()[:16]}-01", "tracestate": f"ehr={MRN}",
    "baggage": f"patient={quote(NAME)}", "accept-language": PLAIN, f"x-{PLAIN}".lower(): ALL, "if-match": f'"{MRN}"',
    "if-none-exist": f"identifier={MRN}", "forwarded": f"for={MRN}", "tumorcast-request-id": MRN,
}  # fmt: skip


@dataclass
class Seen:
    """What came back or was written down, with where it was seen."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    answers: int = 0
    statuses: set[int] = field(default_factory=set)

    def see(self, where: str, text: str) -> None:
        self.texts.append((where, text))

    def answer(self, where: str, answer: httpx.Response) -> None:
        """Headers of every answer, and the body of one that tells an error."""
        self.answers += 1
        self.statuses.add(answer.status_code)
        self.see(f"headers {where}", str(sorted(answer.headers.multi_items())))
        if answer.status_code >= 400:
            self.see(f"body {answer.status_code} {where}", answer.text)
        assert answer.status_code != 500, (where, answer.text)

    def call(self, where: str, error: grpc.aio.AioRpcError) -> None:
        self.answers += 1
        metadata = [*(error.trailing_metadata() or ()), *(error.initial_metadata() or ())]
        self.see(f"{error.code().name} {where}", f"{error.details()} {error.debug_error_string()} {metadata!r}")
        for _, value in metadata:
            self.see(f"metadata {where}", value if isinstance(value, str) else value.decode("latin-1"))

    def leaks(self) -> list[tuple[str, list[str], str]]:
        return [(where, markers, text[:300]) for where, text in self.texts if (markers := found_in(text))]


class Recorder(logging.Handler):
    """Takes every record as the process would write it, and what our own loggers said as they said it."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen, self._formatter = seen, logs.JsonFormatter("gateway")

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.see(f"log {record.name}", self._formatter.format(record))
        if record.name.startswith("tumorcast"):
            self._seen.see(f"log {record.name}", f"{record.getMessage()} {record.exc_info}")


@pytest.fixture
def seen(capfd: pytest.CaptureFixture[str]) -> Iterator[Seen]:
    """Watches logs, spans, metrics and standard error for one test, and fails it for any marker among them."""
    found, exporter = Seen(), InMemorySpanExporter()
    root = logging.getLogger()
    level, handler = root.level, Recorder(found)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with telemetry.tracing_to(exporter, "gateway"):
            yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    spans = exporter.get_finished_spans()
    for span in spans:
        found.see(f"span {span.name}", span.to_json())
    found.see("metrics", telemetry.exposition())
    written = capfd.readouterr()
    found.see("standard error", written.err)
    found.see("standard output", written.out)
    assert spans
    assert found.answers >= 10
    assert not found.leaks()


@asynccontextmanager
async def gateways(auth: str, fakes: Fakes | None, issuer: Issuer, data_dir: Path) -> AsyncIterator[Served]:
    chosen: dict[str, Any] = {"data_dir": data_dir, "rate_per_minute": 10**6, "failures_per_minute": 10**6}
    if auth == "oidc":
        chosen |= {"auth": "oidc", "oidc_issuers": (issuer.url,), "oidc_audiences": (AUDIENCE,)}
    async with served(fakes, **chosen) as gateway:
        yield gateway


Test = Callable[[Served, dict[str, str]], Awaitable[None]]


def with_gateway(test: Test, data_dir: Path, auth: str = "oidc", fakes: Fakes | None = None) -> None:
    """Run a test with the headers of a caller whose token holds identifiers, too."""

    async def main(issuer: Issuer) -> None:
        async with gateways(auth, fakes, issuer, data_dir) as gateway:
            named = {"sub": EMAIL, "name": NAME, "preferred_username": MRN, "azp": PLAIN, "fhirUser": MRN}
            await test(gateway, issuer.bearer(scope=EVERYTHING, **named))

    with served_issuer() as issuer:
        asyncio.run(main(issuer))


@pytest.fixture(params=["oidc", "none"])
def auth(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# REST


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


# gRPC


def messages(method: Any) -> Iterator[Any]:
    """Requests of a method with markers in every field, of each alternative in turn."""
    kind = GetMessageClass(method.input_type)
    yield kind()
    for choice in range(choices(method.input_type)):
        whole = filled(kind(), choice)
        yield whole
        for one, _ in whole.ListFields():
            part = kind()
            part.CopyFrom(whole)
            part.ClearField(one.name)
            yield part
            if one.name != "model" and "model" in method.input_type.fields_by_name:
                known = kind()
                known.CopyFrom(whole)
                known.model = "simulated"
                known.ClearField(one.name)
                yield known


METADATA = [
    ("tumorcast-request-id", MRN), ("tumorcast-budget-ms", MRN), ("traceparent", HEADERS["traceparent"]),
    ("tracestate", f"ehr={MRN}"), ("baggage", f"patient={MRN}"), ("x-patient", ALL), ("x-patient-bin", ALL.encode()),
    ("user-agent", NAME), ("idempotency-key", PLAIN), ("prefer", f"wait={MRN}"),
]  # fmt: skip


def test_no_field_or_metadata_of_a_call_is_told(seen: Seen, auth: str, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        metadata = [*METADATA, ("authorization", caller["Authorization"])]
        codes = set()
        for method in SERVICES.methods:
            call = getattr(gateway.grpc, method.name)
            for message in messages(method):
                asked = call(iter([message]) if method.client_streaming else message, metadata=metadata, timeout=20)
                try:
                    _ = [a async for a in asked] if method.server_streaming else await asked
                    seen.answers += 1
                    seen.see(method.name, f"{await asked.initial_metadata()} {await asked.trailing_metadata()}")
                except grpc.aio.AioRpcError as e:
                    seen.call(method.name, e)
                    codes.add(e.code())
        assert not codes & {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
        assert codes & {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}

    with_gateway(test, tmp_path, auth)


def test_bytes_that_are_no_message_are_not_told(seen: Seen, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        metadata = [("authorization", caller["Authorization"])]
        for method in SERVICES.methods:
            raw = copy.copy(getattr(gateway.grpc, method.name))
            raw._request_serializer = None
            for data in (ALL.encode(), b"\x0a\xff" + ALL.encode(), b"\x0a\x0c" + MRN.encode("utf-16")):
                asked = raw(iter([data]) if method.client_streaming else data, metadata=metadata, timeout=20)
                try:
                    _ = [a async for a in asked] if method.server_streaming else await asked
                except grpc.aio.AioRpcError as e:
                    seen.call(method.name, e)

    with_gateway(test, tmp_path)


# The database


def test_the_database_holds_nothing_of_a_patient_that_can_be_read(seen: Seen, tmp_path: Path) -> None:
    async def test(gateway: Served, caller: dict[str, str]) -> None:
        query = {
            "model": "simulated", "patient_id": MRN, "index_date": "2026-03-04",
            "fhir": {"resourceType": "Bundle", "id": NAME},
            "documents": [{"id": EMAIL, "date": DATE, "text": TEXT}],
            "timepoints": [{"role": "baseline", "study_instance_uid": UID, "date": DATE}],
            "features": [{"name": "albumin", "number": 3.9, "unit": "g/dL", "effective": DATE, "source": ALL}],
        }  # fmt: skip
        headers = caller | {"idempotency-key": PLAIN}
        made = await gateway.http.post("/v1/prognoses", json=query, headers=headers)
        assert made.status_code == 201, made.text
        for _ in range(10):
            answer = await gateway.http.get(f"/v1/prognoses/{'b' * 32}", headers=caller)
            seen.answer("unknown", answer)

    with_gateway(test, tmp_path)
    caller_is_named = {EMAIL, "Quorblatt"}  # who asked stands in the audit log, and is no patient
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not set(found_in(file.read_bytes().decode("latin-1"))) - caller_is_named - {MRN, DATE}, file.name
