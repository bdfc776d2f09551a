"""What is kept of two versions on the same calls: it is what numpy and scipy say of the same pairs, and adds up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.registry import Collector

from tumorcast_core.errors import InvalidInput, MalformedRequest
from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CategoryProbability,
    CauseIncidence,
    CompetingRisksEstimate,
    CriterionProbability,
    Endpoint,
    EndpointKind,
    EndpointStatus,
    Estimate,
    Interval,
    ModelRef,
    ProbabilityEstimate,
    SurvivalEstimate,
    SurvivalPoint,
    TrajectoryEstimate,
)
from tumorcast_fusion.adapters.model_metrics import read_reports, shadow_families
from tumorcast_fusion.model.shadow import Comparison, Pair, ShadowReport, merged, paired
from tumorcast_fusion.wire import shadow_report_from, shadow_report_to

ACTIVE, SHADOW = ModelRef("tiny", "1.0.0", "a" * 64), ModelRef("tiny", "2.0.0", "b" * 64)
WIDE = Interval(0.0, 1.0, 0.95)
probability = st.floats(0, 1)
pairs = st.lists(st.tuples(probability, probability), max_size=60)


def probability_of(value: float, kept: tuple[str, ...] = ("no", "yes")) -> ProbabilityEstimate:
    return ProbabilityEstimate(value, WIDE, kept, 0.9)


def survival_of(*points: tuple[float, float]) -> SurvivalEstimate:
    return SurvivalEstimate(tuple(SurvivalPoint(day, value, WIDE) for day, value in points), None, None)


def categories_of(*values: float) -> CategoriesEstimate:
    return CategoriesEstimate(
        tuple(CategoryProbability(name, value) for name, value in zip("abc", values, strict=True)), ("a",), 0.9
    )


def competing_of(day: float, first: float, second: float) -> CompetingRisksEstimate:
    causes = (("progression", first), ("death", second))
    return CompetingRisksEstimate(
        tuple(CauseIncidence(name, (SurvivalPoint(day, value, WIDE),)) for name, value in causes)
    )


def trajectory_of(day: float, progression: float) -> TrajectoryEstimate:
    chances = (CriterionProbability("PR", day, 0.9), CriterionProbability("PD", day, progression))
    return TrajectoryEstimate("sum_of_diameters", "mm", (), None, chances)


@pytest.mark.parametrize(
    ("active", "shadow", "expected"),
    [
        (probability_of(0.4), probability_of(0.7), Pair(0.4, 0.7, True, False)),
        (probability_of(0.6), probability_of(0.7, ("yes",)), Pair(0.6, 0.7, False, True)),
        (survival_of((56, 0.9), (112, 0.6)), survival_of((56, 0.8), (112, 0.4)), Pair(0.6, 0.4, True)),
        (survival_of((56, 0.9), (112, 0.6)), survival_of((56, 0.8), (224, 0.4)), Pair(0.9, 0.8, False)),
        (survival_of((56, 0.9)), survival_of((57, 0.8)), None),
        (survival_of((56, 0.9)), probability_of(0.8), None),
        (categories_of(0.5, 0.25, 0.25), categories_of(0.25, 0.5, 0.25), Pair(0.5, 0.75, True, False)),
        (categories_of(0.5, 0.25, 0.25), categories_of(0.5, 0.125, 0.375), Pair(0.5, 0.5, False, False)),
        (competing_of(182, 0.75, 0.1), competing_of(182, 0.25, 0.1), Pair(0.75, 0.25, True)),
        (trajectory_of(90, 0.25), trajectory_of(90, 0.375), Pair(0.25, 0.375, False)),
        (trajectory_of(90, 0.25), trajectory_of(91, 0.375), None),
        (probability_of(math.nan), probability_of(0.5), None),
    ],
)
def test_two_estimates_make_a_pair_or_none(active: Estimate, shadow: Estimate, expected: Pair | None) -> None:
    assert paired(active, shadow) == expected


def filled(values: Sequence[tuple[float, float]]) -> Comparison:
    found = Comparison()
    for active, shadow in values:
        found.add_pair(Pair(active, shadow, (active >= 0.5) != (shadow >= 0.5)))
    return found


@given(pairs)
def test_the_sums_are_those_of_numpy(values: list[tuple[float, float]]) -> None:
    found, rows = filled(values), np.array(values).reshape(-1, 2)
    difference = rows[:, 1] - rows[:, 0]
    assert found.compared == len(values)
    assert found.flips == ((rows[:, 0] >= 0.5) != (rows[:, 1] >= 0.5)).sum()
    if len(values) < 2:
        return
    assert found.mean_difference == pytest.approx(difference.mean(), abs=1e-12)
    assert found.difference_sd == pytest.approx(difference.std(ddof=1), abs=1e-7)
    if rows.std(axis=0).min() > 1e-6:
        assert found.correlation == pytest.approx(np.corrcoef(rows.T)[0, 1], abs=1e-6)
    for share in (0.05, 0.5, 0.95):
        exact = np.quantile(difference, share, method="inverted_cdf")
        assert found.quantile(share) == pytest.approx(exact, abs=0.0025 + 1e-9)


@given(st.lists(pairs, max_size=4))
def test_sums_of_replicas_are_those_of_all_calls(parts: list[list[tuple[float, float]]]) -> None:
    together = filled([pair for part in parts for pair in part])
    total = Comparison()
    for part in parts:
        total.add_all(filled(part))
    assert (total.compared, total.flips, total.differences) == (together.compared, together.flips, together.differences)
    for name in ("active_mean", "shadow_mean", "active_squares", "shadow_squares", "products"):
        assert getattr(total, name) == pytest.approx(getattr(together, name), abs=1e-9)


def test_tau_over_successive_patients_is_kendalls_of_all_pairs() -> None:
    from scipy.stats import kendalltau

    rng = np.random.default_rng(3)
    active = rng.uniform(size=20_000)
    shadow = np.clip(active + rng.normal(0, 0.15, active.size), 0, 1)
    found = filled(list(zip(active.tolist(), shadow.tolist(), strict=True)))
    assert found.tau == pytest.approx(kendalltau(active, shadow).statistic, abs=0.02)
    assert filled([(0.1, 0.2), (0.2, 0.3), (0.3, 0.1)]).tau == 0
    assert math.isnan(filled([(0.1, 0.2), (0.1, 0.3)]).tau)


def endpoint(estimate: Estimate | None, kind: EndpointKind = EndpointKind.BINARY) -> Endpoint:
    status = EndpointStatus.ABSTAINED if estimate is None else EndpointStatus.PREDICTED
    return Endpoint("response", kind, status, (), estimate)


def test_abstentions_are_a_table_of_two_by_two() -> None:
    found, answer = Comparison(), probability_of(0.5)
    for active, shadow, times in ((answer, answer, 4), (answer, None, 3), (None, answer, 2), (None, None, 1)):
        for _ in range(times):
            found.add(endpoint(active), endpoint(shadow))
    found.add(endpoint(answer), None)
    found.add(endpoint(answer), endpoint(survival_of((56, 0.5)), EndpointKind.TIME_TO_EVENT))
    table = (found.compared, found.shadow_abstained, found.active_abstained, found.both_abstained)
    assert (table, found.incomparable, found.calls) == ((4, 3, 2, 1), 2, 12)


def test_nothing_compared_is_nan_and_no_crash() -> None:
    empty = Comparison()
    figures = (empty.mean_difference, empty.difference_sd, empty.correlation, empty.tau, empty.quantile(0.5))
    assert all(map(math.isnan, figures))


def report(values: Sequence[tuple[float, float]], **more: Any) -> ShadowReport:
    comparisons = {"response": filled(values), "pfs": filled(values[:3])}
    return ShadowReport(ACTIVE, SHADOW, 7, len(values), 2, 1, 0.5, 0.75, comparisons, **more)


@given(pairs)
def test_a_report_comes_back_from_its_metrics_and_from_its_message(values: list[tuple[float, float]]) -> None:
    original = report(values)

    class One(Collector):
        def collect(self) -> list[Metric]:
            return list(shadow_families([original]))

    registry = CollectorRegistry()
    registry.register(One())
    text = generate_latest(registry).decode()
    assert read_reports(text) == (original,)
    sent = type(shadow_report_to(original)).FromString(shadow_report_to(original).SerializeToString())
    assert shadow_report_from(sent) == original


def test_a_message_with_other_bins_is_refused() -> None:
    message = shadow_report_to(report([(0.1, 0.2)]))
    message.comparisons[0].differences.pop()
    with pytest.raises(MalformedRequest):
        shadow_report_from(message)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "tumorcast_shadow_generation 7\n",
        'tumorcast_shadow_generation{model="tiny"} 7\n',
        'tumorcast_shadow_generation{model="tiny",active_version="1",active_sha256="a",shadow_version="2",'
        'shadow_sha256="b"} NaN\n',
    ],
)
def test_metrics_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_reports(text)


def test_metrics_of_another_service_hold_no_report() -> None:
    assert read_reports("# TYPE up gauge\nup 1\n") == ()


def test_reports_add_up_and_those_of_other_versions_do_not() -> None:
    total = merged([report([(0.1, 0.2)]), report([(0.3, 0.2), (0.6, 0.4)])])
    assert total is not None
    assert (total.scored, total.failed, total.dropped, total.time_ratio) == (3, 4, 2, 1.5)
    assert total.comparisons["response"].compared == 3
    assert merged([]) is None
    other = report([])
    other.shadow = ACTIVE
    with pytest.raises(ValueError, match="different versions"):
        merged([report([]), other])
