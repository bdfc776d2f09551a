"""What an engine computes for an endpoint, and the estimate that it becomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CategoryProbability,
    CauseIncidence,
    CompetingRisksEstimate,
    EndpointKind,
    Estimate,
    Interval,
    ProbabilityEstimate,
    SurvivalEstimate,
    SurvivalPoint,
)
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.tabular.links import at_days, cumulative_incidence, survival_at

Array = NDArray[np.float64]
INTERVAL_LEVEL = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class EndpointOutput:
    """One endpoint for n subsets of the groups; the first axis of three is estimate, lower and upper limit.

    ``probability`` (3, n) or ``categories`` (n, K) or ``hazards`` (3, n, causes, intervals), which are cumulative at
    ``edges_days``. ``threshold`` at ``level`` is the conformal one: of ``1 - p`` for outcomes, of survival for times; a
    level of 0 means that there is none.
    """

    probability: Array | None = None
    categories: Array | None = None
    hazards: Array | None = None
    edges_days: tuple[float, ...] = ()
    level: float = 0.0
    threshold: float = 1.0

    def headline(self, days: Sequence[float] = ()) -> Array:
        """The number that contributions share out, (n, max(days, 1)).

        P(outcome); P(at least the second category); probability of no event of the first cause by each day.
        """
        if self.probability is not None:
            chance: Array = self.probability[0][:, None]
            return chance
        if self.categories is not None:
            reached: Array = 1 - self.categories[:, :1]
            return reached
        return self._free_of_first(self._hazards()[0], days)

    def _free_of_first(self, hazards: Array, days: Sequence[float]) -> Array:
        if hazards.shape[-2] == 1:
            return survival_at(hazards[..., 0, :], self.edges_days, days)
        free: Array = 1 - at_days(cumulative_incidence(hazards)[..., 0, :], self.edges_days, days)
        return free

    def _hazards(self) -> Array:
        if self.hazards is None:
            raise ValueError("the endpoint is not about times")
        return self.hazards

    def estimate(self, spec: EndpointSpec, horizons: Sequence[float], baseline: float | None) -> Estimate:
        """The estimate of the last subset: that of all groups given."""
        if spec.kind is EndpointKind.BINARY and self.probability is not None:
            return self._probability(self.probability[:, -1], spec, baseline)
        if spec.kind is EndpointKind.ORDINAL and self.categories is not None:
            return self._categories(self.categories[-1], spec)
        if spec.kind is EndpointKind.COMPETING_RISKS:
            return self._competing(spec, horizons, baseline)
        return self._survival(horizons, baseline)

    def _probability(self, values: Array, spec: EndpointSpec, baseline: float | None) -> ProbabilityEstimate:
        estimate, lower, upper = (float(x) for x in values)
        chances = dict(zip(spec.outcomes, (1 - estimate, estimate), strict=True))
        kept = self._kept(chances)
        return ProbabilityEstimate(estimate, Interval(lower, upper, INTERVAL_LEVEL), kept, self.level, baseline)

    def _categories(self, values: Array, spec: EndpointSpec) -> CategoriesEstimate:
        chances = {name: float(p) for name, p in zip(spec.outcomes, values, strict=True)}
        found = tuple(CategoryProbability(name, p) for name, p in chances.items())
        return CategoriesEstimate(found, self._kept(chances), self.level)

    def _kept(self, chances: dict[str, float]) -> tuple[str, ...]:
        """Outcomes that cannot be excluded (split conformal); at least the likeliest."""
        kept = kept_outcomes(np.array([list(chances.values())]), self.threshold)[0]
        return tuple(outcome for outcome, stays in zip(chances, kept, strict=True) if stays)

    def _survival(self, horizons: Sequence[float], baseline: float | None) -> SurvivalEstimate:
        middle, low_hazard, high_hazard = (h[-1, 0] for h in self._hazards())
        curves = [survival_at(h, self.edges_days, horizons) for h in (middle, high_hazard, low_hazard)]
        median = day_of_survival(middle, self.edges_days, 0.5)
        soonest, latest = (day_of_survival(h, self.edges_days, 0.5) for h in (high_hazard, low_hazard))
        limits = Interval(soonest or 0.0, latest or math.inf, INTERVAL_LEVEL) if median is not None else None
        bound = day_of_survival(middle, self.edges_days, self.threshold) if self.level else None
        return SurvivalEstimate(
            _points(horizons, *curves),
            median,
            limits,
            baseline,
            (self.edges_days[-1] if bound is None else bound) if self.level else None,
            self.level,
        )

    def _competing(
        self, spec: EndpointSpec, horizons: Sequence[float], baseline: float | None
    ) -> CompetingRisksEstimate:
        middle, low, high = (h[-1] for h in self._hazards())
        causes = []
        for c, cause in enumerate(spec.outcomes):
            curves = []
            for limit in (middle, high, low):
                mixed = middle.copy()
                mixed[c] = limit[c]
                curves.append(1 - at_days(cumulative_incidence(mixed)[c], self.edges_days, horizons))
            causes.append(CauseIncidence(cause, _points(horizons, *curves)))
        return CompetingRisksEstimate(tuple(causes), baseline)


def kept_outcomes(chances: Array, threshold: float) -> NDArray[np.bool_]:
    """Which outcomes of chances (n, K) cannot be excluded (split conformal); at least the likeliest, first of equals.

    >>> kept_outcomes(np.array([[0.6, 0.4], [0.95, 0.05]]), 0.6).tolist()
    [[True, True], [True, False]]
    """
    kept: NDArray[np.bool_] = 1 - chances <= threshold
    kept[np.arange(len(kept)), chances.argmax(axis=1)] = True
    return kept


def _points(days: Sequence[float], middle: Array, lower: Array, upper: Array) -> tuple[SurvivalPoint, ...]:
    return tuple(
        SurvivalPoint(day, float(s), Interval(float(low), float(high), INTERVAL_LEVEL))
        for day, s, low, high in zip(days, middle, lower, upper, strict=True)
    )


def day_of_survival(cumulative_hazard: Array, edges_days: Sequence[float], survival: float) -> float | None:
    """Day at which survival falls to a level, cumulative_hazard (intervals,); ``None`` if not within follow-up.

    >>> round(day_of_survival(np.array([0.1, 0.9]), [28, 56], 0.5), 1)
    48.8
    """
    wanted = -math.log(max(survival, 1e-12))
    if cumulative_hazard[-1] < wanted:
        return None
    hazards = np.concatenate([[0.0], cumulative_hazard])
    return float(np.interp(wanted, hazards, np.concatenate([[0.0], edges_days])))
