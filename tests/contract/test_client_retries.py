"""What the client sends again and what it does not, and where its token goes."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.prognoses import example
from support.sync_client import made
from tumorcast_api.answers import PrognosisAnswer
from tumorcast_client import AsyncTumorcast, Feature, Inquiry, Retries, Tumorcast, inquiry
from tumorcast_client.requests import Request
from tumorcast_core.errors import (
    DeadlineExceeded,
    Incident,
    InvalidInput,
    MalformedFhir,
    MalformedRequest,
    RateLimited,
    ResourceExhausted,
    ServiceUnavailable,
    TokenExpired,
    TumorcastError,
)

ROOT = Path(__file__).parents[2]
FAST = Retries(times=3, first_wait_s=0.001, longest_wait_s=0.5)
ANSWER = PrognosisAnswer.of(example()).model_dump_json().encode()
GOOD = httpx.Response(201, content=ANSWER, headers={"content-type": "application/json"})
ALBUMIN = [Feature(name="albumin", number=3.1, unit="g/dL")]
Told = httpx.Response | Exception


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    document = {"status": status, "code": code, "detail": "As told.", "errors": []}
    return httpx.Response(status, json=document, headers=headers | {"content-type": "application/problem+json"})


class Server:
    """Answers with each of the given responses in turn, and keeps what was asked."""

    def __init__(self, *answers: Told) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def both(server: Callable[[], Server], use: Callable[[Any], Any], **how: Any) -> list[tuple[Any, Server]]:
    """What comes of ``use`` with either client: its answer or its error."""
    found = []
    for kind in (Tumorcast, AsyncTumorcast):
        one = server()
        token = how.get("token")
        given = dict(how)
        if callable(token) and kind is AsyncTumorcast:

            async def later(token: Any = token) -> str:
                return str(token())

            given["token"] = later
        client = kind(
            given.pop("url", "https://server.example.org/base"),
            transport=httpx.MockTransport(one),
            **({"retries": FAST} | given),
        )

        async def main(client: Any = client) -> Any:
            answer = use(client)
            return await answer if inspect.isawaitable(answer) else answer

        try:
            result: Any = asyncio.run(main())
        except TumorcastError as e:
            result = e
        found.append((result, one))
    return found


def ask(client: Any) -> Any:
    return client.prognoses.create("simulated", features=ALBUMIN)


@pytest.mark.parametrize(
    "failures",
    [
        [problem(503, "SERVICE_UNAVAILABLE", **{"retry-after": "0"})],
        [problem(429, "RATE_LIMITED"), problem(503, "STORE_UNAVAILABLE")],
        [problem(409, "IDEMPOTENCY_KEY_IN_USE")] * 3,
        [httpx.ConnectError("no"), httpx.ReadError("gone"), httpx.RemoteProtocolError("cut")],
        [httpx.Response(502, content=b"<html>")],
    ],
)
def test_what_may_pass_is_sent_again_under_the_same_key(failures: list[Told]) -> None:
    for answer, server in both(lambda: Server(*failures, GOOD), ask):
        assert isinstance(answer, PrognosisAnswer)
        assert len(server.asked) == len(failures) + 1
        assert len({request.headers["idempotency-key"] for request in server.asked}) == 1
        assert len({request.content for request in server.asked}) == 1
        assert server.asked[0].url.path == "/base/v1/prognoses"


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (problem(400, "MALFORMED_REQUEST"), MalformedRequest),
        (problem(500, "INCIDENT"), Incident),
        (problem(418, "TEAPOT"), Incident),
        (problem(401, "TOKEN_EXPIRED"), TokenExpired),
        (problem(503, "FHIR_ACCESS_DENIED"), ServiceUnavailable),
        (problem(429, "RATE_LIMITED", **{"retry-after": "60"}), RateLimited),
        (httpx.ReadTimeout("late"), DeadlineExceeded),
        (httpx.Response(307, headers={"location": "https://elsewhere.example.org"}), ServiceUnavailable),
    ],
)
def test_what_does_not_pass_is_told_at_once(told: Told, kind: type[TumorcastError]) -> None:
    use = {"retries": Retries(times=0)} if isinstance(told, httpx.Response) and told.status_code == 307 else {}
    for error, server in both(lambda: Server(told), ask, **use):
        assert isinstance(error, kind)
        assert len(server.asked) == 1


def test_it_gives_up_in_the_end() -> None:
    for error, server in both(lambda: Server(*[problem(429, "RESOURCE_EXHAUSTED")] * 4), ask):
        assert isinstance(error, ResourceExhausted)
        assert len(server.asked) == 4


def test_an_erasure_is_not_sent_twice() -> None:
    for error, server in both(
        lambda: Server(problem(503, "STORE_UNAVAILABLE")), lambda client: client.patients.erase("0" * 32)
    ):
        assert isinstance(error, ServiceUnavailable)
        assert len(server.asked) == 1


def test_files_are_sent_again_from_their_beginning(tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    file.write_bytes(b"DICM")
    done = httpx.Response(201, json={"studies": [], "refusals": []})
    for _, server in both(
        lambda: Server(problem(503, "RESOURCE_EXHAUSTED"), done), lambda client: client.studies.upload([file])
    ):
        assert [request.content.count(b"DICM") for request in server.asked] == [1, 1]


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    for error, _ in both(Server, lambda client: client.studies.upload([tmp_path / "none.dcm"])):
        assert isinstance(error, InvalidInput)
        assert "none" not in str(error)


def test_a_token_is_asked_for_again_when_it_has_expired() -> None:
    tokens = iter([*"ab", *"ab"])
    for answer, server in both(
        lambda: Server(problem(401, "TOKEN_EXPIRED"), GOOD), ask, token=lambda: next(tokens), retries=Retries(times=0)
    ):
        assert isinstance(answer, PrognosisAnswer)
        assert [request.headers["authorization"] for request in server.asked] == ["Bearer a", "Bearer b"]


def test_a_token_does_not_travel_in_clear() -> None:
    for kind in (Tumorcast, AsyncTumorcast):
        with pytest.raises(InvalidInput, match="clear"):
            kind("http://server.example.org", token="secret")
        kind("http://127.0.0.1:8080", token="secret")
        assert "secret" not in repr(kind("https://server.example.org", token="secret"))


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://127.0.0.1", "http://127.0.0.1:1"])
def test_a_server_that_cannot_be_reached_is_a_clear_error(url: str) -> None:
    with pytest.raises(ServiceUnavailable), Tumorcast(url, retries=Retries(times=0)) as client:
        client.models.list()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff"])
def test_an_answer_that_is_something_else_is_an_error(content: bytes) -> None:
    for error, _ in both(lambda: Server(httpx.Response(200, content=content)), ask, retries=Retries(times=0)):
        assert isinstance(error, ServiceUnavailable)


def test_a_date_says_when_to_try_again() -> None:
    late = {"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}
    for error, _ in both(lambda: Server(problem(503, "SERVICE_UNAVAILABLE", **late)), ask):
        assert error.retry_after_s > 1e9


def test_malformed_requests_are_not_sent() -> None:
    for bad in (
        lambda client: client.prognoses.create("simulated", horizons_days=[float("nan")]),
        lambda client: client.prognoses.create("simulated", fhir=b"\xff"),
        lambda client: client.prognoses.create("simulated", fhir={"limit": float("nan")}),
        lambda client: client.feedback.create("0" * 32, "maybe"),
        lambda client: client.outcomes.create("0" * 32, "response", time_days=float("inf")),
        lambda client: client.patients.find(""),
    ):
        for error, server in both(Server, bad):
            assert isinstance(error, MalformedRequest | MalformedFhir)
            assert not server.asked


@pytest.mark.parametrize("identifier", ["", "..", "../models", "a/b", "a?b", "ä", "x" * 200])
def test_an_id_leads_nowhere_else(identifier: str) -> None:
    for error, server in both(Server, lambda client: client.prognoses.get(identifier)):
        assert isinstance(error, MalformedRequest)
        assert not server.asked


def test_a_record_cannot_end_the_body_that_it_stands_in() -> None:
    for record in (b'{}, "model": "other"', b'{}} {"a": 1', b'"text"', b"[1]", b"null"):
        body = json.loads(inquiry("simulated", fhir=record).json())
        assert body == {"model": "simulated", "fhir": record.decode()}


def test_what_is_shown_of_a_request_names_no_patient() -> None:
    asked: Inquiry = inquiry("simulated", patient_id="SIM-000017", fhir=b'{"id": "SIM-000017"}')
    assert "SIM" not in repr(asked)
    assert "SIM" not in repr(Request("GET", "/SIM", PrognosisAnswer, content=asked.json()))


def test_the_client_without_a_loop_is_made_from_the_one_with_it() -> None:
    for path, text in made().items():
        assert path.read_text() == text, "python tests/support/sync_client.py"


def test_the_client_brings_nothing_heavy() -> None:
    heavy = ("torch", "ray", "fastapi", "starlette", "sqlalchemy", "msgspec", "grpc", "google.protobuf", "pandas")
    code = f"import sys, tumorcast_client; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


USER_SCRIPT = """
import asyncio
from pathlib import Path
from tumorcast_client import AsyncTumorcast, Feature, Tumorcast, inquiry

with Tumorcast("https://tumorcast.example.org", token=lambda: "token") as client:
    answer = client.prognoses.create("simulated", fhir=Path("bundle.json").read_bytes())
    for endpoint in answer.endpoints:
        if endpoint.probability is not None:
            share: float = endpoint.probability.probability
    names: list[str] = [summary.prognosis_id for summary in client.prognoses.list()]
    job = client.jobs.create([inquiry("simulated", features=[Feature(name="albumin", number=3.1)])])
    done: int = job.wait().answered

async def main() -> None:
    async with AsyncTumorcast("https://tumorcast.example.org") as client:
        async for summary in client.prognoses.list(page_size=10):
            name: str = summary.model.name
        study_ids: list[str] = [s.study_id for s in (await client.studies.upload([Path("a.dcm")])).studies]

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("script", "faults"), [(USER_SCRIPT, 0), (USER_SCRIPT.replace("share: float", "share: str"), 1)]
)
def test_a_users_script_is_checked_strictly(tmp_path: Path, script: str, faults: int) -> None:
    (tmp_path / "script.py").write_text(script)
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "client"), "script.py"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == faults, found.stdout
    assert found.stdout.count("error:") == faults, found.stdout
