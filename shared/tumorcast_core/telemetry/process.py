"""Telemetry of a whole process, from its settings."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server

from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.exposition import own_registry, serving_metrics
from tumorcast_core.telemetry.tracing import exporter_of_environment, start_tracing, tracing_to

log = logging.getLogger(__name__)


class Place(Protocol):
    """Where a process serves its metrics; port 0: nowhere. Every service's settings say it."""

    @property
    def metrics_host(self) -> str: ...
    @property
    def metrics_port(self) -> int: ...


@contextmanager
def running(service: str, settings: Place, registry: CollectorRegistry | None = None) -> Iterator[None]:
    """Trace and serve metrics as settings and environment say; ends the process where the port is taken."""
    with ExitStack() as stack:
        if exporter := exporter_of_environment():
            stack.enter_context(tracing_to(exporter, service))
        metrics.in_flight.labels(service, "grpc")  # 0 before the first call: KEDA takes no value for a fault
        if settings.metrics_port:
            try:
                stack.enter_context(serving_metrics(settings.metrics_host, settings.metrics_port, registry))
            except OSError:
                sys.exit(f"The {service} service does not start: its metrics port {settings.metrics_port} is taken.")
            log.info("%s serves metrics on %s:%d", service, settings.metrics_host, settings.metrics_port)
        yield


def start_replica(service: str, settings: Place) -> None:
    """The same for a process that someone else ends, such as a Ray Serve replica.

    One machine may hold several of them: the first has the port, the others serve no metrics of their own.
    """
    start_tracing(service)
    if settings.metrics_port:
        with contextlib.suppress(OSError):
            start_http_server(settings.metrics_port, settings.metrics_host, own_registry())
