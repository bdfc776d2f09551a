"""How good a model is: discrimination, calibration and what each modality is worth, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tumorcast_fusion.model.encoding import group_slices
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_training.fusion_training import Encoded, Outcomes
from tumorcast_training.metrics import ClusterBootstrap, auc, brier, harrell_c

Array = NDArray[np.float64]
BOOTSTRAPS = 1000
PERMUTATIONS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predicted P(response) (n,) and a risk of early progression (n,), higher being worse."""

    response: Array
    risk: Array


def predict(ensemble: Ensemble, encoded: Encoded) -> Predictions:
    """Predict all patients at once; the risk is minus the mean survival over the model's follow-up."""
    output = ensemble.predict(encoded.rows, encoded.present)
    return Predictions(output.response[0], -np.exp(-output.cumulative_hazard[0]).mean(axis=1))


class Evaluator:
    """Scores predictions on one cohort, always on the same bootstrap samples of its patients."""

    def __init__(self, outcomes: Outcomes, seed: int = 0) -> None:
        self._outcomes = outcomes
        self._event = outcomes.pfs_event.astype(np.int64)
        self._weights = ClusterBootstrap(range(len(outcomes.response)), BOOTSTRAPS, seed).weights()

    def discrimination(self, predictions: Predictions) -> dict[str, list[float]]:
        """AUC of the response and Harrell's C of progression-free survival, each [estimate, lower, upper] at 95 %."""
        return {
            "auc": self._summary(lambda w: self._auc(predictions, w)),
            "c_index": self._summary(lambda w: self._c_index(predictions, w)),
        }

    def difference(self, better: Predictions, worse: list[Predictions]) -> dict[str, list[float]]:
        """Paired loss of AUC and C from ``better`` to the mean of ``worse``, [estimate, lower, upper] at 95 %."""

        def loss(figure: Callable[[Predictions, Array | None], Array], w: Array | None) -> Array:
            return np.asarray(np.mean([figure(better, w) - figure(one, w) for one in worse], axis=0))

        return {
            "auc": self._summary(lambda w: loss(self._auc, w)),
            "c_index": self._summary(lambda w: loss(self._c_index, w)),
        }

    def _auc(self, predictions: Predictions, weights: Array | None) -> Array:
        return auc(self._outcomes.response, predictions.response, weights)

    def _c_index(self, predictions: Predictions, weights: Array | None) -> Array:
        return harrell_c(self._outcomes.pfs_days, self._event, predictions.risk, weights=weights)

    def calibration(self, predictions: Predictions) -> dict[str, list[float]]:
        """Brier score, and intercept and slope of the outcome on the predicted logit, [estimate, lower, upper]."""
        p, y = np.clip(predictions.response, 1e-6, 1 - 1e-6), self._outcomes.response
        logit = np.log(p / (1 - p))[:, None]

        def fit(w: Array) -> tuple[float, float]:
            model = LogisticRegression(C=1e6).fit(logit, y, sample_weight=w)
            return float(model.intercept_[0]), float(model.coef_[0, 0])

        estimate = fit(np.ones(len(y)))
        resampled = np.array([fit(w) for w in self._weights[:200]])
        limits = np.percentile(resampled, [2.5, 97.5], axis=0)
        return {
            "brier": _rounded(*brier(y, p)),
            **{name: _rounded(estimate[i], *limits[:, i]) for i, name in enumerate(("intercept", "slope"))},
        }

    def _summary(self, statistic: Callable[[Array | None], Array]) -> list[float]:
        return _rounded(statistic(None)[0], *np.percentile(statistic(self._weights), [2.5, 97.5]))


def _rounded(*values: float) -> list[float]:
    return [round(float(v), 4) for v in values]


def permuted(encoded: Encoded, ensemble: Ensemble, modality: str, rng: np.random.Generator) -> Encoded:
    """The same patients with everything of one modality, its absence too, taken from other patients."""
    order = rng.permutation(len(encoded.rows))
    rows, present = encoded.rows.copy(), encoded.present.copy()
    for g, (group, where) in enumerate(zip(ensemble.manifest.groups, group_slices(ensemble.manifest), strict=True)):
        if group.modality == modality:
            rows[:, where] = encoded.rows[order, where]
            present[:, g] = encoded.present[order, g]
    return Encoded(rows, present)


def withheld(encoded: Encoded, ensemble: Ensemble, group_id: str) -> Encoded:
    """The same patients without one group."""
    ids = [group.id for group in ensemble.manifest.groups]
    present = encoded.present.copy()
    present[:, ids.index(group_id)] = False
    return Encoded(encoded.rows, present)


def modality_worth(encoded: Encoded, ensemble: Ensemble, evaluator: Evaluator, seed: int = 0) -> dict[str, object]:
    """Loss of AUC and C when one modality is permuted across patients, averaged over ``PERMUTATIONS``."""
    rng = np.random.default_rng(seed)
    full = predict(ensemble, encoded)
    modalities = dict.fromkeys(str(group.modality) for group in ensemble.manifest.groups)
    return {
        modality: evaluator.difference(
            full,
            [predict(ensemble, permuted(encoded, ensemble, modality, rng)) for _ in range(PERMUTATIONS)],
        )
        for modality in modalities
    }
