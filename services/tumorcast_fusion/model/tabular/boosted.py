"""The boosted predictor: XGBoost trees, which read missing values as they are (Chen and Guestrin, KDD 2016).

Times are discrete: each patient is asked once per interval, with the interval's number as one more column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model.tabular.design import Design

if TYPE_CHECKING:
    from xgboost import Booster

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BoostedPredictor:
    """Trees of each member, by cause or by threshold; ``intervals`` is 0 unless the endpoint is about times."""

    design: Design
    boosters: Sequence[Sequence[Booster]]
    intervals: int = 0

    def links(self, z: Array, present: Mask) -> Array:
        """Links (members, n, causes, points) of columns z (n, columns) with groups ``present`` (n, groups)."""
        masked = self.design.masked(z, present)
        members = []
        for boosters in self.boosters:
            parts = [self._margins(booster, masked) for booster in boosters]
            of_times = (
                np.stack(parts, axis=1) if self.intervals else np.stack([p[:, 0] for p in parts], axis=1)[:, None]
            )
            members.append(of_times)
        return np.stack(members)

    def _margins(self, booster: Booster, z: Array) -> Array:
        """Log odds (n, 1), or log cumulative hazard (n, intervals)."""
        from xgboost import DMatrix

        if not self.intervals:
            return booster.predict(DMatrix(z), output_margin=True)[:, None].astype(float)
        logits = booster.predict(DMatrix(by_interval(z, self.intervals)), output_margin=True)
        hazards = np.logaddexp(0.0, logits.reshape(self.intervals, len(z)).T.astype(float))
        out: Array = np.log(np.maximum(hazards.cumsum(axis=1), 1e-12))
        return out

    def contributions(self, z: Array, present: Mask) -> Array:
        """What each column of one patient adds to the log odds or to the log hazard, (causes, columns): Tree SHAP.

        Lundberg et al., Nature Machine Intelligence 2020, 2:56. For times it is averaged over the intervals.
        """
        from xgboost import DMatrix

        masked = self.design.masked(z[None], present[None])
        rows = by_interval(masked, self.intervals) if self.intervals else masked
        found = [
            np.mean(
                [boosters[c].predict(DMatrix(rows), pred_contribs=True).mean(axis=0) for boosters in self.boosters],
                axis=0,
            )
            for c in range(len(self.boosters[0]))
        ]
        columns = np.stack(found)[:, : len(z)].astype(float)
        return columns if self.intervals else columns.mean(axis=0, keepdims=True)

    def save(self, folder: Path, endpoint: str) -> None:
        """Write one UBJSON file per member and cause."""
        for m, boosters in enumerate(self.boosters):
            for c, booster in enumerate(boosters):
                booster.save_model(folder / f"{endpoint}-{m}-{c}.ubj")

    @classmethod
    def load(cls, folder: Path, endpoint: str, design: Design, causes: int, intervals: int) -> BoostedPredictor:
        """Read what ``save`` wrote; raises ``UnknownModel``."""
        from xgboost import Booster
        from xgboost.core import XGBoostError

        members = len(list(folder.glob(f"{endpoint}-*-0.ubj")))
        try:
            boosters = [
                [Booster(model_file=str(folder / f"{endpoint}-{m}-{c}.ubj")) for c in range(causes)]
                for m in range(members)
            ]
        except XGBoostError as e:
            raise UnknownModel("The model's trees cannot be read.") from e
        if not boosters:
            raise UnknownModel("The model's trees are missing.")
        return cls(design, boosters, intervals)


def by_interval(z: Array, intervals: int) -> Array:
    """Each row once per interval, the intervals one after another, with the interval's number as the last column."""
    number = np.repeat(np.arange(intervals, dtype=float), len(z))
    return np.column_stack([np.tile(z, (intervals, 1)), number])
