"""Two answers to one question, as the numbers that are compared.

What is compared is one probability of each answer, the one that contributions share out
(``EndpointOutput.headline``): of the outcome, of at least the second category, of no event (of the first cause) at the
last horizon that both have, and of progression by then for a trajectory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    Estimate,
    ProbabilityEstimate,
    SurvivalEstimate,
    SurvivalPoint,
    TrajectoryEstimate,
)

EVEN = 0.5
PROGRESSION = "PD"


@dataclass(frozen=True, slots=True)
class Pair:
    """Both probabilities; whether the decision differs, and the conformal set (``None``: not both have one)."""

    active: float
    shadow: float
    flips: bool
    set_differs: bool | None = None


def paired(active: Estimate, shadow: Estimate) -> Pair | None:
    """Both estimates as a pair, or ``None`` where they cannot be compared.

    >>> from tumorcast_core.prognosis import Interval
    >>> low, high = (ProbabilityEstimate(p, Interval(0, 1, 0.95), ("no",), 0.9) for p in (0.4, 0.7))
    >>> paired(low, high)
    Pair(active=0.4, shadow=0.7, flips=True, set_differs=False)
    """
    if type(active) is not type(shadow):
        return None
    day = _last_common(_days(active), _days(shadow))
    if day is None:
        return None
    first, second = _probability(active, day), _probability(shadow, day)
    if first is None or second is None or not (0 <= first <= 1 and 0 <= second <= 1):
        return None
    return Pair(first, second, _flips(active, shadow, first, second), _set_differs(active, shadow))


def _days(estimate: Estimate) -> Sequence[float]:
    match estimate:
        case SurvivalEstimate():
            return [point.horizon_days for point in estimate.points]
        case CompetingRisksEstimate():
            return [point.horizon_days for cause in estimate.causes[:1] for point in cause.points]
        case TrajectoryEstimate():
            return [chance.day for chance in estimate.criteria if chance.criterion == PROGRESSION]
    return [0.0]


def _last_common(active: Sequence[float], shadow: Sequence[float]) -> float | None:
    return max(set(active) & set(shadow), default=None)


def _probability(estimate: Estimate, day: float) -> float | None:
    match estimate:
        case ProbabilityEstimate():
            return estimate.probability
        case CategoriesEstimate():
            return 1 - estimate.categories[0].probability if estimate.categories else None
        case SurvivalEstimate():
            return _survival(estimate.points, day)
        case CompetingRisksEstimate():
            return _survival(estimate.causes[0].points, day)
        case TrajectoryEstimate():
            chances = (c.probability for c in estimate.criteria if c.criterion == PROGRESSION and c.day == day)
            return next(chances, None)


def _survival(points: Sequence[SurvivalPoint], day: float) -> float:
    return next(point.survival for point in points if point.horizon_days == day)


def _flips(active: Estimate, shadow: Estimate, first: float, second: float) -> bool:
    if isinstance(active, CategoriesEstimate) and isinstance(shadow, CategoriesEstimate):
        return _likeliest(active) != _likeliest(shadow)
    return (first >= EVEN) != (second >= EVEN)


def _likeliest(estimate: CategoriesEstimate) -> str:
    return max(estimate.categories, key=lambda c: c.probability).category


def _set_differs(active: Estimate, shadow: Estimate) -> bool | None:
    kinds = (ProbabilityEstimate, CategoriesEstimate)
    if not isinstance(active, kinds) or not isinstance(shadow, kinds):
        return None
    if not active.prediction_set_level or not shadow.prediction_set_level:
        return None
    return set(active.prediction_set) != set(shadow.prediction_set)
