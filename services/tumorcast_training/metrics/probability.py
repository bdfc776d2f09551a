"""How good probabilities are: Brier score, calibration error with its null, weak calibration, calibration bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from tumorcast_training.metrics.arrays import Array, Integers, ratio, sample_weights
from tumorcast_training.metrics.fitting import LOGISTIC, fit_intercept, fit_line, predictor

BINS = 10
NULL_DRAWS = 2000


def brier(value: Array, probability: Array, weights: Array | None = None) -> Array:
    """Mean squared difference between outcome and probability (Brier 1950), (b,)."""
    weights = sample_weights(weights, len(value))
    return ratio(weights @ (value - probability) ** 2, weights.sum(axis=1))


def scaled_brier(value: Array, probability: Array, weights: Array | None = None) -> Array:
    """1 − Brier score over that of the event rate alone (Steyerberg 2010), (b,): 0 says nothing, 1 is perfect."""
    weights = sample_weights(weights, len(value))
    rate = ratio(weights @ value, weights.sum(axis=1))
    return 1 - ratio(brier(value, probability, weights), rate * (1 - rate))


def equal_mass_bins(probability: Array, bins: int = BINS) -> Integers:
    """Bin of each row, 0 … bins − 1, of equal size by rank; equal probabilities share a bin.

    >>> equal_mass_bins(np.array([0.1, 0.9, 0.5, 0.5]), 2).tolist()
    [0, 1, 1, 1]
    """
    rank = stats.rankdata(probability, method="average") - 0.5
    members: Integers = np.minimum(rank * bins / len(probability), bins - 1).astype(np.int64)
    return members


def expected_calibration_error(
    value: Array, probability: Array, bins: int = BINS, weights: Array | None = None
) -> Array:
    """Mean absolute difference of event rate and mean probability over equal-mass bins, (b,) (Nixon 2019)."""
    weights = sample_weights(weights, len(value))
    members = equal_mass_bins(probability, bins)[:, None] == np.arange(bins)
    gaps = np.abs((weights * (value - probability)) @ members.astype(float))
    return ratio(gaps.sum(axis=1), weights.sum(axis=1))


@dataclass(frozen=True, slots=True)
class NullCalibrationError:
    """The calibration error beside those of perfectly calibrated outcomes: their 95th percentile, and the p value."""

    estimate: float
    percentile_95: float
    p: float


def null_calibration_error(
    value: Array, probability: Array, bins: int = BINS, draws: int = NULL_DRAWS, seed: int = 0
) -> NullCalibrationError:
    """Compare the calibration error with its null (Bröcker and Smith 2007; Widmann 2019).

    Under the null each outcome is an independent draw with its own probability, so the null knows these probabilities
    and n. Even a perfect model has an error above zero.
    """
    rng = np.random.default_rng(seed)
    estimate = float(expected_calibration_error(value, probability, bins)[0])
    members = (equal_mass_bins(probability, bins)[:, None] == np.arange(bins)).astype(float)
    null = np.empty(draws)
    step = max(1, 4_000_000 // len(value))
    for start in range(0, draws, step):
        drawn = rng.random((min(step, draws - start), len(value))) < probability
        null[start : start + step] = np.abs((drawn - probability) @ members).sum(axis=1) / len(value)
    at_least = int((null >= estimate - 1e-12).sum())
    return NullCalibrationError(estimate, float(np.percentile(null, 95)), (1 + at_least) / (1 + draws))


def calibration_slope(value: Array, probability: Array, weights: Array | None = None) -> Array:
    """Slope of the outcome's logit on the predicted logit (Cox 1958; van Calster 2019), (b,); 1 if calibrated."""
    return logistic_recalibration(value, probability, weights)[1]


def calibration_intercept(value: Array, probability: Array, weights: Array | None = None) -> Array:
    """Calibration in the large, (b,): the intercept with the predicted logit as offset; 0 if calibrated."""
    weights = sample_weights(weights, len(value))
    fitted = fit_intercept(value, predictor(probability, LOGISTIC), LOGISTIC, weights)
    return np.where(_both_outcomes(value, weights), fitted, np.nan)


def logistic_recalibration(value: Array, probability: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Intercept and slope fitted together: what a recalibration would apply to the predicted logit, (b,) each."""
    weights = sample_weights(weights, len(value))
    fitted = fit_line(value, predictor(probability, LOGISTIC), LOGISTIC, weights)
    both = _both_outcomes(value, weights)
    return np.where(both, fitted[0], np.nan), np.where(both, fitted[1], np.nan)


def _both_outcomes(value: Array, weights: Array) -> Array:
    rate = ratio(weights @ value, weights.sum(axis=1))
    return np.asarray((rate > 0) & (rate < 1))
