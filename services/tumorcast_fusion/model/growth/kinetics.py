"""How a sum of diameters shrinks and grows under treatment, relative to its size at the first scan.

``growth-kill`` is f(t) = exp(-d t) + exp(g t) - 1 (Stein et al., Clin Cancer Res 2011;17:907), ``resistant-fraction``
is f(t) = (1 - p) exp(-d t) + p exp(g t), where a share p of the tumor does not respond (Wilkerson et al., Lancet Oncol
2017;18:143). Parameters are log d, log g (both per day) and, for the second, logit p, so that a normal population keeps
them in their range.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri
from scipy.stats import qmc

Array = NDArray[np.float64]
SMALLEST_RELATIVE_SIZE = 1e-12
LARGEST_EXPONENT = 30.0
SCRAMBLE_SEED = 20240611


class Form(StrEnum):
    """Which law of growth and kill."""

    GROWTH_KILL = "growth-kill"
    RESISTANT_FRACTION = "resistant-fraction"

    @property
    def parameter_count(self) -> int:
        """Random effects of a patient: log d, log g and, for a resistant fraction, its logit."""
        return 2 if self is Form.GROWTH_KILL else 3


def log_relative_size(form: Form, parameters: Array, days: Array) -> Array:
    """Log of f at days since the first scan, (scans, draws), for parameters of shape (draws, parameters).

    >>> log_relative_size(Form.GROWTH_KILL, np.log([[0.01, 0.001]]), np.array([0.0])).tolist()
    [[0.0]]
    """
    kill = np.exp(-np.minimum(np.exp(parameters[:, 0]) * days[:, None], 500.0))
    exponent = np.minimum(np.exp(parameters[:, 1]) * days[:, None], LARGEST_EXPONENT)
    if form is Form.GROWTH_KILL:
        size = kill + np.expm1(exponent)
    else:
        resistant = expit(parameters[:, 2])
        size = (1 - resistant) * kill + resistant * np.exp(exponent)
    return np.asarray(np.log(np.maximum(size, SMALLEST_RELATIVE_SIZE)))


@lru_cache(maxsize=32)
def uniform_points(count: int, dimensions: int) -> Array:
    """Quasi-random points of the open unit cube, (count, dimensions): scrambled Sobol, always the same ones."""
    points = qmc.Sobol(dimensions, scramble=True, seed=SCRAMBLE_SEED).random(count)
    points = np.clip(points, 1e-9, 1 - 1e-9)
    points.setflags(write=False)
    return np.asarray(points)


@lru_cache(maxsize=32)
def normal_points(count: int, dimensions: int) -> Array:
    """Quasi-random standard normal points, (count, dimensions), always the same ones."""
    points = np.asarray(ndtri(uniform_points(count, dimensions)))
    points.setflags(write=False)
    return points


def parameter_draws(mean: Array, factor: Array, count: int) -> Array:
    """Fixed draws of the population's parameters, (count, parameters), for covariance ``factor @ factor.T``."""
    return np.asarray(mean + normal_points(count, len(mean)) @ factor.T)


def covariance(noise_sd: float, drift_sd: float, first: Array, second: Array, same_scan: Array | float) -> Array:
    """Covariance of two scans' residuals on the log scale: a random walk in time, and noise of the reading.

    ``drift_sd`` is the walk's standard deviation over 100 days.
    """
    walk = drift_sd**2 * np.minimum(first, second) / 100.0
    return np.asarray(walk + noise_sd**2 * same_scan)
