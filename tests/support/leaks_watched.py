"""Watches everything that a gateway tells or writes down while identifiers are sent into it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.gateway import Fakes
from support.gateway_served import Served, served
from support.issuer import AUDIENCE, Issuer, served_issuer
from support.leaks import EMAIL, MRN, NAME, PLAIN, found_in
from tumorcast_core import logs, telemetry

EVERYTHING = "system/*.cruds tumorcast/admin"


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


@contextmanager
def watched(capfd: pytest.CaptureFixture[str]) -> Iterator[Seen]:
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
