"""What every cohort becomes: one row a patient (or a patient's visit), outcomes by endpoint, published folds.

A row holds what was known at its landmark; ``patient_ids`` say which rows are of one patient, so that folds, bootstrap
samples and intervals never split a patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64] | NDArray[np.bool_]
NO_FOLD = -1


@dataclass(frozen=True, slots=True, eq=False)
class BinaryOutcome:
    """Whether the outcome happened, (n,): 1 yes, 0 no, NaN unknown."""

    value: Array

    def known(self) -> NDArray[np.bool_]:
        """Rows whose outcome is known."""
        return ~np.isnan(self.value)

    def __getitem__(self, rows: Rows) -> BinaryOutcome:
        return BinaryOutcome(self.value[rows])


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalOutcome:
    """Rank among the endpoint's ordered outcomes, (n,): 0 the first, NaN unknown."""

    rank: Array

    def known(self) -> NDArray[np.bool_]:
        """Rows whose outcome is known."""
        return ~np.isnan(self.rank)

    def __getitem__(self, rows: Rows) -> OrdinalOutcome:
        return OrdinalOutcome(self.rank[rows])


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalOutcome:
    """Days from the landmark to the first event or to the end of observation, (n,), and which event it was, (n,).

    ``event`` is 0 where censored and k for the k-th cause (1 for the only one). ``event_free_days`` is the last day at
    which the patient was seen free of an event that only visits reveal: the event lies in (event_free_days, days]; it
    equals ``days`` where the day is exact. NaN days: unknown.
    """

    days: Array
    event: NDArray[np.int64]
    event_free_days: Array

    @classmethod
    def exact(cls, days: Array, event: NDArray[np.int64]) -> SurvivalOutcome:
        """Events whose day is known."""
        return cls(days, event, days)

    def known(self) -> NDArray[np.bool_]:
        """Rows whose outcome is known."""
        return ~np.isnan(self.days)

    def __getitem__(self, rows: Rows) -> SurvivalOutcome:
        return SurvivalOutcome(self.days[rows], self.event[rows], self.event_free_days[rows])


Outcome = BinaryOutcome | OrdinalOutcome | SurvivalOutcome


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Patients of one data set.

    ``inputs`` (n rows) has a column per input of the model, by input name: float64 for numbers (NaN missing), object
    for categories (``None`` missing), in catalog units. ``folds`` (n, repeats) says in which fold of each repeat of
    cross-validation a row is, ``NO_FOLD`` for none. Where inputs are learned (embeddings), ``fold_inputs`` has the
    inputs of all rows by (repeat, fold), learned without that fold. ``subgroups`` are labels to report on, never inputs
    by themselves. ``notes`` say what was done to the source, with counts, for the model card.
    """

    name: str
    inputs: pd.DataFrame
    patient_ids: NDArray[np.object_]
    outcomes: Mapping[str, Outcome]
    folds: NDArray[np.int64]
    subgroups: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    landmark_days: Array | None = None
    notes: tuple[str, ...] = ()
    fold_inputs: Mapping[tuple[int, int], pd.DataFrame] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)

    def all_folds(self, repeats: Sequence[int] | None = None) -> list[tuple[int, int]]:
        """Every (repeat, fold), or those of some repeats."""
        chosen = range(self.folds.shape[1]) if repeats is None else repeats
        return [(r, k) for r in chosen for k in range(int(self.folds[:, r].max()) + 1)]

    def sides(self, repeat: int, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows that are trained on, and rows held out; rows of no fold are on neither side."""
        of_rows = self.folds[:, repeat]
        return np.flatnonzero((of_rows >= 0) & (of_rows != fold)), np.flatnonzero(of_rows == fold)

    def in_fold(self, repeat: int, fold: int) -> Cohort:
        """The cohort as that fold may see it: inputs that are learned, by what was learned on the other folds."""
        learned = self.fold_inputs.get((repeat, fold))
        return self if learned is None else replace(self, inputs=learned)

    def __getitem__(self, rows: Rows) -> Cohort:
        places = np.arange(len(self))[rows]
        return replace(
            self,
            inputs=self.inputs.iloc[places].reset_index(drop=True),
            fold_inputs={at: table.iloc[places].reset_index(drop=True) for at, table in self.fold_inputs.items()},
            patient_ids=self.patient_ids[rows],
            outcomes={name: outcome[rows] for name, outcome in self.outcomes.items()},
            folds=self.folds[rows],
            subgroups={name: labels[rows] for name, labels in self.subgroups.items()},
            landmark_days=None if self.landmark_days is None else self.landmark_days[rows],
        )
