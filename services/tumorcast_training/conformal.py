"""Conformal calibration: sets of outcomes, and lower bounds on a time, that hold at a stated level.

Sets: split conformal on ``1 - p(outcome)`` (Vovk, Gammerman and Shafer 2005; Sadinle, Lei and Wasserman, JASA 2019)
with cross-fitted answers as the calibration set. Bounds: the survival level at which the curve is read is chosen so
that the share of patients who had the event before their bound, weighted by the inverse probability of being seen that
long, is at most 1 - level (Gui, Hore, Ren and Barber, Biometrika 2024: arXiv 2211.09933; arXiv 2410.24136).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.cohorts import BinaryOutcome, Outcome, SurvivalOutcome
from tumorcast_training.metrics import Censoring

if TYPE_CHECKING:
    from tumorcast_training.cross_validation import Answers

Array = NDArray[np.float64]
LEVEL = 0.9
_LEVELS = np.linspace(0.5, 0.995, 100)


def conformal_threshold(answers: Answers, outcome: Outcome, level: float = LEVEL) -> tuple[float, float]:
    """Threshold and level; a level of 0 where no bound is made (competing risks)."""
    if isinstance(outcome, SurvivalOutcome):
        if answers.values.shape[1] > 1:
            return 1.0, 0.0
        return bound_threshold(1 - answers.values[:, 0], answers.grid_days, outcome, level), level
    rank = (outcome.value if isinstance(outcome, BinaryOutcome) else outcome.rank).astype(int)
    return set_threshold(answers.values, rank, level), level


def set_threshold(probabilities: Array, rank: NDArray[np.int64], level: float) -> float:
    """The ⌈(n + 1) level⌉-th smallest of ``1 - p(what happened)``; 1 where n is too small for it.

    >>> set_threshold(np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]]), np.array([1, 1, 0]), 0.5)
    0.2
    """
    strange = np.sort(1 - probabilities[np.arange(len(rank)), rank])
    place = int(np.ceil((len(strange) + 1) * level))
    return float(np.round(strange[place - 1], 12)) if place <= len(strange) else 1.0


def bound_threshold(survival: Array, grid_days: tuple[float, ...], outcome: SurvivalOutcome, level: float) -> float:
    """The lowest survival level whose bounds are outlived often enough; survival (n, grid).

    Where none is, 1: the bound is day 0, which everybody outlives.
    """
    from tumorcast_training.cross_validation import day_of

    happened = outcome.event > 0
    seen = Censoring.of(outcome.days, happened.astype(np.int64)).inverse(outcome.days)[0]
    allowed = (1 - level) * (len(happened) + 1) - 1
    for threshold in _LEVELS:
        early = happened & (outcome.days < day_of(survival, grid_days, float(threshold)))
        if float(np.nansum(seen * early)) <= allowed:
            return float(threshold)
    return 1.0
