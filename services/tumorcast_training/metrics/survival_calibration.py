"""How good predicted risks over time are: Brier(t), observed over expected, calibration slope, D-calibration.

Weak calibration at a horizon is regression of jackknife pseudo-values of the observed risk on the predicted risk with a
complementary log-log link (van Geloven 2022, "Validation of prediction models in the presence of competing risks"; the
fixed-time assessment of McLernon 2023). It needs no proportional hazards and holds with competing events as without:
the pseudo-values are of the Aalen–Johansen estimate. The censoring is taken to be independent of the predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from tumorcast_training.metrics.arrays import Array, Bools, Integers, ratio, sample_weights
from tumorcast_training.metrics.fitting import CLOGLOG, fit_intercept, fit_line, predictor
from tumorcast_training.metrics.nonparametric import Censoring, Status, pseudo_values, risk_by

BINS = 10
_LEAST_EXPECTED = 5.0
LEAST_ROWS = int(BINS * _LEAST_EXPECTED)


def brier_at(status: Status, risk: Array) -> Array:
    """Brier score at the horizon of ``status`` by inverse probability of censoring (Graf 1999), (b,)."""
    return ratio(status.weights @ (status.event - risk) ** 2, status.rows)


def scaled_brier_at(status: Status, risk: Array) -> Array:
    """1 − Brier score over that of the event rate alone (Kattan and Gerds 2018), (b,)."""
    known = status.weights.sum(axis=1)
    rate = ratio(status.weights @ status.event.astype(float), known)
    return 1 - ratio(brier_at(status, risk), rate * (1 - rate) * ratio(known, status.rows))


def integrated_brier(days: Array, scores: Array) -> Array:
    """Brier scores (b, k) averaged over ``days`` (k,) by trapezoids, (b,)."""
    return ratio(np.asarray(np.trapezoid(scores, days, axis=1)), float(days[-1] - days[0]))


def observed_to_expected(
    days: Array, event: Integers, risk: Array, horizon: float, *, cause: int = 1, weights: Array | None = None
) -> Array:
    """Observed risk by the horizon (Aalen–Johansen) over the mean predicted, (b,); 1 if calibrated in the large."""
    weights = sample_weights(weights, len(days))
    expected = ratio(weights @ risk, weights.sum(axis=1))
    return ratio(risk_by(days, event, horizon, cause, weights), expected)


@dataclass(frozen=True, slots=True, eq=False)
class HorizonCalibration:
    """Weak calibration of ``risk`` (n,) by a horizon.

    Pseudo-values are computed once; bootstrap samples weigh them. Ignoring that they are estimated makes intervals, if
    anything, too wide (Jacobsen and Martinussen 2016).
    """

    pseudo: Array
    risk: Array

    @classmethod
    def of(cls, days: Array, event: Integers, risk: Array, horizon: float, cause: int = 1) -> HorizonCalibration:
        """Compute the pseudo-values."""
        return cls(pseudo_values(days, event, horizon, cause), risk)

    def slope(self, weights: Array | None = None) -> Array:
        """Slope on the predicted complementary log-log risk, (b,); 1 if calibrated."""
        return fit_line(self.pseudo, predictor(self.risk, CLOGLOG), CLOGLOG, weights)[1]

    def intercept(self, weights: Array | None = None) -> Array:
        """Intercept with the prediction as offset, (b,): the log of a hazard ratio; 0 if calibrated."""
        return fit_intercept(self.pseudo, predictor(self.risk, CLOGLOG), CLOGLOG, weights)


@dataclass(frozen=True, slots=True)
class DCalibration:
    """Share of patients in each bin beside what is expected; the test that they differ by chance only."""

    observed: tuple[float, ...]
    expected: tuple[float, ...]
    statistic: float
    p: float
    method: str


def d_calibration(
    survival: Array, had_event: Bools, clusters: Integers | None = None, bins: int = BINS
) -> DCalibration:
    """Whether each patient's own survival probability at their own time is uniform (Haider 2020, section 3.5).

    ``survival`` (n,) is S_i(t_i); a censored patient counts in all bins below, in proportion. Pearson's χ² on bins − 1
    degrees of freedom; with ``clusters`` (n,), the patient of each row, a Wald test whose variance is over patients.
    Who outlives the model's follow-up belongs here as censored at its end.
    """
    s = np.clip(survival, 0, 1)[:, None]
    low, high = np.arange(bins) / bins, np.arange(1, bins + 1) / bins
    own = np.minimum((s * bins).astype(np.int64), bins - 1) == np.arange(bins)
    spread = np.clip(s - low, 0, high - low) / np.maximum(s, 1e-12)
    spread = np.where(s < 1e-12, own, spread)
    membership = np.where(had_event[:, None], own, spread)
    expected = np.full(bins, 1 / bins)
    counts = membership.sum(axis=0)
    if clusters is not None:
        statistic, p = _wald(membership - expected, clusters)
        method = "Wald, clustered by patient"
    else:
        statistic = float(((counts - len(s) / bins) ** 2 / (len(s) / bins)).sum())
        p, method = float(stats.chi2.sf(statistic, bins - 1)), "Pearson"
    return DCalibration(tuple(counts / len(s)), tuple(expected), statistic, p, method)


def d_calibration_of_incidence(
    at_own_time: Array,
    at_end: Array,
    days: Array,
    event: Integers,
    clusters: Integers,
    *,
    cause: int = 1,
    end: float = np.inf,
    censoring: Censoring | None = None,
    bins: int = BINS,
) -> DCalibration | None:
    """D-calibration of a cumulative incidence with competing events.

    If F_i is right, P(event of ``cause`` by ``end`` and F_i(t_i) ≤ u) = min(u, F_i(end)). So events are counted by
    F_i(t_i) (``at_own_time``), weighted by inverse probability of censoring, against the mean length of each bin below
    F_i(end) (``at_end``). Wald test, its variance over patients; the top bins are merged until five events are expected
    in each. ``None`` where fewer than two bins remain.
    """
    inverse = np.nan_to_num((censoring or Censoring.of(days, event)).inverse(days)[0])
    low, high = np.arange(bins) / bins, np.arange(1, bins + 1) / bins
    own = np.minimum((np.clip(at_own_time, 0, 1) * bins).astype(np.int64), bins - 1)[:, None] == np.arange(bins)
    counted = own * (inverse * ((event == cause) & (days <= end)))[:, None]
    lengths = np.clip(np.clip(at_end, 0, 1)[:, None] - low, 0, high - low)
    top = bins
    while top > 1 and lengths[:, top - 1 :].sum() < _LEAST_EXPECTED:
        top -= 1
    if top < 2:
        return None
    counted, lengths = (np.c_[x[:, : top - 1], x[:, top - 1 :].sum(axis=1)] for x in (counted, lengths))
    statistic, p = _wald(counted - lengths, clusters)
    observed, expected = counted.mean(axis=0), lengths.mean(axis=0)
    return DCalibration(tuple(observed), tuple(expected), statistic, p, "Wald, clustered by patient")


def _wald(differences: Array, clusters: Integers) -> tuple[float, float]:
    """χ² test that the mean of ``differences`` (n, bins) is zero, by sums over clusters (White 1984)."""
    sums = np.zeros((int(clusters.max()) + 1, differences.shape[1]))
    np.add.at(sums, clusters, differences)
    total = sums.sum(axis=0)
    covariance = sums.T @ sums
    inverse = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
    rank = int(np.linalg.matrix_rank(covariance, tol=1e-9 * np.trace(covariance), hermitian=True))
    if rank == 0:
        return 0.0, 1.0
    statistic = float(total @ inverse @ total)
    return statistic, float(stats.chi2.sf(statistic, rank))
