"""Reports of shadows made up for tests, and the metrics that a replica would tell of them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.adapters.model_metrics import shadow_families
from tumorcast_fusion.model.shadow import Comparison, Pair, ShadowReport


def compared(count: int = 400, shift: float = 0.0, flips: int = 0, **more: int) -> Comparison:
    """Pairs whose probabilities rise from 0.2 to 0.4, the shadow's apart by ``shift``."""
    found = Comparison(**more)
    for number in range(count):
        value = 0.2 + 0.2 * number / count
        found.add_pair(Pair(value, value + shift, number < flips))
    return found


def report_of(
    found: Comparison, *, failed: int = 0, seconds: tuple[float, float] = (1.0, 1.0), generation: int = 1
) -> ShadowReport:
    """A report of one endpoint, of versions 1.0.0 and 2.0.0 of the tiny model."""
    refs = ModelRef("tiny", "1.0.0", "a" * 64), ModelRef("tiny", "2.0.0", "b" * 64)
    return ShadowReport(*refs, generation, found.calls, failed, 0, *seconds, {"response": found})


def metrics_of(*reports: ShadowReport) -> str:
    """The metrics of a replica that has these reports."""

    class Reports(Collector):
        def collect(self) -> list[Metric]:
            return list(shadow_families(reports))

    registry = CollectorRegistry()
    registry.register(Reports())
    return generate_latest(registry).decode()
