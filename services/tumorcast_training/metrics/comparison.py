"""Whether one model beats another on the folds of repeated cross-validation, beyond noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tumorcast_training.metrics.arrays import Array


@dataclass(frozen=True, slots=True)
class PairedTest:
    """Mean difference over the folds, its standard error, one-sided lower bound, and p of "not above the margin"."""

    mean: float
    standard_error: float
    lower: float
    p: float

    @property
    def clears_noise(self) -> bool:
        """Whether the one-sided test rejects at 5 %."""
        return self.p < 0.05


def corrected_resampled_t(
    differences: Array, test_to_train: float = 0.25, margin: float = 0.0, level: float = 0.95
) -> PairedTest | None:
    """Test one-sidedly whether paired fold differences exceed ``margin`` (Nadeau and Bengio 2003, section 3).

    The folds' training sets overlap, so the variance of the mean over J folds is taken as (1/J + n_test / n_train) s²,
    on J − 1 degrees of freedom; ``test_to_train`` is 1 / (k − 1) for k folds. Folds without a difference (NaN) are left
    out; ``None`` for fewer than two.

    >>> found = corrected_resampled_t(np.array([0.01, 0.03, 0.02, 0.04, 0.0]))
    >>> f"{found.mean:.4f} above {found.lower:.4f}, p = {found.p:.3f}"
    '0.0200 above -0.0026, p = 0.066'
    """
    values = np.asarray(differences, dtype=float).ravel()
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    mean = float(values.mean())
    error = float(np.sqrt((1 / len(values) + test_to_train) * values.var(ddof=1)))
    if error < 1e-12:
        return PairedTest(mean, 0.0, mean, 0.0 if mean > margin + 1e-12 else 1.0)
    freedom = len(values) - 1
    lower = mean - float(stats.t.ppf(level, freedom)) * error
    return PairedTest(mean, error, lower, float(stats.t.sf((mean - margin) / error, freedom)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values of several comparisons (Holm 1979), in their own order.

    >>> [round(p, 6) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    result = np.empty(len(p))
    result[order] = adjusted
    return [float(v) for v in result]
