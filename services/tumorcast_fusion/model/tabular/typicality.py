"""How much a patient is like those that the model was trained on.

The squared Mahalanobis distance over the columns that are known, brought to a scale that does not depend on how many
they are (Wilson and Hilferty, PNAS 1931, 17:684), beside the same of the training patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model.tabular.imputation import Gaussian

Array = NDArray[np.float64]
QUANTILES = 200


def strangeness(z: Array, gaussian: Gaussian) -> float:
    """Normal score of the distance of one patient's columns (columns,); 0 where nothing is known."""
    known = ~np.isnan(z)
    count = int(known.sum())
    if not count:
        return 0.0
    away = z[known] - gaussian.mean[known]
    squared = float(away @ np.linalg.solve(gaussian.covariance[np.ix_(known, known)], away))
    expected, spread = 1 - 2 / (9 * count), np.sqrt(2 / (9 * count))
    return float(((squared / count) ** (1 / 3) - expected) / spread)


@dataclass(frozen=True, eq=False)
class TypicalPatients:
    """The training patients' distances as ascending quantiles (``QUANTILES`` + 1,), and the Gaussian of all."""

    gaussian: Gaussian
    quantiles: Array

    @classmethod
    def fit(cls, z: Array, gaussian: Gaussian, fold: NDArray[np.int64]) -> TypicalPatients:
        """Of training columns (n, columns), each row's distance by a Gaussian fitted to the other folds (n,).

        Where columns are many, a patient that the Gaussian has seen lies nearer to it than a new one would.
        """
        found = np.empty(len(z))
        for k in np.unique(fold):
            others = Gaussian.fit(z[fold != k])
            found[fold == k] = [strangeness(row, others) for row in z[fold == k]]
        return cls(gaussian, np.quantile(found, np.linspace(0, 1, QUANTILES + 1)))

    def percentile(self, z: Array) -> float:
        """Share of training patients that are less typical than this one, 0 to 1."""
        at = float(np.interp(strangeness(z, self.gaussian), self.quantiles, np.linspace(0, 1, QUANTILES + 1)))
        return 1.0 - at

    def beyond_all(self, z: Array) -> bool:
        """Whether the patient lies clearly beyond every training patient: by a tenth of their spread."""
        low, high = self.quantiles[0], self.quantiles[-1]
        return strangeness(z, self.gaussian) > float(high + 0.1 * (high - low))

    def unusual(self, z: Array, names: Sequence[str], most: int = 3) -> tuple[str, ...]:
        """Inputs whose columns lie farthest from what the others let expect, the farthest first."""
        known = ~np.isnan(z)
        if not known.any():
            return ()
        precision = np.linalg.inv(self.gaussian.covariance[np.ix_(known, known)])
        residual = precision @ (z[known] - self.gaussian.mean[known]) / np.sqrt(np.diag(precision))
        order = np.argsort(-np.abs(residual))
        places = np.flatnonzero(known)[order]
        far = [names[p] for p, r in zip(places, np.abs(residual)[order], strict=True) if r > 2]
        return tuple(dict.fromkeys(far))[:most]
