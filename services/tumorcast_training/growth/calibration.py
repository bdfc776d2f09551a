"""How fast trends fade and how wide bands are, chosen on the training patients' own later scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from tumorcast_fusion.model.growth.kinetics import Array
from tumorcast_fusion.model.growth.posterior import Posterior, mixture_cdf, posterior
from tumorcast_fusion.model.growth.prior import PopulationPrior
from tumorcast_fusion.model.growth.scans import checked_scans
from tumorcast_training.growth.reader import Course

CALIBRATION_DRAWS = 128
INFLATIONS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
FREEDOM_CAPS = (2.0, 3.0, 5.0, 10.0, 1e6)
NO_DAMPING_DAYS = 1e6
DAMPING_DAYS = (100.0, 200.0, 300.0, 500.0, 1000.0, NO_DAMPING_DAYS)
LEVELS = np.array([0.5, 0.8, 0.9])


def choose_damping(prior: PopulationPrior, courses: Sequence[Course]) -> PopulationPrior:
    """Choose the damping with the least mean absolute log error, over every later scan from every earlier stretch.

    The forecast is the posterior mean of the draws' locations.
    """
    known = _stretches(prior, courses)

    def error(damping_days: float) -> float:
        found = []
        for point, course, place in known:
            later = course.days[place:] <= course.days[place - 1] + prior.longest_horizon_days
            damped = replace(point, prior=replace(prior, damping_days=damping_days))
            location = damped.location_and_covariance(course.days[place:][later])[0] @ point.weights
            found.append(np.abs(location - np.log(course.sums_mm[place:][later] + prior.offset_mm)))
        return float(np.concatenate(found).mean())

    return replace(prior, damping_days=min(DAMPING_DAYS, key=error))


def calibrate(prior: PopulationPrior, courses: Sequence[Course]) -> PopulationPrior:
    """Choose inflation and cap whose central bands cover best, over a grid.

    Squared misses of the 50, 80 and 90 % bands are added over two targets of equal say: every scan predicted from those
    before it, and every patient's last scan. The last scans scatter more, for observation ends when something happens.
    """
    known = _stretches(prior, courses)
    last = np.array([place == len(course.days) - 1 for _, course, place in known])
    parts = [point.location_and_covariance(course.days[place : place + 1]) for point, course, place in known]
    location = np.array([part[0][0] for part in parts])
    scale = np.array([point.scale * np.sqrt(part[1][0, 0]) for (point, _, _), part in zip(known, parts, strict=True)])
    weights = np.array([point.weights for point, _, _ in known])
    z = np.log(np.array([course.sums_mm[place] for _, course, place in known]) + prior.offset_mm)
    freedom = np.array([prior.degrees_of_freedom + place - 1 for _, _, place in known])

    def miss(choice: tuple[float, float]) -> float:
        inflation, cap = choice
        depth = 2 * np.abs(
            mixture_cdf(z, location, inflation * scale, weights, np.minimum(freedom, cap)[:, None]) - 0.5
        )
        return _miss(depth) + _miss(depth[last])

    inflation, cap = min(product(INFLATIONS, FREEDOM_CAPS), key=miss)
    return replace(prior, scale_inflation=inflation, largest_degrees_of_freedom=cap)


def _stretches(prior: PopulationPrior, courses: Sequence[Course]) -> list[tuple[Posterior, Course, int]]:
    """What the first 1, 2, … scans of every course say, with the course and how many scans they are."""
    return [
        (posterior(prior, checked_scans(course.days[:place], course.sums_mm[:place]), CALIBRATION_DRAWS), course, place)
        for course in courses
        for place in range(1, len(course.days))
        if course.sums_mm[0] > 0
    ]


def _miss(depth: Array) -> float:
    """Squared distance of the coverage of central bands from their levels."""
    return float((((depth[:, None] <= LEVELS).mean(axis=0) - LEVELS) ** 2).sum())
