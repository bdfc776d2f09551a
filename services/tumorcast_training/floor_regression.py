"""Plain ridge regression for the floors: columns from inputs, logistic and Cox.

Deliberately the textbook's and apart from ``learners``: what a model has to beat must not share its code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tumorcast_training.cohorts.base import Array

_STEPS, _TOLERANCE, _LONGEST_STEP = 50, 1e-7, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Turns inputs into a design matrix by what the training rows held.

    Numbers are completed by the median and standardized; each category seen becomes an indicator, standardized or not.
    """

    medians: Mapping[str, float]
    categories: Mapping[str, tuple[str, ...]]
    mean: Array
    sd: Array

    @classmethod
    def of(cls, inputs: pd.DataFrame, *, scale_indicators: bool) -> Columns:
        """Learn from training rows; a number that is never known counts as 0, a constant column has sd 1."""
        texts = {str(name) for name, column in inputs.items() if column.dtype == object}
        medians = {str(name): float(inputs[name].fillna(0).median()) for name in inputs if str(name) not in texts}
        medians |= {name: float(inputs[name].median()) for name in medians if inputs[name].notna().any()}
        categories = {name: tuple(sorted(set(inputs[name].dropna()))) for name in inputs.columns if name in texts}
        raw = cls(medians, categories, np.zeros(1), np.ones(1))(inputs)
        mean, sd = raw.mean(axis=0), raw.std(axis=0)
        if not scale_indicators:
            mean[len(medians) :], sd[len(medians) :] = 0.0, 1.0
        return cls(medians, categories, mean, np.where(sd > 0, sd, 1.0))

    def __call__(self, inputs: pd.DataFrame) -> Array:
        """Design matrix, (n, columns)."""
        columns = [inputs[name].fillna(median).to_numpy(dtype=float) for name, median in self.medians.items()]
        for name, seen in self.categories.items():
            columns += [(inputs[name] == category).to_numpy(dtype=float) for category in seen]
        standardized: Array = (np.column_stack(columns) - self.mean) / self.sd
        return standardized


def ridge_logistic(x: Array, value: Array, penalty: float, new: Array) -> Array:
    """Linear predictor of ``new`` by a logistic regression of ``value`` on x with ``penalty / 2 * |coefficients|²``."""
    fitted = LogisticRegression(C=1 / penalty, max_iter=1000).fit(x, value)
    decision: Array = fitted.decision_function(new)
    return decision


def ridge_cox(x: Array, days: Array, event: NDArray[np.bool_], penalty: float) -> Array:
    """Coefficients (p,) of a Cox regression (ties by Breslow) with ``penalty / 2 * |coefficients|²``, by Newton.

    x is (n, p), days and event (n,).
    """
    order = np.argsort(-days, kind="stable")
    x, days, event = x[order], days[order], event[order]
    first, last = np.searchsorted(-days, -days, side="left"), np.searchsorted(-days, -days, side="right") - 1
    coefficients = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        eta = x @ coefficients
        risk = np.exp(eta - eta.max())
        at_risk = np.cumsum(risk)[last]
        mean = np.cumsum(risk[:, None] * x, axis=0)[last] / at_risk[:, None]
        hazard = np.cumsum((event / at_risk)[::-1])[::-1][first]
        gradient = event @ (x - mean) - penalty * coefficients
        information = (x * (risk * hazard)[:, None]).T @ x - (mean * event[:, None]).T @ mean
        step = np.linalg.solve(information + penalty * np.eye(x.shape[1]), gradient)
        coefficients = coefficients + step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < _TOLERANCE:
            break
    return coefficients
