"""Simulated courses of the sum of diameters with known truth, by code that shares nothing with the forecast's."""

from __future__ import annotations

import numpy as np

from tumorcast_training.growth import Course

LOG_KILL, LOG_GROWTH = np.log(0.005), np.log(0.001)
KILL_SD, GROWTH_SD = 0.6, 0.5
NOISE, DRIFT, OFFSET_MM = 0.08, 0.10, 5.0


def simulated_course(rng: np.random.Generator, scans: int, every_days: float = 60.0) -> tuple[Course, float, float]:
    """A course with its true d and g per day: growth-kill, a random walk, proportional and additive noise."""
    kill = float(np.exp(LOG_KILL + KILL_SD * rng.standard_normal()))
    growth = float(np.exp(LOG_GROWTH + GROWTH_SD * rng.standard_normal()))
    gaps = every_days + rng.uniform(-7, 7, scans - 1)
    days = np.concatenate([[0.0], np.cumsum(gaps)])
    shape = np.exp(-kill * days) + np.exp(growth * days) - 1
    walk = np.concatenate([[0.0], np.cumsum(DRIFT * np.sqrt(gaps / 100) * rng.standard_normal(scans - 1))])
    start = np.exp(rng.normal(4.5, 0.5)) + OFFSET_MM
    sums = start * shape * np.exp(walk + NOISE * rng.standard_normal(scans)) - OFFSET_MM
    return Course("simulated", days, np.maximum(np.maximum(sums, 0.0), [1.0] + [0.0] * (scans - 1)), "A"), kill, growth


def simulated_courses(seed: int, patients: int, scans: int = 8) -> list[Course]:
    """Courses of one population."""
    rng = np.random.default_rng(seed)
    return [simulated_course(rng, scans)[0] for _ in range(patients)]
