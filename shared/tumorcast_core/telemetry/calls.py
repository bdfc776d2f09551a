"""What every call leaves behind: one span, one count by code, one time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import trace

from tumorcast_core.errors import Incident, TumorcastError
from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.tracing import Attribute, span

CANCELLED = "CANCELLED"


@dataclass
class Outcome:
    """How a call ended, as a reason code; whoever tells an error instead of raising it sets it."""

    code: str = metrics.OK


@contextmanager
def answering(service: str, method: str, metadata: Mapping[str, object]) -> Iterator[Outcome]:
    """Watch one gRPC call being answered. ``metadata`` is the caller's where it is one of us, else empty."""
    about: dict[Attribute, str | int] = {Attribute.SERVICE: service, Attribute.METHOD: method}
    began = time.perf_counter()
    with (
        span(f"{service}/{method}", trace.SpanKind.SERVER, about, metadata) as opened,
        metrics.in_flight.labels(service, "grpc").track_inprogress(),
    ):
        outcome = Outcome()
        try:
            yield outcome
        except BaseException as e:
            outcome.code = code_of(e)
            raise
        finally:
            close(opened, outcome.code)
            metrics.requests.labels(service, "grpc", method, outcome.code).inc()
            metrics.request_seconds.labels(service, "grpc", method).observe(time.perf_counter() - began)


@contextmanager
def asking(backend: str, method: str) -> Iterator[Outcome]:
    """Watch one call to another service."""
    about: dict[Attribute, str | int] = {Attribute.BACKEND: backend, Attribute.METHOD: method}
    began = time.perf_counter()
    with span(f"{backend}/{method}", trace.SpanKind.CLIENT, about, None) as opened:
        outcome = Outcome()
        try:
            yield outcome
        except BaseException as e:
            outcome.code = code_of(e)
            raise
        finally:
            close(opened, outcome.code)
            metrics.backend_calls.labels(backend, method, outcome.code).inc()
            metrics.backend_seconds.labels(backend, method).observe(time.perf_counter() - began)


def close(opened: trace.Span, code: str) -> None:
    """Write the outcome on a span, without any text."""
    opened.set_attribute(Attribute.REASON.value, code)
    if code != metrics.OK:
        opened.set_status(trace.Status(trace.StatusCode.ERROR))


def code_of(exception: BaseException) -> str:
    """The reason code of whatever ended a call."""
    if isinstance(exception, TumorcastError):
        return exception.reason
    return CANCELLED if isinstance(exception, asyncio.CancelledError) else Incident.reason
