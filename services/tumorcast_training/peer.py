"""The peer: XGBoost on the very same inputs, so that the network's gain, or its lack, is seen. It is not shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from tumorcast_fusion.model.encoding import group_slices
from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.evaluation import Predictions
from tumorcast_training.fusion_training import Encoded, Outcomes

RESPONSE, PROGRESSION = "response.ubj", "progression.ubj"
ROUNDS = 400
_COMMON = {
    "max_depth": 2,
    "eta": 0.05,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "min_child_weight": 5,
    "lambda": 5,
}


def train_peer(encoded: Encoded, outcomes: Outcomes, manifest: Manifest, seed: int, folder: Path) -> None:
    """Fit a logistic and a Cox objective and write both models (UBJSON) into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = _with_gaps(encoded, manifest)
    signed_days = np.where(outcomes.pfs_event == 1, outcomes.pfs_days, -outcomes.pfs_days)
    for name, objective, label in (
        (RESPONSE, "binary:logistic", outcomes.response),
        (PROGRESSION, "survival:cox", signed_days),
    ):
        settings = {**_COMMON, "objective": objective, "seed": seed}
        xgb.train(settings, xgb.DMatrix(rows, label), ROUNDS).save_model(folder / name)


def predict_peer(encoded: Encoded, manifest: Manifest, folder: Path) -> Predictions:
    """P(response) and log hazard of early progression."""
    rows = xgb.DMatrix(_with_gaps(encoded, manifest))
    response, progression = xgb.Booster(model_file=folder / RESPONSE), xgb.Booster(model_file=folder / PROGRESSION)
    return Predictions(response.predict(rows), progression.predict(rows, output_margin=True))


def _with_gaps(encoded: Encoded, manifest: Manifest) -> NDArray[np.float32]:
    """Rows with NaN in place of absent groups: XGBoost's own missing value."""
    rows = encoded.rows.copy()
    for g, where in enumerate(group_slices(manifest)):
        rows[~encoded.present[:, g], where] = np.nan
    return rows
