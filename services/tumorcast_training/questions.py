"""What can be scored of an endpoint: one question, or one per cause and per threshold of ordered outcomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_training.cohorts import BinaryOutcome, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.metrics import ClusterBootstrap, RiskCurves, auc, harrell_c, score_binary, score_survival
from tumorcast_training.metrics.reporting import Scores
from tumorcast_training.metrics.resampling import Interval, Statistic
from tumorcast_training.table_predictions import (
    hazards,
    incidence,
    lower_bounds,
    prediction_sets,
    probabilities,
    rows_of,
)

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Patients = NDArray[np.object_]
T = TypeVar("T")


class Question(Protocol):
    """One thing to score; ``name`` is empty where an endpoint has just one. Rows of unknown outcome are left out."""

    @property
    def name(self) -> str: ...

    @property
    def figure(self) -> str: ...

    def score(self, output: EndpointOutput, rows: Mask, samples: int) -> Scores:
        """Everything about the rows."""
        ...

    def statistic(self, output: EndpointOutput, rows: Mask) -> Statistic:
        """AUC or Harrell's C (``figure``) of rows whose outcome is known, as a function of bootstrap weights."""
        ...


@dataclass(frozen=True)
class Chance:
    """Whether an outcome, or a rank of at least ``at_least``, is reached."""

    name: str
    value: Array
    at_least: int
    patients: Patients
    seed: int
    with_sets: bool
    figure: str = "auc"

    def score(self, output: EndpointOutput, rows: Mask, samples: int) -> Scores:
        """``metrics.score_binary``."""
        some = rows_of(output, rows)
        sets = prediction_sets(some) if self.with_sets else None
        return score_binary(
            self.value[rows],
            self._probability(some),
            self.patients[rows],
            prediction_sets=sets,
            coverage_level=output.level or 0.9,
            samples=samples,
            seed=self.seed,
        )

    def statistic(self, output: EndpointOutput, rows: Mask) -> Statistic:
        """AUC."""
        value, p = self.value[rows], self._probability(rows_of(output, rows))
        return lambda weights: auc(value, p, weights)

    def _probability(self, output: EndpointOutput) -> Array:
        reached: Array = probabilities(output)[:, self.at_least :].sum(axis=1)
        return np.clip(reached, 0.0, 1.0)


@dataclass(frozen=True)
class Time:
    """When an event comes: the only one, or one cause among several."""

    name: str
    outcome: SurvivalOutcome
    cause: int
    competing: bool
    horizons_days: tuple[float, ...]
    patients: Patients
    seed: int
    figure: str = "harrell_c"

    def score(self, output: EndpointOutput, rows: Mask, samples: int) -> Scores:
        """``metrics.score_survival``."""
        some = rows_of(output, rows)
        curves: dict[str, Any] = (
            {"cumulative_incidence": incidence(some)[:, self.cause - 1]}
            if self.competing
            else {"cumulative_hazard": hazards(some)[:, 0], "lower_bound_days": lower_bounds(some)}
        )
        return score_survival(
            self.outcome[rows],
            output.edges_days,
            self.horizons_days,
            self.patients[rows],
            cause=self.cause,
            coverage_level=output.level or 0.9,
            samples=samples,
            seed=self.seed,
            **curves,
        )

    def statistic(self, output: EndpointOutput, rows: Mask) -> Statistic:
        """Harrell's C by the expected time lost within follow-up."""
        some, outcome = rows_of(output, rows), self.outcome[rows]
        values = incidence(some)[:, self.cause - 1] if self.competing else hazards(some)[:, 0]
        risk = RiskCurves.of(np.array(output.edges_days), values, is_hazard=not self.competing).time_lost()
        return lambda weights: harrell_c(outcome.days, outcome.event, risk, cause=self.cause, weights=weights)


def questions_of(spec: EndpointSpec, outcome: Outcome, patients: Patients, seed: int = 0) -> list[Question]:
    """The questions of an endpoint."""
    if isinstance(outcome, BinaryOutcome):
        return [Chance("", outcome.value, 1, patients, seed, with_sets=True)]
    if isinstance(outcome, OrdinalOutcome):
        unknown = np.isnan(outcome.rank)
        reached = (np.where(unknown, np.nan, outcome.rank >= k) for k in range(1, len(spec.outcomes)))
        return [
            Chance(f"at least {name}", value.astype(float), k, patients, seed, with_sets=False)
            for k, (name, value) in enumerate(zip(spec.outcomes[1:], reached, strict=True), 1)
        ]
    if spec.kind is EndpointKind.COMPETING_RISKS:
        return [
            Time(name, outcome, c, True, spec.horizons_days, patients, seed) for c, name in enumerate(spec.outcomes, 1)
        ]
    return [Time("", outcome, 1, False, spec.horizons_days, patients, seed)]


def of_each(questions: Sequence[Question], work: Callable[[Question], T]) -> T | dict[str, T]:
    """What ``work`` gives of the only question, or of each by name."""
    if len(questions) == 1 and not questions[0].name:
        return work(questions[0])
    return {question.name: work(question) for question in questions}


def interval(question: Question, output: EndpointOutput, rows: Mask, bootstrap: ClusterBootstrap) -> Interval | None:
    """[estimate, lower, upper] of a question's figure; ``bootstrap`` is over the same rows."""
    return bootstrap.interval(question.statistic(output, rows)) if rows.any() else None


def paired_difference(
    question: Question, first: EndpointOutput, second: EndpointOutput, rows: Mask, bootstrap: ClusterBootstrap
) -> Interval | None:
    """[estimate, lower, upper] of a figure of ``first`` minus that of ``second``, on the same samples of patients."""
    if not rows.any():
        return None
    return bootstrap.difference(question.statistic(first, rows), question.statistic(second, rows))
