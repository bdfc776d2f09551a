"""Where Prometheus reads metrics: ``/metrics`` on a port of its own, apart from the doors that callers reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.tracing import package_version

_process: list[ProcessCollector] = []


def own_registry() -> CollectorRegistry:
    """Metrics of this process, those of the process itself (memory, CPU, files) and the version among them."""
    if not _process:
        metrics.build.info({"version": package_version()})
        _process.append(ProcessCollector(registry=metrics.REGISTRY))
    return metrics.REGISTRY


def exposition() -> str:
    """Metrics of this process in Prometheus' text format."""
    return generate_latest(own_registry()).decode()


def merged(texts: Callable[[], Mapping[str, str]]) -> CollectorRegistry:
    """A registry over the metrics of other processes, asked at every scrape: replica → its ``exposition``."""
    registry = CollectorRegistry()
    registry.register(_Replicas(texts))
    return registry


@contextmanager
def serving_metrics(host: str, port: int, registry: CollectorRegistry | None = None) -> Iterator[int]:
    """Serve metrics from a thread of their own, so that a busy event loop can still be seen; yields the port.

    Port 0 takes a free one. Raises ``OSError`` where the port is taken.
    """
    server, thread = start_http_server(port, host, registry or own_registry())
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Replicas(Collector):
    def __init__(self, texts: Callable[[], Mapping[str, str]]) -> None:
        self._texts = texts

    def describe(self) -> list[Metric]:
        return []  # else the replicas would be asked when this is registered

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for replica, text in self._texts().items():
            for family in text_string_to_metric_families(text):
                kept = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                for sample in family.samples:
                    kept.samples.append(sample._replace(labels={**sample.labels, "replica": replica}))
        yield from families.values()
