"""The shapes that all metrics share: rows of patients, and weights that say how often a sample holds each row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]


def sample_weights(weights: Array | None, rows: int) -> Array:
    """Weights (b, n) as they are, or one sample that holds every row once, (1, n)."""
    return np.ones((1, rows)) if weights is None else np.asarray(weights, dtype=float)


def ratio(numerator: Array, denominator: Array | float) -> Array:
    """The quotient, NaN where the denominator is zero: what a sample cannot tell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Array = np.where(np.equal(denominator, 0), np.nan, np.divide(numerator, denominator))
    return quotient


def share(rows: Bools | Array, weights: Array) -> Array:
    """Weighted mean of ``rows`` (n,) in each sample (b, n) → (b,)."""
    return ratio(weights @ np.asarray(rows, dtype=float), weights.sum(axis=1))
