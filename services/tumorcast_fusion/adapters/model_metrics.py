"""What Prometheus reads of models and shadows, and the same read back: ``tumorcast platform models report`` adds it up.

All is told at the time of a scrape, so that nothing of a version that has gone stays behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.adapters.live_models import Live, LiveModels, StoreState
from tumorcast_fusion.model.shadow import BINS, Comparison, ShadowReport

_PREFIX = "tumorcast_shadow"
_CALLS = ("scored", "failed", "dropped")
_OUTCOMES = ("compared", "active_abstained", "shadow_abstained", "both_abstained", "incomparable")
_CHANGES = ("flips", "sets", "set_changes", "concordant", "discordant")
_MOMENTS = ("active_mean", "shadow_mean", "active_squares", "shadow_squares", "products")


class ModelMetrics(Collector):
    """Collects from the models in service and from their reports."""

    def __init__(self, models: LiveModels, report: Callable[[Live], ShadowReport]) -> None:
        self._models, self._report = models, report

    def describe(self) -> list[Metric]:
        return []  # else models would be asked when this is registered

    def collect(self) -> Iterator[Metric]:
        live = self._models.list()
        yield from _versions(live)
        if state := self._models.store_state:
            yield from _store(state)
        yield from shadow_families(self._report(one) for one in live if one.shadow)


def _versions(live: Iterable[Live]) -> Iterator[Metric]:
    versions = GaugeMetricFamily(
        "tumorcast_model_version", "1 for the version that answers", labels=("model", "version", "sha256", "place")
    )
    generations = GaugeMetricFamily(
        "tumorcast_model_generation", "record of the model store that is followed; 0: none", labels=("model",)
    )
    for one in live:
        ref = one.active.ref
        versions.add_metric((ref.name, ref.version, ref.sha256, one.place), 1)
        generations.add_metric((ref.name,), one.generation)
    yield from (versions, generations)


def _store(state: StoreState) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "tumorcast_model_store_up", "1 where the model store answered when it was read last", value=bool(state.up)
    )
    yield GaugeMetricFamily(
        "tumorcast_model_store_read_timestamp_seconds",
        "when the store was read well last; 0: never",
        value=state.read_at,
    )
    refused = GaugeMetricFamily(
        "tumorcast_model_refused",
        "1 where the newest record of a model is not followed as a whole, by reason code",
        labels=("model", "code"),
    )
    for name, code in state.refused.items():
        refused.add_metric((name, code), 1)
    yield refused


def shadow_families(reports: Iterable[ShadowReport]) -> Iterator[Metric]:
    """Reports as metrics; differences by the lower end of their bin, empty bins left out."""
    labels = ("model", "endpoint")
    info = GaugeMetricFamily(
        f"{_PREFIX}_generation",
        "record of the model store that names the pair that is compared",
        labels=("model", *(f"{which}_{part}" for which in ("active", "shadow") for part in ("version", "sha256"))),
    )
    calls = CounterMetricFamily(
        f"{_PREFIX}_calls", "calls by what the shadow made of them", labels=("model", "outcome")
    )
    seconds = CounterMetricFamily(
        f"{_PREFIX}_seconds", "time on the calls that were scored", labels=("model", "version")
    )
    outcomes = CounterMetricFamily(
        f"{_PREFIX}_endpoints", "endpoints compared, or why not", labels=(*labels, "outcome")
    )
    changes = CounterMetricFamily(f"{_PREFIX}_changes", "compared endpoints by what differs", labels=(*labels, "what"))
    moments = GaugeMetricFamily(f"{_PREFIX}_moment", "means and co-moments of both versions", labels=(*labels, "of"))
    bins = CounterMetricFamily(f"{_PREFIX}_differences", "compared endpoints by difference", labels=(*labels, "from"))
    for report in reports:
        name, shadow = report.active.name, report.shadow or ModelRef("", "", "")
        pair = (report.active.version, report.active.sha256, shadow.version, shadow.sha256)
        info.add_metric((name, *pair), report.generation)
        for call in _CALLS:
            calls.add_metric((name, call), getattr(report, call))
        seconds.add_metric((name, "active"), report.active_seconds)
        seconds.add_metric((name, "shadow"), report.shadow_seconds)
        for endpoint, found in report.comparisons.items():
            where = (name, endpoint)
            for family, parts in ((outcomes, _OUTCOMES), (changes, _CHANGES), (moments, _MOMENTS)):
                for part in parts:
                    family.add_metric((*where, part), getattr(found, part))
            for index, count in enumerate(found.differences):
                if count:
                    bins.add_metric((*where, _lower_end(index)), count)
    yield from (info, calls, seconds, outcomes, changes, moments, bins)


def _lower_end(index: int) -> str:
    return f"{index * 2 / BINS - 1:.3f}"


def read_reports(text: str) -> tuple[ShadowReport, ...]:
    """The reports in a replica's metrics, by model; raises ``InvalidInput`` where they are not such metrics."""
    try:
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        reports = {s.labels["model"]: _begun(s.labels, s.value) for s in samples if s.name == f"{_PREFIX}_generation"}
        for sample in samples:
            if sample.name.startswith(f"{_PREFIX}_") and sample.labels["model"] in reports:
                _read(
                    reports[sample.labels["model"]],
                    sample.name.removeprefix(f"{_PREFIX}_"),
                    sample.labels,
                    sample.value,
                )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as e:
        raise InvalidInput("The metrics of a fusion replica cannot be read.") from e
    return tuple(report for _, report in sorted(reports.items()))


def _begun(labels: dict[str, str], generation: float) -> ShadowReport:
    name = labels["model"]
    active = ModelRef(name, labels["active_version"], labels["active_sha256"])
    return ShadowReport(active, ModelRef(name, labels["shadow_version"], labels["shadow_sha256"]), int(generation))


def _read(report: ShadowReport, family: str, labels: dict[str, str], value: float) -> None:
    if family == "calls_total" and labels["outcome"] in _CALLS:
        setattr(report, labels["outcome"], _count(value))
    elif family == "seconds_total" and labels["version"] in ("active", "shadow"):
        setattr(report, f"{labels['version']}_seconds", value)
    if "endpoint" not in labels:
        return
    found = report.comparisons.setdefault(labels["endpoint"], Comparison())
    if family == "endpoints_total" and labels["outcome"] in _OUTCOMES:
        setattr(found, labels["outcome"], _count(value))
    elif family == "changes_total" and labels["what"] in _CHANGES:
        setattr(found, labels["what"], _count(value))
    elif family == "moment" and labels["of"] in _MOMENTS:
        setattr(found, labels["of"], value)
    elif family == "differences_total":
        found.differences[_index(float(labels["from"]))] = _count(value)


def _count(value: float) -> int:
    if not value >= 0:
        raise ValueError("a count is not negative")
    return int(value)


def _index(lower_end: float) -> int:
    index = round((lower_end + 1) * BINS / 2)
    if not 0 <= index < BINS:
        raise ValueError("no such bin")
    return index
