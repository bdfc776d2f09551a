"""An endpoint's estimate in words: what is asked, what the model says, how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    Endpoint,
    Interval,
    ProbabilityEstimate,
    SurvivalEstimate,
    TrajectoryEstimate,
)

_SPELLED = {
    "pd_1_or_pd_l1": "PD-1 or PD-L1 blockade",
    "ctla_4": "CTLA-4 blockade",
    "combination": "PD-1 or PD-L1 with CTLA-4 blockade",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a card; ``interval`` may be empty."""

    question: str
    answer: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.question} {self.answer}{f' ({self.interval})' if self.interval else ''}"


def rows_of(endpoint: Endpoint) -> Iterator[Row]:
    """All that an endpoint says; nothing where it abstained."""
    label = words(endpoint.id)
    match endpoint.estimate:
        case ProbabilityEstimate(probability, interval):
            yield Row(label, percent(probability), _between(interval))
        case SurvivalEstimate(points):
            for x in points:
                question = f"{label}, no event within {x.horizon_days:.0f} days"
                yield Row(question, percent(x.survival), _between(x.interval))
        case CompetingRisksEstimate(causes):
            for cause in causes:
                for x in cause.points[-1:]:
                    inside = Interval(1 - x.interval.upper, 1 - x.interval.lower, x.interval.level)
                    question = f"{label}, {words(cause.cause)} first within {x.horizon_days:.0f} days"
                    yield Row(question, percent(1 - x.survival), _between(inside))
        case CategoriesEstimate(categories):
            for of in categories:
                yield Row(f"{label}, {words(of.category)}", percent(of.probability))
        case TrajectoryEstimate():
            yield from _trajectory(label, endpoint.estimate)


def headline_of(endpoint: Endpoint) -> Row | None:
    """The one row that stands for all: the longest time, the likeliest category, else the first."""
    rows = list(rows_of(endpoint))
    if not rows:
        return None
    match endpoint.estimate:
        case SurvivalEstimate():
            return rows[-1]
        case CategoriesEstimate(categories):
            return max(zip(categories, rows, strict=True), key=lambda pair: pair[0].probability)[1]
    return rows[0]


def _trajectory(label: str, estimate: TrajectoryEstimate) -> Iterator[Row]:
    for x in estimate.criteria:
        yield Row(f"RECIST 1.1 {x.criterion} of target lesions by day {x.day:.0f}", percent(x.probability))
    ahead = [point for point in estimate.points if point.day > 0]
    if ahead:
        last = ahead[-1]
        widest = max(last.intervals, key=lambda i: i.level, default=None)
        around = f"{100 * widest.level:g} % interval {widest.lower:.3g} to {widest.upper:.3g}" if widest else ""
        yield Row(f"{label} on day {last.day:.0f}", f"{last.value:.3g} {estimate.unit}".rstrip(), around)


def words(name: str) -> str:
    """A name of the catalog or of an endpoint as it is read.

    >>> words("progression_free_survival"), words("ctla_4")
    ('progression free survival', 'CTLA-4 blockade')
    """
    return _SPELLED.get(name) or name.replace("_", " ")


def percent(probability: float) -> str:
    """A probability, never told as certain.

    >>> percent(0.437), percent(0.001), percent(0.9999)
    ('44 %', '<1 %', '>99 %')
    """
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def _between(interval: Interval) -> str:
    return f"{100 * interval.level:g} % interval {percent(interval.lower)} to {percent(interval.upper)}"
