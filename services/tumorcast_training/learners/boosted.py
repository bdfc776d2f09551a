"""Fits the boosted predictor: shallow XGBoost trees; groups are taken out at random, so any subset is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from tumorcast_fusion.model.tabular import BoostedPredictor, by_interval
from tumorcast_training.learners.target import Target, TrainingSet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BoostedRecipe:
    """Trees and how they grow; fixed for all cohorts rather than searched, so that nothing is tuned to one.

    One member is fitted to all patients; of several, each to its own bootstrap sample: their spread has a meaning.
    """

    depth: int = 2
    rounds: int = 150
    learning_rate: float = 0.05
    members: int = 1

    def parameters(self, seed: int) -> Mapping[str, object]:
        """XGBoost's own names."""
        return {
            "objective": "binary:logistic",
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "min_child_weight": 4.0,
            "lambda": 5.0,
            "tree_method": "hist",
            "max_bin": 64,
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
        }


def fit_boosted(data: TrainingSet, seed: int, recipe: BoostedRecipe | None = None) -> BoostedPredictor:
    """Fit the members; the same seed gives the same trees."""
    recipe = recipe or BoostedRecipe()
    rng = np.random.default_rng(seed)
    kept = data.present & (
        rng.random(data.present.shape) >= rng.random((len(data.z), 1)) * (rng.random((len(data.z), 1)) < 0.5)
    )
    z = data.design.masked(data.z, kept)
    intervals = 0 if data.target.reached is not None else data.target.points
    members = []
    for m in range(recipe.members):
        weight = data.weight if recipe.members == 1 else data.bootstrap_weights(rng)
        questions = [_question(z, data.target, part, weight) for part in range(_parts(data.target))]
        how = dict(recipe.parameters(1000 * seed + m))
        members.append([xgboost.train(how, question, num_boost_round=recipe.rounds) for question in questions])
    return BoostedPredictor(data.design, members, intervals)


def _parts(target: Target) -> int:
    return target.causes if target.reached is None else target.points


def _question(z: Array, target: Target, part: int, weight: Array) -> xgboost.DMatrix:
    """One yes-or-no question per row: reached, or, of those at risk in an interval, had the event in it.

    A row's share of an interval at risk is its weight; an event counts whole.
    """
    if target.reached is not None:
        return xgboost.DMatrix(z, label=target.reached[:, part], weight=weight)
    period = target.periods[part]
    event, exposure = period.event.T.ravel(), period.exposure.T.ravel()
    rows, at_risk = by_interval(z, target.points), (exposure > 0) | (event > 0)
    w = np.tile(weight, target.points) * np.maximum(exposure, event)
    label = np.clip(event / np.maximum(np.maximum(exposure, event), 1e-12), 0, 1)
    return xgboost.DMatrix(rows[at_risk], label=label[at_risk], weight=w[at_risk])
