"""Probability that a coming scan shows RECIST 1.1 progression or partial response, by simulated courses.

Progression: at least 20 % and at least 5 mm above the nadir, which counts the scans already made and the simulated
ones before. Partial response: at least 30 % below the first scan (Eisenhauer et al., Eur J Cancer 2009;45:228, section
4.3.1).
Only the sum of target lesions is forecast: new lesions and non-target lesions are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, ndtri

from tumorcast_fusion.model.growth.kinetics import Array, uniform_points
from tumorcast_fusion.model.growth.posterior import Posterior

COURSES = 1024
PROGRESSION_RATIO = 1.2
PROGRESSION_MM = 5.0
RESPONSE_RATIO = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class EventProbabilities:
    """Probabilities by day, (days,), never falling from one day to the next."""

    progression: Array
    response: Array


def simulated_sums(known: Posterior, days: Array) -> Array:
    """Courses of measured sums in mm, (courses, days), always the same ones for the same scans."""
    location, spread = known.location_and_covariance(days)
    uniform = uniform_points(COURSES, len(days) + 2)
    chosen = np.searchsorted(np.cumsum(known.weights), uniform[:, 0])
    chosen = np.minimum(chosen, len(known.weights) - 1)
    freedom = known.degrees_of_freedom
    stretch = np.sqrt(freedom / chdtri(freedom, uniform[:, 1]))
    wiggle = ndtri(uniform[:, 2:]) @ np.linalg.cholesky(spread).T
    z = location[:, chosen].T + (known.scale[chosen] * stretch)[:, None] * wiggle
    return np.asarray(np.maximum(np.exp(np.minimum(z, 20.0)) - known.prior.offset_mm, 0.0))


def is_progression(sums_mm: Array, nadir_mm: Array) -> Array:
    """Whether sums are progression over nadirs of the same shape.

    >>> is_progression(np.array([24.0, 25.0, 120.0, 119.0]), np.array([20.0, 20.0, 100.0, 100.0])).tolist()
    [False, True, True, False]
    """
    return np.asarray((sums_mm >= PROGRESSION_RATIO * nadir_mm) & (sums_mm - nadir_mm >= PROGRESSION_MM))


def event_probabilities(known: Posterior, asked: Array, visit_interval_days: float) -> EventProbabilities:
    """Probabilities that a scan up to each asked day shows the event.

    The patient is scanned every ``visit_interval_days`` after the last scan, and on the asked day itself.
    """
    last = known.scans.days[-1]
    visits = np.arange(last + visit_interval_days, asked[-1], visit_interval_days)
    days = np.union1d(visits, asked)
    sums = simulated_sums(known, days)
    scheduled = np.isin(days, visits)
    progression, response = np.empty(len(asked)), np.empty(len(asked))
    for index, day in enumerate(asked):
        seen = sums[:, (scheduled & (days < day)) | (days == day)]
        before = np.minimum.accumulate(np.column_stack([np.full(len(seen), known.scans.nadir_mm), seen]), axis=1)
        progression[index] = is_progression(seen, before[:, :-1]).any(axis=1).mean()
        response[index] = (seen <= RESPONSE_RATIO * known.scans.baseline_mm).any(axis=1).mean()
    return EventProbabilities(np.maximum.accumulate(progression), np.maximum.accumulate(response))
