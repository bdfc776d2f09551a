"""Predicted risk over time, read at any day of the model's follow-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumorcast_training.metrics.arrays import Array, Bools


@dataclass(frozen=True, slots=True, eq=False)
class RiskCurves:
    """A curve a row, (n, T + 1), at ``days`` (T + 1,) from day 0: cumulative hazard, or cumulative incidence.

    Linear between the days: the hazard is constant within an interval.
    """

    days: Array
    values: Array
    is_hazard: bool

    @classmethod
    def of(cls, edges_days: Array, values: Array, *, is_hazard: bool) -> RiskCurves:
        """Curves given at the intervals' ends, (n, T)."""
        zeros = np.zeros((len(values), 1))
        return cls(np.concatenate(([0.0], edges_days)), np.concatenate((zeros, values), axis=1), is_hazard)

    def __getitem__(self, rows: Bools) -> RiskCurves:
        return RiskCurves(self.days, self.values[rows], self.is_hazard)

    @property
    def end(self) -> float:
        """The last day of the model's follow-up."""
        return float(self.days[-1])

    def risk_at(self, day: float) -> Array:
        """Risk of the event by ``day``, (n,)."""
        return self.risk_at_own(np.full(len(self.values), day))

    def risk_at_own(self, days: Array) -> Array:
        """Each row's risk by its own day, (n,); days after the end count as the end."""
        days = np.minimum(days, self.end)
        k = np.clip(np.searchsorted(self.days, days, side="right"), 1, len(self.days) - 1)
        part = (days - self.days[k - 1]) / (self.days[k] - self.days[k - 1])
        rows = np.arange(len(days))
        low, high = self.values[rows, k - 1], self.values[rows, k]
        return self._risk(low + part * (high - low))

    def time_lost(self) -> Array:
        """Expected days lost to the event up to the end, (n,): the area under the risk, the order for concordance."""
        return np.asarray(np.trapezoid(self._risk(self.values), self.days, axis=1))

    def _risk(self, values: Array) -> Array:
        return -np.expm1(-values) if self.is_hazard else values
