"""The floor of every cohort: plain ridge regression, nothing tuned, scored on each published fold.

Logistic regression for a binary outcome, Cox regression (ties by Breslow) for a time. Numbers are completed by the median
of the training rows and standardized by them, categories become one indicator each. What is scored is the AUC or Harrell's
C of the fold's rows, so that a model scored on the same folds can be compared with it in pairs. With competing events, the
floor is the Cox model of the first cause: the others are censored when fitting and never come when scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts.base import Array, BinaryOutcome, Cohort, Outcome, SurvivalOutcome
from tumorcast_training.metrics.discrimination import auc, harrell_c

COX_PENALTY_PER_ROW = 0.1
LOGISTIC_PENALTY = 1.0
_STEPS, _TOLERANCE, _LONGEST_STEP = 50, 1e-7, 1.0

Derive = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Floor:
    """Which inputs a floor reads; ``derive`` turns them into its columns, row by row."""

    inputs: tuple[str, ...]
    derive: Derive = lambda inputs: inputs
    first_visit_only: bool = False


def fold_scores(cohort: Cohort, endpoint_id: str, which: str) -> Array:
    """AUC or C of one floor on every published fold, (repeats, folds).

    Raises ``InvalidInput`` where the cohort has no such endpoint or floor, or no folds.
    """
    floor = floor_of(cohort.name, endpoint_id, which)
    eligible = _eligible(cohort, endpoint_id, floor)
    fold_count = int(cohort.folds.max()) + 1
    if fold_count < 2:
        raise InvalidInput("The cohort has no folds.")
    scores = np.full((cohort.folds.shape[1], fold_count), np.nan)
    for repeat, fold in np.ndindex(scores.shape):
        of_repeat = cohort.folds[:, repeat]
        train, test = eligible & (of_repeat >= 0) & (of_repeat != fold), eligible & (of_repeat == fold)
        risk = predict(floor, cohort[train], cohort[test], endpoint_id)
        scores[repeat, fold] = score(cohort.outcomes[endpoint_id][test], risk)
    return scores


def floor_of(cohort_name: str, endpoint_id: str, which: str) -> Floor:
    """The floor of that name; raises ``InvalidInput`` where there is none."""
    try:
        return FLOORS[cohort_name, endpoint_id][which]
    except KeyError as e:
        raise InvalidInput("There is no floor of that name for the cohort's endpoint.") from e


def predict(floor: Floor, train: Cohort, test: Cohort, endpoint_id: str) -> Array:
    """Linear predictor of ``test`` (n,), higher for the outcome or for an early event, by a floor fitted on ``train``."""
    known, new = Columns.of(floor.derive(train.inputs[list(floor.inputs)])), floor.derive(test.inputs[list(floor.inputs)])
    x, outcome = known(floor.derive(train.inputs[list(floor.inputs)])), train.outcomes[endpoint_id]
    if isinstance(outcome, BinaryOutcome):
        fitted = LogisticRegression(C=1 / LOGISTIC_PENALTY, max_iter=1000).fit(x, outcome.value)
        decision: Array = fitted.decision_function(known(new))
        return decision
    if not isinstance(outcome, SurvivalOutcome):
        raise InvalidInput("Only binary outcomes and times have a floor.")
    return known(new) @ ridge_cox(x, outcome.days, outcome.event == 1, COX_PENALTY_PER_ROW * len(x))


def score(outcome: Outcome, risk: Array) -> float:
    """AUC of a binary outcome, Harrell's C of a time (of the first cause, where there are several)."""
    if isinstance(outcome, SurvivalOutcome):
        return float(harrell_c(outcome.days, outcome.event, risk)[0])
    if isinstance(outcome, BinaryOutcome):
        return float(auc(outcome.value, risk)[0])
    raise InvalidInput("Only binary outcomes and times have a floor.")


def _eligible(cohort: Cohort, endpoint_id: str, floor: Floor) -> NDArray[np.bool_]:
    rows = cohort.outcomes[endpoint_id].known()
    if floor.first_visit_only and cohort.landmark_days is not None:
        rows &= cohort.landmark_days == 0
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Turns inputs into standardized columns, by what the training rows held."""

    medians: Mapping[str, float]
    categories: Mapping[str, tuple[str, ...]]
    mean: Array
    sd: Array

    @classmethod
    def of(cls, inputs: pd.DataFrame) -> Columns:
        """Medians, categories, means and standard deviations of the training rows; a constant column gets sd 1."""
        numbers = {n: c for n, c in inputs.items() if c.dtype != object}
        medians = {str(n): float(c.median()) if c.notna().any() else 0.0 for n, c in numbers.items()}
        seen = {str(n): tuple(sorted(set(c.dropna()))) for n, c in inputs.items() if c.dtype == object}
        columns = cls(medians, seen, np.zeros(1), np.ones(1))
        raw = columns(inputs)
        sd = raw.std(axis=0)
        return cls(medians, seen, raw.mean(axis=0), np.where(sd > 0, sd, 1.0))

    def __call__(self, inputs: pd.DataFrame) -> Array:
        numbers = [inputs[name].fillna(median).to_numpy(dtype=float) for name, median in self.medians.items()]
        indicators = [
            (inputs[name] == category).to_numpy(dtype=float) for name, seen in self.categories.items() for category in seen
        ]
        standardized: Array = (np.column_stack([*numbers, *indicators]) - self.mean) / self.sd
        return standardized


def ridge_cox(x: Array, days: Array, event: NDArray[np.bool_], penalty: float) -> Array:
    """Coefficients (p,) that maximize Cox's partial likelihood (ties by Breslow) minus ``penalty / 2 * |coefficients|²``.

    Newton's method; x is (n, p), days and event (n,).
    """
    order = np.argsort(-days, kind="stable")
    x, days, event = x[order], days[order], event[order].astype(float)
    last = np.searchsorted(-days, -days, side="right") - 1  # of the rows still at risk at each row's time
    coefficients = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        eta = x @ coefficients
        risk = np.exp(eta - eta.max())
        at_risk = np.cumsum(risk)[last]
        mean = np.cumsum(risk[:, None] * x, axis=0)[last] / at_risk[:, None]
        hazard = np.cumsum((event / at_risk)[::-1])[::-1][np.searchsorted(-days, -days, side="left")]
        gradient = event @ (x - mean) - penalty * coefficients
        hessian = (x * (risk * hazard)[:, None]).T @ x - (mean * event[:, None]).T @ mean
        step = np.linalg.solve(hessian + penalty * np.eye(x.shape[1]), gradient)
        coefficients = coefficients + step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < _TOLERANCE:
            break
    return coefficients
FLOORS = {}
