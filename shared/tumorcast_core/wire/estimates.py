"""Endpoints and the estimate of each kind ↔ ``prognosis.proto``."""

from __future__ import annotations

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast_core import prognosis as p
from tumorcast_core.wire.enums import enum_from, enum_to
from tumorcast_core.wire.parts import interval_from, interval_to, reason_from, reason_to


def endpoint_kind_to(kind: p.EndpointKind) -> pp.EndpointKind:
    """Domain endpoint kind → message."""
    message: pp.EndpointKind = enum_to(pp.EndpointKind, "ENDPOINT_KIND", kind)
    return message


def endpoint_kind_from(value: pp.EndpointKind) -> p.EndpointKind:
    """Message → domain endpoint kind."""
    return enum_from(p.EndpointKind, pp.EndpointKind, "ENDPOINT_KIND", value)


def endpoint_to(e: p.Endpoint) -> pp.Endpoint:
    """Domain endpoint → message."""
    message = pp.Endpoint(
        id=e.id,
        kind=endpoint_kind_to(e.kind),
        status=enum_to(pp.EndpointStatus, "ENDPOINT_STATUS", e.status),
        reasons=map(reason_to, e.reasons),
    )
    match e.estimate:
        case p.ProbabilityEstimate():
            message.probability.CopyFrom(_probability_to(e.estimate))
        case p.SurvivalEstimate():
            message.survival.CopyFrom(_survival_to(e.estimate))
        case p.CompetingRisksEstimate():
            message.competing_risks.CopyFrom(_competing_risks_to(e.estimate))
        case p.CategoriesEstimate():
            message.categories.CopyFrom(_categories_to(e.estimate))
        case p.TrajectoryEstimate():
            message.trajectory.CopyFrom(_trajectory_to(e.estimate))
    return message


def endpoint_from(m: pp.Endpoint) -> p.Endpoint:
    """Message → domain endpoint."""
    return p.Endpoint(
        id=m.id,
        kind=endpoint_kind_from(m.kind),
        status=enum_from(p.EndpointStatus, pp.EndpointStatus, "ENDPOINT_STATUS", m.status),
        reasons=tuple(map(reason_from, m.reasons)),
        estimate=_estimate_from(m),
    )


def _estimate_from(m: pp.Endpoint) -> p.Estimate | None:
    match m.WhichOneof("estimate"):
        case "probability":
            return _probability_from(m.probability)
        case "survival":
            return _survival_from(m.survival)
        case "competing_risks":
            return _competing_risks_from(m.competing_risks)
        case "categories":
            return _categories_from(m.categories)
        case "trajectory":
            return _trajectory_from(m.trajectory)
    return None


def _probability_to(e: p.ProbabilityEstimate) -> pp.ProbabilityEstimate:
    return pp.ProbabilityEstimate(
        probability=e.probability,
        interval=interval_to(e.interval),
        prediction_set=e.prediction_set,
        prediction_set_level=e.prediction_set_level,
        clinical_baseline=e.clinical_baseline,
    )


def _probability_from(m: pp.ProbabilityEstimate) -> p.ProbabilityEstimate:
    return p.ProbabilityEstimate(
        probability=m.probability,
        interval=interval_from(m.interval),
        prediction_set=tuple(m.prediction_set),
        prediction_set_level=m.prediction_set_level,
        clinical_baseline=m.clinical_baseline if m.HasField("clinical_baseline") else None,
    )


def _point_to(x: p.SurvivalPoint) -> pp.SurvivalPoint:
    return pp.SurvivalPoint(horizon_days=x.horizon_days, survival=x.survival, interval=interval_to(x.interval))


def _point_from(m: pp.SurvivalPoint) -> p.SurvivalPoint:
    return p.SurvivalPoint(m.horizon_days, m.survival, interval_from(m.interval))


def _survival_to(e: p.SurvivalEstimate) -> pp.SurvivalEstimate:
    return pp.SurvivalEstimate(
        points=map(_point_to, e.points),
        median_days=e.median_days,
        median_interval=interval_to(e.median_interval) if e.median_interval else None,
        clinical_baseline=e.clinical_baseline,
        lower_bound_days=e.lower_bound_days,
        lower_bound_level=e.lower_bound_level,
    )


def _survival_from(m: pp.SurvivalEstimate) -> p.SurvivalEstimate:
    return p.SurvivalEstimate(
        points=tuple(map(_point_from, m.points)),
        median_days=m.median_days if m.HasField("median_days") else None,
        median_interval=interval_from(m.median_interval) if m.HasField("median_interval") else None,
        clinical_baseline=m.clinical_baseline if m.HasField("clinical_baseline") else None,
        lower_bound_days=m.lower_bound_days if m.HasField("lower_bound_days") else None,
        lower_bound_level=m.lower_bound_level,
    )


def _competing_risks_to(e: p.CompetingRisksEstimate) -> pp.CompetingRisksEstimate:
    causes = [pp.CauseIncidence(cause=c.cause, points=map(_point_to, c.points)) for c in e.causes]
    return pp.CompetingRisksEstimate(causes=causes, clinical_baseline=e.clinical_baseline)


def _competing_risks_from(m: pp.CompetingRisksEstimate) -> p.CompetingRisksEstimate:
    causes = tuple(p.CauseIncidence(c.cause, tuple(map(_point_from, c.points))) for c in m.causes)
    return p.CompetingRisksEstimate(causes, m.clinical_baseline if m.HasField("clinical_baseline") else None)


def _categories_to(e: p.CategoriesEstimate) -> pp.CategoriesEstimate:
    return pp.CategoriesEstimate(
        categories=[pp.CategoryProbability(category=c.category, probability=c.probability) for c in e.categories],
        prediction_set=e.prediction_set,
        prediction_set_level=e.prediction_set_level,
    )


def _categories_from(m: pp.CategoriesEstimate) -> p.CategoriesEstimate:
    categories = tuple(p.CategoryProbability(c.category, c.probability) for c in m.categories)
    return p.CategoriesEstimate(categories, tuple(m.prediction_set), m.prediction_set_level)


def _trajectory_to(e: p.TrajectoryEstimate) -> pp.TrajectoryEstimate:
    rate = e.growth_rate
    return pp.TrajectoryEstimate(
        quantity=e.quantity,
        unit=e.unit,
        points=[
            pp.TrajectoryPoint(day=x.day, value=x.value, intervals=map(interval_to, x.intervals)) for x in e.points
        ],
        growth_rate=pp.GrowthRate(per_day=rate.per_day, interval=interval_to(rate.interval)) if rate else None,
        criteria=[
            pp.CriterionProbability(criterion=c.criterion, day=c.day, probability=c.probability) for c in e.criteria
        ],
    )


def _trajectory_from(m: pp.TrajectoryEstimate) -> p.TrajectoryEstimate:
    rate = m.growth_rate
    return p.TrajectoryEstimate(
        quantity=m.quantity,
        unit=m.unit,
        points=tuple(p.TrajectoryPoint(x.day, x.value, tuple(map(interval_from, x.intervals))) for x in m.points),
        growth_rate=p.GrowthRate(rate.per_day, interval_from(rate.interval)) if m.HasField("growth_rate") else None,
        criteria=tuple(p.CriterionProbability(c.criterion, c.day, c.probability) for c in m.criteria),
    )
