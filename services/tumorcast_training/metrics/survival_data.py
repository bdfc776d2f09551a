"""Outcomes over time beside their predicted curves, and what can be scored of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics.arrays import Array, Bools, Integers
from tumorcast_training.metrics.curves import RiskCurves
from tumorcast_training.metrics.nonparametric import Censoring, Status
from tumorcast_training.metrics.resampling import ClusterBootstrap


class TimeToEvent(Protocol):
    """Days to the first event or the end of observation, (n,), and which event, (n,): 0 censored, k the k-th cause."""

    @property
    def days(self) -> Array: ...
    @property
    def event(self) -> Integers: ...


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalData:
    """The rows whose time is known, their curves, the bootstrap over their patients, the censoring's source."""

    days: Array
    event: Integers
    curves: RiskCurves
    cause: int
    bootstrap: ClusterBootstrap
    reference: Censoring | None

    @classmethod
    def of(
        cls,
        outcome: TimeToEvent,
        curves: RiskCurves,
        cause: int,
        patient_ids: Sequence[Hashable] | NDArray[np.object_],
        reference: TimeToEvent | None,
        samples: int,
        seed: int,
    ) -> SurvivalData:
        """Leave out the rows without a time."""
        days, event = np.asarray(outcome.days, dtype=float), np.asarray(outcome.event, dtype=np.int64)
        known = np.isfinite(days)
        bootstrap = ClusterBootstrap(np.asarray(patient_ids, dtype=object)[known], samples, seed)
        censoring = None if reference is None else _censoring_of(reference)
        return cls(days[known], event[known], curves[known], cause, bootstrap, censoring)

    @property
    def had_event(self) -> Bools:
        """Who had the event of the cause."""
        return np.asarray(self.event == self.cause)

    @property
    def had_competing(self) -> Bools:
        """Who had another event."""
        return np.asarray((self.event > 0) & (self.event != self.cause))

    def censoring(self, weights: Array | None = None) -> Censoring:
        """The censoring distribution: the reference's, or that of each sample of these rows."""
        return self.reference or Censoring.of(self.days, self.event, weights)

    def status(self, day: float, censoring: Censoring, weights: Array | None) -> Status:
        """What is known on a day."""
        return Status.at(self.days, self.event, day, cause=self.cause, censoring=censoring, weights=weights)

    def problem(self) -> str | None:
        """Why nothing can be scored, if so."""
        values = self.curves.values
        if not len(self.days):
            return "no known outcome"
        if (self.days < 0).any():
            return "a time is negative"
        if not np.isfinite(values).all() or (values < 0).any() or (np.diff(values, axis=1) < -1e-9).any():
            return "a prediction is missing or no cumulative curve"
        if not self.curves.is_hazard and (values > 1 + 1e-9).any():
            return "a prediction is no probability"
        if not self.had_event.any():
            return "no events"
        if self.curves.is_hazard and self.had_competing.any():
            return "competing events need a cumulative incidence"
        return None

    def gap(self, horizon: float) -> str | None:
        """Why nothing can be scored at a horizon, if so."""
        if horizon > self.curves.end:
            return "beyond the model's follow-up"
        if not ((self.days <= horizon) & self.had_event).any():
            return "no event by then"
        if not ((self.days > horizon) | ((self.days == horizon) & (self.event == 0))).any():
            return "nobody is followed beyond it"
        if not self.censoring().observed(np.array([horizon]))[0, 0] > 0:
            return "beyond the follow-up that the censoring was estimated on"
        return None


def _censoring_of(outcome: TimeToEvent) -> Censoring | None:
    days = np.asarray(outcome.days, dtype=float)
    known = np.isfinite(days)
    return Censoring.of(days[known], np.asarray(outcome.event, dtype=np.int64)[known]) if known.any() else None
