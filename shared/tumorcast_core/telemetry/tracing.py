"""Spans (OpenTelemetry), and the one header by which they travel: ``traceparent`` of W3C Trace Context.

``tracestate`` and baggage are neither read nor sent, as they carry free text. Spans hold what ``Attribute`` names and
nothing else: no events, no exceptions, no status text. The tracer is ours alone and not OpenTelemetry's global one, so
that no other library's spans, which record URLs and messages, go the same way.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from threading import Thread
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

TRACEPARENT = "traceparent"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_S = 2.0
_propagator = TraceContextTextMapPropagator()
_current: ContextVar[trace.Span | None] = ContextVar("span", default=None)
_providers: list[TracerProvider] = []
"""Where spans go; empty: nowhere, and none are made."""


class Attribute(StrEnum):
    """All that a span may say."""

    SERVICE = "tumorcast.service"
    BACKEND = "tumorcast.backend"
    METHOD = "rpc.method"
    HTTP_METHOD = "http.request.method"
    ROUTE = "http.route"
    HTTP_STATUS = "http.response.status_code"
    REASON = "tumorcast.reason"
    MODEL = "tumorcast.model"
    COUNT = "tumorcast.count"


@contextmanager
def span(
    name: str, kind: trace.SpanKind, attributes: Mapping[Attribute, str | int], metadata: Mapping[str, object] | None
) -> Iterator[trace.Span]:
    """A span below the current one, or below the one that ``metadata`` names; of no effect where spans go nowhere."""
    if not _providers:
        yield trace.INVALID_SPAN
        return
    opened = _providers[-1].get_tracer("tumorcast").start_span(name, _parent(metadata), kind, _plain(attributes))
    token = _current.set(opened)
    try:
        yield opened
    finally:
        opened.end()
        with suppress(ValueError):  # a stream that was closed from another task: its context ends with it
            _current.reset(token)


def _parent(metadata: Mapping[str, object] | None) -> Context:
    if metadata is not None:
        found = metadata.get(TRACEPARENT)
        return _propagator.extract({TRACEPARENT: found} if isinstance(found, str) else {}, Context())
    current = _current.get()
    return Context() if current is None else trace.set_span_in_context(current, Context())


def _plain(attributes: Mapping[Attribute, str | int]) -> dict[str, str | int]:
    return {Attribute(name).value: value for name, value in attributes.items()}


def note(attribute: Attribute, value: str | int) -> None:
    """Say something of the current span, if there is one."""
    current = _current.get()
    if current is not None:
        current.set_attribute(Attribute(attribute).value, value)


def outgoing() -> list[tuple[str, str]]:
    """Metadata that hands the current span on."""
    current = _current.get()
    if current is None:
        return []
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(current, Context()))
    return [(name, value) for name, value in carrier.items() if name == TRACEPARENT]


def trace_id() -> str:
    """Id of the current trace, 32 hexadecimal digits; empty outside of one."""
    current = _current.get()
    return "" if current is None else trace.format_trace_id(current.get_span_context().trace_id)


@contextmanager
def tracing_to(exporter: SpanExporter, service: str) -> Iterator[None]:
    """Make spans and send them to ``exporter``; what is left at the end is sent within two seconds or dropped.

    Sampling is by ``OTEL_TRACES_SAMPLER`` and ``OTEL_TRACES_SAMPLER_ARG``.
    """
    provider = _provider(exporter, service)
    _providers.append(provider)
    try:
        yield
    finally:
        _providers.remove(provider)
        flushing = Thread(target=provider.force_flush, daemon=True)  # it does not keep to a timeout by itself
        flushing.start()
        flushing.join(_FLUSH_S)
        exporter.shutdown()  # ends the waiting between two attempts
        with _silent("opentelemetry"):  # it says that the exporter is shut down already
            provider.shutdown()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def start_tracing(service: str) -> None:
    """Send spans to the collector that the environment names, if it does, until the process ends."""
    if exporter := exporter_of_environment():
        _providers.append(_provider(exporter, service))


def exporter_of_environment() -> SpanExporter | None:
    """OTLP over HTTP where an endpoint is set and ``OTEL_SDK_DISABLED`` is not true."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, _ENDPOINTS)):
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _provider(exporter: SpanExporter, service: str) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    about = {
        "service.namespace": "tumorcast",
        "service.name": f"tumorcast-{service}",
        "service.version": package_version(),
    }
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def package_version() -> str:
    """Version of Tumorcast; ``unknown`` where it runs without being installed."""
    try:
        return version("tumorcast")
    except PackageNotFoundError:
        return "unknown"
