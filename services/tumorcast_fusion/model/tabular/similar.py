"""Groups of training patients who are alike: summaries of at least ten, never rows of a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import Interval, ObservedOutcome, SimilarPatients
from tumorcast_fusion.model.manifest import Prototype
from tumorcast_fusion.model.outputs import INTERVAL_LEVEL

Array = NDArray[np.float64]
FEWEST_PATIENTS = 10
SHOWN = 2


@dataclass(frozen=True, eq=False)
class SimilarGroups:
    """Prototypes with their centers (prototypes, columns) in standardized columns."""

    prototypes: Sequence[Prototype]
    centers: Array

    def nearest(self, z: Array) -> list[tuple[int, float]]:
        """Prototypes by distance over the columns that are known, in standard deviations a column."""
        known = ~np.isnan(z)
        if not known.any() or not len(self.prototypes):
            return []
        distance = np.sqrt(((self.centers[:, known] - z[known]) ** 2).mean(axis=1))
        return [(int(k), float(distance[k])) for k in np.argsort(distance, kind="stable")]

    def similar(self, z: Array) -> tuple[SimilarPatients, ...]:
        """The nearest groups with what became of them."""
        return tuple(self._told(k, distance) for k, distance in self.nearest(z)[:SHOWN])

    def _told(self, k: int, distance: float) -> SimilarPatients:
        found = self.prototypes[k]
        outcomes = tuple(
            ObservedOutcome(o.endpoint, o.share, Interval(o.lower, o.upper, INTERVAL_LEVEL), o.horizon_days)
            for o in found.outcomes
        )
        return SimilarPatients(found.id, found.patients, distance, found.description, outcomes)

    def treated(self, z: Array) -> Mapping[str, int]:
        """How many of the nearest group were observed under each treatment."""
        near = self.nearest(z)
        return self.prototypes[near[0][0]].treatments if near else {}
