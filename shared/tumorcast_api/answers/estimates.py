"""Endpoints and the estimate of each kind."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from tumorcast_api.answers.base import Answer, IntervalAnswer, ReasonAnswer
from tumorcast_core import prognosis as p


class ProbabilityAnswer(Answer):
    """Estimate of a yes-or-no endpoint."""

    probability: float = Field(description="0 to 1")
    interval: IntervalAnswer
    prediction_set: list[str] = Field(description="outcomes that cannot be excluded; both mean cannot tell")
    prediction_set_level: float = Field(description="nominal coverage of the set; 0: no set was made")
    clinical_baseline: float | None = Field(
        description="the same from clinical and therapy inputs alone; null: missing"
    )


class SurvivalPointAnswer(Answer):
    """Survival at one horizon."""

    horizon_days: float = Field(description="days since the index date")
    survival: float = Field(description="probability of no event until then, 0 to 1")
    interval: IntervalAnswer


class SurvivalAnswer(Answer):
    """Estimate of a time-to-event endpoint."""

    points: list[SurvivalPointAnswer] = Field(description="by ascending horizon")
    median_days: float | None = Field(description="null: not reached within the model's follow-up")
    median_interval: IntervalAnswer | None
    clinical_baseline: float | None = Field(
        description="survival at the last horizon from clinical and therapy inputs alone; null: missing"
    )
    lower_bound_days: float | None = Field(
        description="the event comes later than this with probability `lower_bound_level` (conformal); null: no bound"
    )
    lower_bound_level: float = Field(description="nominal level of the bound; 0: no bound was made")


class CausePointAnswer(SurvivalPointAnswer):
    """One cause at one horizon."""

    survival: float = Field(description="1 - P(this cause came first by then): the cumulative incidence's complement")


class CauseIncidenceAnswer(Answer):
    """Cumulative incidence of one cause."""

    cause: str
    points: list[CausePointAnswer] = Field(description="by ascending horizon")


class CompetingRisksAnswer(Answer):
    """Estimate of a competing-risks endpoint: what comes first, and when."""

    causes: list[CauseIncidenceAnswer]
    clinical_baseline: float | None = Field(
        description="P(no event of the first cause by its last horizon) from clinical and therapy inputs alone; "
        "null: missing"
    )


class CategoryProbabilityAnswer(Answer):
    """Probability of one of the ordered outcomes."""

    category: str
    probability: float = Field(description="0 to 1; those of all categories add up to 1")


class CategoriesAnswer(Answer):
    """Estimate of an ordinal endpoint."""

    categories: list[CategoryProbabilityAnswer] = Field(description="in the endpoint's order")
    prediction_set: list[str] = Field(description="categories that cannot be excluded")
    prediction_set_level: float = Field(description="nominal coverage of the set; 0: no set was made")


class TrajectoryPointAnswer(Answer):
    """The quantity at one day."""

    day: float = Field(description="days since the index date; negative: the past")
    value: float
    intervals: list[IntervalAnswer] = Field(description="prediction intervals, e.g. 50 % and 90 %")


class GrowthRateAnswer(Answer):
    """Specific growth rate of the resistant part."""

    per_day: float
    interval: IntervalAnswer


class CriterionProbabilityAnswer(Answer):
    """Probability that the target lesions met a criterion at a day or before."""

    criterion: str = Field(description="RECIST 1.1: PD or PR")
    day: float = Field(description="days since the index date")
    probability: float = Field(description="0 to 1")


class TrajectoryAnswer(Answer):
    """Estimate of a trajectory endpoint."""

    quantity: str = Field(description="catalog name")
    unit: str = Field(description="UCUM unit of all values")
    points: list[TrajectoryPointAnswer] = Field(description="by ascending day")
    growth_rate: GrowthRateAnswer | None = Field(description="null: not estimated")
    criteria: list[CriterionProbabilityAnswer]


ESTIMATES: dict[str, type] = {
    "probability": p.ProbabilityEstimate,
    "survival": p.SurvivalEstimate,
    "competing_risks": p.CompetingRisksEstimate,
    "categories": p.CategoriesEstimate,
    "trajectory": p.TrajectoryEstimate,
}
"""The key of an endpoint under which each estimate stands."""


class EndpointAnswer(Answer):
    """One question and its answer; an abstention is not a low risk."""

    id: str
    kind: p.EndpointKind
    status: p.EndpointStatus
    reasons: list[ReasonAnswer]
    probability: ProbabilityAnswer | None = Field(description="for `binary`; null when abstained")
    survival: SurvivalAnswer | None = Field(description="for `time-to-event`; null when abstained")
    competing_risks: CompetingRisksAnswer | None = Field(description="for `competing-risks`; null when abstained")
    categories: CategoriesAnswer | None = Field(description="for `ordinal`; null when abstained")
    trajectory: TrajectoryAnswer | None = Field(description="for `trajectory`; null when abstained")

    @classmethod
    def of(cls, endpoint: p.Endpoint) -> Self:
        """Put the estimate under the name of its kind."""
        found = endpoint.estimate
        estimates = {key: found if type(found) is kind else None for key, kind in ESTIMATES.items()}
        return cls.model_validate(
            {
                "id": endpoint.id,
                "kind": endpoint.kind,
                "status": endpoint.status,
                "reasons": endpoint.reasons,
                **estimates,
            },
            from_attributes=True,
        )
