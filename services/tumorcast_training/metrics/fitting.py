"""Recalibration by two-parameter regressions, fitted in many bootstrap samples at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tumorcast_training.metrics.arrays import Array, sample_weights

_CLIP = 1e-6
_STEPS = 100
_TOLERANCE = 1e-9
_LARGEST_STEP = 1.0
_LARGEST = 50.0


@dataclass(frozen=True, slots=True)
class Link:
    """How a linear predictor becomes a probability, and how its estimating equation weighs a residual.

    ``forward`` gives the predictor of a probability; ``terms`` gives, for a predictor, the mean μ, and for β's equation
    Σ w r x (y − μ) = 0 with information Σ w q x xᵀ the factors r = μ′/V and q = μ′²/V.
    """

    forward: Callable[[Array], Array]
    terms: Callable[[Array], tuple[Array, Array, Array]]


def _logit(p: Array) -> Array:
    values: Array = np.log(p / (1 - p))
    return values


def _logistic_terms(eta: Array) -> tuple[Array, Array, Array]:
    mean = 1 / (1 + np.exp(-eta))
    return mean, np.ones_like(mean), mean * (1 - mean)


def _cloglog(p: Array) -> Array:
    values: Array = np.log(-np.log1p(-p))
    return values


def _cloglog_terms(eta: Array) -> tuple[Array, Array, Array]:
    hazard = np.exp(np.minimum(eta, 20))
    slope = hazard * np.exp(-hazard)
    return -np.expm1(-hazard), slope, slope**2


LOGISTIC = Link(_logit, _logistic_terms)
CLOGLOG = Link(_cloglog, _cloglog_terms)
"""Complementary log-log with constant variance: the estimating equation for pseudo-values."""


def predictor(probability: Array, link: Link) -> Array:
    """The link of a probability, (n,), kept finite at 0 and 1."""
    return link.forward(np.clip(probability, _CLIP, 1 - _CLIP))


def fit_intercept(target: Array, offset: Array, link: Link, weights: Array | None = None) -> Array:
    """The intercept that, added to ``offset`` (n,), fits ``target`` (n,), in each sample (b,); NaN if there is none."""
    weights = sample_weights(weights, len(target))
    alpha = np.zeros(len(weights))
    for _ in range(_STEPS):
        mean, by_residual, by_square = link.terms(_bounded(alpha[:, None] + offset))
        step = _step((weights * by_residual * (target - mean)).sum(axis=1) / _some((weights * by_square).sum(axis=1)))
        alpha = alpha + step
        if not (np.abs(step) > _TOLERANCE).any():
            break
    return np.where((np.abs(step) <= _TOLERANCE) & (np.abs(alpha) < _LARGEST), alpha, np.nan)


def fit_line(target: Array, x: Array, link: Link, weights: Array | None = None) -> tuple[Array, Array]:
    """Intercept and slope of ``target`` (n,) on ``x`` (n,), (b,) each; NaN where there are none."""
    weights = sample_weights(weights, len(target))
    if np.ptp(x) < 1e-9:
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    intercept, slope = np.zeros(len(weights)), np.ones(len(weights))
    for _ in range(_STEPS):
        mean, by_residual, by_square = link.terms(_bounded(intercept[:, None] + slope[:, None] * x))
        pull, mass = weights * by_residual * (target - mean), weights * by_square
        u, v = pull.sum(axis=1), pull @ x
        a, b, c = mass.sum(axis=1), mass @ x, mass @ (x * x)
        determinant = _some(a * c - b * b)
        steps = _step((c * u - b * v) / determinant), _step((a * v - b * u) / determinant)
        intercept, slope = intercept + steps[0], slope + steps[1]
        moved = np.maximum(np.abs(steps[0]), np.abs(steps[1]))
        if not (moved > _TOLERANCE).any():
            break
    found = (moved <= _TOLERANCE) & (np.maximum(np.abs(intercept), np.abs(slope)) < _LARGEST)
    return np.where(found, intercept, np.nan), np.where(found, slope, np.nan)


def _bounded(eta: Array) -> Array:
    return np.clip(eta, -_LARGEST, _LARGEST)


def _some(value: Array) -> Array:
    return np.where(np.abs(value) < 1e-300, np.nan, value)


def _step(value: Array) -> Array:
    return np.clip(value, -_LARGEST_STEP, _LARGEST_STEP)
