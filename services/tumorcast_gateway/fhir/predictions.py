"""An endpoint's estimate as RiskAssessment.prediction: one outcome each, as a percentage.

``probabilityDecimal`` is a percentage of at most 100 in FHIR R4. A second prediction beside it holds its interval,
where there is one, as ``probabilityRange``. What is about times says so in ``whenPeriod``, from the index date on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    Endpoint,
    Interval,
    ProbabilityEstimate,
    SurvivalEstimate,
    TrajectoryEstimate,
)
from tumorcast_gateway.fhir.codes import UCUM, plain

Prediction = dict[str, Any]


def predictions(endpoint: Endpoint, index_date: str) -> Iterator[Prediction]:
    """All predictions of one endpoint, each followed by its interval; none where it abstained."""
    match endpoint.estimate:
        case ProbabilityEstimate(probability, interval, possible):
            yield _told(endpoint.id, probability, rationale=_cannot_exclude(possible))
            yield _range(endpoint.id, interval)
        case SurvivalEstimate(points):
            for x in points:
                outcome = f"{endpoint.id}: no event within {x.horizon_days:g} days"
                when = _until(x.horizon_days, index_date)
                yield _told(outcome, x.survival, when)
                yield _range(outcome, x.interval, when)
        case CompetingRisksEstimate():
            yield from _causes(endpoint.id, endpoint.estimate, index_date)
        case CategoriesEstimate(categories, possible):
            for of in categories:
                yield _told(f"{endpoint.id}: {of.category}", of.probability, rationale=_cannot_exclude(possible))
        case TrajectoryEstimate(criteria=criteria):
            for criterion in criteria:
                outcome = f"{endpoint.id}: RECIST 1.1 {criterion.criterion} of target lesions by day {criterion.day:g}"
                yield _told(outcome, criterion.probability, _until(criterion.day, index_date))


def _causes(endpoint_id: str, estimate: CompetingRisksEstimate, index_date: str) -> Iterator[Prediction]:
    """Cumulative incidence of each cause at each horizon; the domain's points hold its complement."""
    for cause in estimate.causes:
        for x in cause.points:
            outcome = f"{endpoint_id}: {cause.cause} first, within {x.horizon_days:g} days"
            when = _until(x.horizon_days, index_date)
            yield _told(outcome, 1 - x.survival, when)
            yield _range(outcome, Interval(1 - x.interval.upper, 1 - x.interval.lower, x.interval.level), when)


def _cannot_exclude(possible: tuple[str, ...]) -> str:
    return f"Cannot be excluded: {', '.join(possible)}." if possible else ""


def _told(outcome: str, probability: float, when: Prediction | None = None, rationale: str = "") -> Prediction:
    told = {"outcome": {"text": plain(outcome)}, **(when or {}), "probabilityDecimal": _percent(probability)}
    return told | ({"rationale": plain(rationale)} if rationale else {})


def _range(outcome: str, interval: Interval, when: Prediction | None = None) -> Prediction:
    return {
        "outcome": {"text": plain(outcome)},
        **(when or {}),
        "probabilityRange": {"low": _percent_quantity(interval.lower), "high": _percent_quantity(interval.upper)},
        "rationale": f"{100 * interval.level:g} % interval of the probability above, from the limited training data.",
    }


def _percent(probability: float) -> float:
    return min(max(round(100 * probability, 4), 0.0), 100.0)


def _percent_quantity(probability: float) -> dict[str, Any]:
    return {"value": _percent(probability), "unit": "%", "system": UCUM, "code": "%"}


def _until(day: float, index_date: str) -> Prediction:
    """The period until a day, to whole days (the outcome's text has the exact one); none without a start before it."""
    try:
        end = date.fromisoformat(index_date) + timedelta(days=round(day))
    except (ValueError, OverflowError):
        return {}
    return {"whenPeriod": {"start": index_date, "end": end.isoformat()}} if day > 0 else {}
