"""What a plot is drawn from: predicted risks beside what happened, of an outcome or of a time to an event."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics import ClusterBootstrap, net_benefit, net_benefit_at, risk_by

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]
LEAST_EVENTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class BinaryPredictions:
    """Predicted probabilities (n,) of an outcome (n,): 1 yes, 0 no, NaN unknown.

    ``patient_ids`` (n,) say whose rows are whose; ``baseline`` (n,) are the probabilities of the clinical baseline. Of
    ordered outcomes give the probability of at least the second.
    """

    value: Array
    probability: Array
    patient_ids: Sequence[Hashable] | NDArray[np.object_]
    baseline: Array | None = None

    def known(self) -> BinaryPredictions:
        """The rows whose outcome is known and predicted."""
        rows = np.isfinite(self.value) & np.isfinite(self.probability)
        return replace(
            self,
            value=np.asarray(self.value)[rows],
            probability=np.asarray(self.probability)[rows],
            patient_ids=np.asarray(self.patient_ids, dtype=object)[rows],
            baseline=_of(self.baseline, rows),
        )

    @property
    def events(self) -> int:
        """How many rows had the outcome."""
        return int((self.value == 1).sum())

    @property
    def drawable(self) -> bool:
        """Whether there are enough rows with and without the outcome."""
        return min(self.events, len(self.value) - self.events) >= LEAST_EVENTS

    def observed(self, rows: Bools, weights: Array | None) -> Array:
        """Share of ``rows`` with the outcome in each sample, (b,)."""
        w = np.ones((1, int(rows.sum()))) if weights is None else weights[:, rows]
        total = w.sum(axis=1)
        return np.asarray(np.where(total > 0, (w @ self.value[rows]) / np.maximum(total, 1e-12), np.nan))

    def net_benefit(self, probability: Array, threshold: float, weights: Array | None = None) -> Array:
        """Net benefit of treating whoever reaches the threshold, (b,)."""
        return net_benefit(self.value, probability, threshold, weights)


@dataclass(frozen=True, slots=True, eq=False)
class TimedPredictions:
    """Predicted risks (n,) of an event by ``horizon_days``, beside days (n,) and event (n,) as in ``SurvivalOutcome``.

    ``cause`` is the event that the risk is of: others compete. ``baseline`` (n,) are the clinical baseline's risks.
    """

    days: Array
    event: Integers
    probability: Array
    horizon_days: float
    patient_ids: Sequence[Hashable] | NDArray[np.object_]
    cause: int = 1
    baseline: Array | None = None

    def known(self) -> TimedPredictions:
        """The rows whose time is known and whose risk is predicted."""
        rows = np.isfinite(self.days) & np.isfinite(self.probability)
        return replace(
            self,
            days=np.asarray(self.days, dtype=float)[rows],
            event=np.asarray(self.event, dtype=np.int64)[rows],
            probability=np.asarray(self.probability)[rows],
            patient_ids=np.asarray(self.patient_ids, dtype=object)[rows],
            baseline=_of(self.baseline, rows),
        )

    @property
    def events(self) -> int:
        """How many rows had the event, at any time."""
        return int((self.event == self.cause).sum())

    @property
    def competes(self) -> bool:
        """Whether another event was seen."""
        return bool(((self.event > 0) & (self.event != self.cause)).any())

    @property
    def drawable(self) -> bool:
        """Whether there are enough events by the horizon, and rows followed beyond it."""
        by_then = (self.event == self.cause) & (self.days <= self.horizon_days)
        return min(int(by_then.sum()), int((self.days > self.horizon_days).sum())) >= LEAST_EVENTS

    def observed(self, rows: Bools, weights: Array | None) -> Array:
        """Observed risk of ``rows`` by the horizon (Kaplan–Meier or Aalen–Johansen) in each sample, (b,)."""
        sample = None if weights is None else weights[:, rows]
        return risk_by(self.days[rows], self.event[rows], self.horizon_days, self.cause, sample)

    def net_benefit(self, probability: Array, threshold: float, weights: Array | None = None) -> Array:
        """Net benefit of treating whoever reaches the threshold, (b,)."""
        return net_benefit_at(
            self.days, self.event, probability, self.horizon_days, threshold, cause=self.cause, weights=weights
        )


Predictions = BinaryPredictions | TimedPredictions


def bootstrap_of(predictions: Predictions, samples: int = 300) -> ClusterBootstrap:
    """The samples that a plot's intervals come from."""
    return ClusterBootstrap(predictions.patient_ids, samples)


def groups_by_risk(probability: Array, groups: int) -> Integers:
    """Number of each row's group, 0 the lowest risk, of equal size by rank; equal risks share a group.

    >>> groups_by_risk(np.array([0.1, 0.9, 0.4, 0.3]), 2).tolist()
    [0, 1, 1, 0]
    """
    limits = np.quantile(probability, np.arange(1, groups) / groups)
    found: Integers = np.searchsorted(limits, probability, side="right").astype(np.int64)
    return found


def _of(baseline: Array | None, rows: Bools) -> Array | None:
    """The baseline's rows; none where it does not answer for all of them."""
    if baseline is None or not np.isfinite(np.asarray(baseline)[rows]).all():
        return None
    return np.asarray(baseline)[rows]
