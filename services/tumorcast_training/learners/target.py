"""What a learner is given: standardized columns, the groups present, and the endpoint in a form that can be fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.tabular import Design
from tumorcast_training.cohorts import BinaryOutcome, OrdinalOutcome, Outcome
from tumorcast_training.learners.ridge import PersonPeriods, deviance_hazards, deviance_logistic

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Target:
    """An endpoint's outcomes in the form that likelihoods take.

    ``reached`` (n, points) for odds; ``periods`` one per cause for times, over intervals that end at ``edges_days``.
    """

    kind: EndpointKind
    reached: Array | None
    periods: tuple[PersonPeriods, ...]
    edges_days: tuple[float, ...] = ()

    @classmethod
    def of(cls, kind: EndpointKind, outcome: Outcome, outcomes: Sequence[str], edges_days: Sequence[float]) -> Target:
        """The target of outcomes that are all known; ``outcomes`` are the endpoint's."""
        if isinstance(outcome, BinaryOutcome):
            return cls(kind, outcome.value[:, None], ())
        if isinstance(outcome, OrdinalOutcome):
            return cls(kind, (outcome.rank[:, None] > np.arange(len(outcomes) - 1)).astype(float), ())
        causes = len(outcomes) if kind is EndpointKind.COMPETING_RISKS else 1
        edges = np.asarray(edges_days, dtype=float)
        free = np.where(outcome.event == 1, outcome.event_free_days, outcome.days)
        periods = [PersonPeriods.of(outcome.days, free, outcome.event == c, edges) for c in range(1, causes + 1)]
        return cls(kind, None, tuple(periods), tuple(float(e) for e in edges))

    @property
    def causes(self) -> int:
        """Number of causes; 1 for odds."""
        return len(self.periods) or 1

    @property
    def points(self) -> int:
        """Number of thresholds or intervals."""
        return int((self.periods[0].event if self.reached is None else self.reached).shape[1])

    def __getitem__(self, rows: Rows) -> Target:
        reached = None if self.reached is None else self.reached[rows]
        return replace(self, reached=reached, periods=tuple(p[rows] for p in self.periods))

    def deviance(self, link: Array, weight: Array) -> float:
        """Mean negative log likelihood of a link (n, causes, points)."""
        if self.reached is not None:
            each = np.logaddexp(0, link[:, 0]) - self.reached * link[:, 0]
            return float(np.average(each.sum(axis=1), weights=weight))
        hazard = np.maximum(np.diff(np.exp(np.clip(link, -30, 6)), prepend=0.0, axis=-1), 1e-12)
        each = np.zeros(len(link))
        for c, period in enumerate(self.periods):
            each += (period.exposure * hazard[:, c] - period.event * np.log(hazard[:, c])).sum(axis=1)
        return float(np.average(each, weights=weight))

    def part_deviance(self, cause: int, linear: Array, offsets: Array, weight: Array) -> float:
        """The same of one cause's linear part (n,) over its offsets (points,)."""
        if self.reached is not None:
            return deviance_logistic(linear, offsets, self.reached, weight)
        return deviance_hazards(linear, offsets, self.periods[cause], weight)


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Columns z (n, columns), groups present (n, groups), weights (n,), whose rows are whose, and the target."""

    design: Design
    z: Array
    present: NDArray[np.bool_]
    weight: Array
    patient_ids: NDArray[np.object_]
    target: Target

    def __getitem__(self, rows: Rows) -> TrainingSet:
        return replace(
            self,
            z=self.z[rows],
            present=self.present[rows],
            weight=self.weight[rows],
            patient_ids=self.patient_ids[rows],
            target=self.target[rows],
        )

    @property
    def clustered(self) -> bool:
        """Whether patients have several rows."""
        return len(set(self.patient_ids)) < len(self.patient_ids)

    def inner_folds(self, count: int, seed: int) -> NDArray[np.int64]:
        """A fold for each row, whole patients together, at random."""
        return patient_folds(self.patient_ids, count, seed)

    def bootstrap_weights(self, rng: np.random.Generator) -> Array:
        """Weights (n,) of one bootstrap sample of the patients."""
        patients, index = np.unique(self.patient_ids.astype(str), return_inverse=True)
        drawn = rng.multinomial(len(patients), np.full(len(patients), 1 / len(patients)))
        out: Array = self.weight * drawn[index]
        return out


def patient_folds(patient_ids: NDArray[np.object_], count: int, seed: int) -> NDArray[np.int64]:
    """A fold for each row, whole patients together, at random; no more folds than patients."""
    patients, index = np.unique(patient_ids.astype(str), return_inverse=True)
    dealt = np.arange(len(patients)) % min(count, len(patients))
    fold: NDArray[np.int64] = np.random.default_rng(seed).permutation(dealt)[index]
    return fold
