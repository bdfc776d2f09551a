"""Missing columns given the known ones: the conditional mean and covariance of a Gaussian fitted to the training data.

Linear predictors answer with what is expected of a missing column, and a probability is drawn toward one half by what
stays unknown of it (MacKay, Neural Computation 1992, 4:720; the same for a hazard would cancel in its ranking).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean (p,) and covariance (p, p) of standardized columns."""

    mean: Array
    covariance: Array

    @classmethod
    def fit(cls, z: Array, shrinkage: float = 0.1, weight: Array | None = None) -> Gaussian:
        """Fit to rows with gaps: pairwise moments, shrunk toward the diagonal so that any block can be solved."""
        known = ~np.isnan(z)
        w = np.ones(len(z)) if weight is None else weight
        filled = np.where(known, z, 0.0)
        mean = (w @ filled) / np.maximum(w @ known, 1e-9)
        centered = np.where(known, z - mean, 0.0)
        both = (known * w[:, None]).T @ known
        covariance = (centered * w[:, None]).T @ centered / np.maximum(both, 1.0)
        variance = np.maximum(np.diag(covariance), 1e-6)
        shrunk = (1 - shrinkage) * _nearest(covariance) + shrinkage * np.diag(variance)
        return cls(mean, shrunk)

    def complete(self, z: Array, wanted: Mask) -> tuple[Array, list[tuple[NDArray[np.int64], Mask, Array]]]:
        """Fill the missing of the ``wanted`` columns (p,) by their conditional means; others become zero.

        Returns the filled rows (n, p), and per pattern of gaps: its rows, the missing columns, their covariance.
        """
        filled = np.where(wanted & ~np.isnan(z), z, 0.0)
        gaps = []
        patterns, index = np.unique(~np.isnan(z) & wanted, axis=0, return_inverse=True)
        for k, known in enumerate(patterns):
            unknown = wanted & ~known
            if not unknown.any():
                continue
            rows = np.flatnonzero(index.ravel() == k)
            s = self.covariance
            gain = np.linalg.solve(s[np.ix_(known, known)], s[np.ix_(known, unknown)]) if known.any() else None
            expected = np.tile(self.mean[unknown], (len(rows), 1))
            left = s[np.ix_(unknown, unknown)]
            if gain is not None:
                expected = expected + (z[np.ix_(rows, np.flatnonzero(known))] - self.mean[known]) @ gain
                left = left - s[np.ix_(unknown, known)] @ gain
            filled[np.ix_(rows, np.flatnonzero(unknown))] = expected
            gaps.append((rows, unknown, left))
        return filled, gaps

    def variance_of(self, weights: Array, gaps: list[tuple[NDArray[np.int64], Mask, Array]], rows: int) -> Array:
        """Variance of ``row @ weights`` from what stays unknown, (rows,)."""
        out = np.zeros(rows)
        for where, unknown, left in gaps:
            w = weights[unknown]
            out[where] = max(float(w @ left @ w), 0.0)
        return out


def _nearest(covariance: Array) -> Array:
    """The same with negative eigenvalues, which pairwise moments can have, set to zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    out: Array = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return out
