"""Whether recent patients are still those that a model was trained on: inputs, missingness, scores, typicality.

The population stability index of a quantity is Σ (p - q) ln(p / q) over its bins, p recent and q in training, half a
patient added to each bin. By chance alone it is not zero but about (1/n + 1/N) χ² of bins - 1 (Yurdakul and Naranjo
2020, Journal of Risk Model Validation 14:2); here its null is simulated with the same bins and numbers of patients, so
that a small table cries no wolf. Tests are adjusted by Holm over inputs, scores and typicality. Rows of one patient
count as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.tabular.design import missing
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_training.aggregates import OTHER
from tumorcast_training.metrics import holm
from tumorcast_training.table_predictions import headline, predict_rows, tabular_engine
from tumorcast_training.tables import TableCohort

Array = NDArray[np.float64]
Patients = NDArray[np.object_]
FEWEST_PATIENTS = 50
SOME, STRONG = 0.1, 0.25
"""What is customarily called some and strong change of a population stability index."""
_SIGNIFICANT = 0.05
_SAMPLES = 2000
_RARE = 0.01


class Change(StrEnum):
    """What became of one quantity."""

    TOO_FEW = "too few patients"
    NONE = "as in training"
    SLIGHT = "slightly shifted"
    SHIFTED = "shifted"
    STRONG = "strongly shifted"


class Verdict(StrEnum):
    """What to do."""

    TOO_FEW = "too few patients"
    STABLE = "stable"
    WATCH = "watch"
    INVESTIGATE = "investigate"


@dataclass(frozen=True, slots=True)
class Stability:
    """A population stability index, the 95th percentile of its null, and p of "no change"."""

    index: float
    null_95: float
    p: float

    @classmethod
    def of(cls, counts: Array, shares: Array, recent: int, training: int, seed: int = 0) -> Stability:
        """Of recent ``counts`` per bin, against ``shares`` in training; ``recent`` and ``training`` patients."""
        rng = np.random.default_rng(seed)
        q = np.maximum(shares, 1e-9) / np.maximum(shares, 1e-9).sum()
        p = counts / max(counts.sum(), 1.0)
        found = float(_index(p[None] * recent, q[None] * training)[0])
        null = _index(
            rng.multinomial(recent, q, _SAMPLES).astype(float), rng.multinomial(training, q, _SAMPLES).astype(float)
        )
        return cls(found, float(np.quantile(null, 0.95)), float((1 + (null >= found).sum()) / (1 + _SAMPLES)))

    def change(self, p: float) -> Change:
        """In words, given the adjusted p."""
        if p >= _SIGNIFICANT or self.index < 1e-12:
            return Change.NONE
        return Change.STRONG if self.index >= STRONG else Change.SHIFTED if self.index >= SOME else Change.SLIGHT

    def to_json(self) -> dict[str, float]:
        """As it is reported."""
        return {"psi": round(self.index, 5), "null_95": round(self.null_95, 5), "p": round(self.p, 5)}


def _index(recent: Array, training: Array) -> Array:
    """Population stability index of counts (samples, bins)."""
    p, q = ((x + 0.5) / (x + 0.5).sum(axis=1, keepdims=True) for x in (recent, training))
    out: Array = ((p - q) * np.log(p / q)).sum(axis=1)
    return out


def drift(model: PrognosisModel, table: TableCohort, aggregates: Mapping[str, Any]) -> dict[str, Any]:
    """Compare the rows of a table with the training aggregates of a model; a plain document."""
    engine, cohort = tabular_engine(model), table.cohort
    predicted = predict_rows(engine, cohort.inputs)
    inputs = {
        name: _input(cohort.inputs, name, cohort.patient_ids, kept, engine, aggregates["patients"])
        for name, kept in aggregates["inputs"].items()
    }
    answered = predicted.answered
    scores = {}
    for spec in engine.manifest.endpoints:
        if spec.id in aggregates["scores"]:
            values = np.where(answered, headline(predicted.outputs[spec.id], spec), np.nan)
            scores[spec.id] = _number(values, cohort.patient_ids, aggregates["scores"][spec.id], aggregates["patients"])
    typicality = _typicality(engine, predicted.z, cohort.patient_ids, ~answered, aggregates["patients"])
    _judge([*inputs.values(), *scores.values(), typicality])
    _judge_missing(list(inputs.values()))
    patients = len(set(cohort.patient_ids))
    return {
        "model": {"name": model.ref.name, "version": model.ref.version, "sha256": model.ref.sha256},
        **table.to_json(),
        "training": {"rows": aggregates["rows"], "patients": aggregates["patients"]},
        "unseen_categories": dict(predicted.unseen),
        "inputs": inputs,
        "scores": scores,
        "typicality": typicality,
        "abstained": {"rows": int((~answered).sum()), "reasons": predicted.reasons()},
        "verdict": verdict(patients, inputs, scores, typicality).value,
    }


def _input(
    inputs: pd.DataFrame,
    name: str,
    patients: Patients,
    kept: Mapping[str, Any],
    engine: TabularEngine,
    training: int,
) -> dict[str, Any]:
    if name not in inputs:
        return {"known": 0, "missing": 1.0, "missing_in_training": kept["missing"], "change": Change.TOO_FEW.value}
    values = inputs[name].to_numpy()
    gone = missing(values)
    found = {
        "known": int((~gone).sum()),
        "missing": round(float(gone.mean()), 5),
        "missing_in_training": kept["missing"],
        "p_missing": round(_p_of_shares(gone, patients, kept["missing"], training), 5),
    }
    count = round(training * (1 - kept["missing"]))
    if kept["kind"] == "category":
        return {**found, **_category(values[~gone], patients[~gone], kept["shares"], count)}
    group, feature = engine.manifest.inputs()[name]
    numbers = values.astype(float)
    if (scaling := group.scaling.get(feature)) is not None and (~gone).any():
        outside = (numbers[~gone] < scaling.low) | (numbers[~gone] > scaling.high)
        found["outside_training_range"] = round(float(outside.mean()), 5)
    return {**found, **_number(numbers, patients, kept, count)}


def _number(values: Array, patients: Patients, kept: Mapping[str, Any], training: int) -> dict[str, Any]:
    known = np.isfinite(values)
    count = len(set(patients[known]))
    if count < FEWEST_PATIENTS:
        return {"change": Change.TOO_FEW.value}
    bins = np.searchsorted(kept["edges"], values[known], side="left")
    counts = np.bincount(bins, minlength=len(kept["shares"])).astype(float)
    moved = (float(values[known].mean()) - kept["mean"]) / kept["sd"] if kept["sd"] > 0 else 0.0
    stability = Stability.of(counts, np.array(kept["shares"]), count, training)
    return {**stability.to_json(), "mean": round(float(values[known].mean()), 5), "shift_sd": round(moved, 4)}


def _category(
    values: NDArray[np.object_], patients: Patients, shares: Mapping[str, float], training: int
) -> dict[str, Any]:
    count = len(set(patients))
    if count < FEWEST_PATIENTS:
        return {"change": Change.TOO_FEW.value}
    names = [*shares, *([] if OTHER in shares else [OTHER])]
    labels = [v if v in shares else OTHER for v in values]
    counts = np.array([labels.count(name) for name in names], dtype=float)
    trained = np.array([shares.get(name, 0.0) for name in names])
    if not counts[-1] and not trained[-1]:
        counts, trained = counts[:-1], trained[:-1]
    told = {name: round(float(c / counts.sum()), 5) for name, c in zip(names, counts, strict=False)}
    return {**Stability.of(counts, trained, count, training).to_json(), "shares": told}


def _p_of_shares(rows: NDArray[np.bool_], patients: Patients, share: float, training: int) -> float:
    """Two-sided p of "the share is as in training", each patient one draw."""
    recent = len(set(patients))
    mean = float(rows.mean())
    pooled = (mean * recent + share * training) / (recent + training)
    spread = np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / recent + 1 / training))
    return float(2 * stats.norm.sf(abs(mean - share) / spread)) if mean != share else 1.0


def _judge(found: Sequence[dict[str, Any]]) -> None:
    """Put each change into words, its p adjusted over all of them."""
    tested = [one for one in found if "p" in one]
    for one, p in zip(tested, holm([t["p"] for t in tested]) if tested else [], strict=True):
        one["p_adjusted"] = round(p, 5)
        one["change"] = Stability(one["psi"], one["null_95"], one["p"]).change(p).value


def _judge_missing(found: Sequence[dict[str, Any]]) -> None:
    """Say where an input is clearly more or less often missing."""
    gone = [one for one in found if "p_missing" in one]
    for one, p in zip(gone, holm([g["p_missing"] for g in gone]) if gone else [], strict=True):
        more = one["missing"] - one["missing_in_training"]
        clear = p < _SIGNIFICANT and abs(more) >= SOME
        one["missing_change"] = (
            ("more often missing" if more > 0 else "less often missing") if clear else "as in training"
        )


def _typicality(
    engine: TabularEngine, z: Array, patients: Patients, abstained: NDArray[np.bool_], training: int
) -> dict[str, Any]:
    """Percentiles of typicality, which are uniform for patients like those in training, and what they amount to."""
    count = len(set(patients))
    if count < FEWEST_PATIENTS:
        return {"change": Change.TOO_FEW.value}
    percentile = np.array([engine.typical.percentile(row) for row in z])
    bins = np.minimum((percentile * 10).astype(np.int64), 9)
    stability = Stability.of(np.bincount(bins, minlength=10).astype(float), np.full(10, 0.1), count, training)
    return {
        **stability.to_json(),
        "median_percentile": round(float(np.median(percentile)), 4),
        "unusual": round(float((percentile < _RARE).mean()), 5),
        "abstained": round(float(abstained.mean()), 5),
    }


def verdict(
    patients: int,
    inputs: Mapping[str, Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, Any]],
    typicality: Mapping[str, Any],
) -> Verdict:
    """The worst of it: scores that moved, patients unlike those in training, inputs that moved strongly."""
    if patients < FEWEST_PATIENTS:
        return Verdict.TOO_FEW
    moved = [one.get("change") for one in scores.values()] + [typicality.get("change")]
    of_inputs = [one.get("change") for one in inputs.values()]
    if any(c in (Change.SHIFTED, Change.STRONG) for c in moved) or Change.STRONG in of_inputs:
        return Verdict.INVESTIGATE
    absent = any("often" in str(one.get("missing_change", "")) or one.get("missing") == 1.0 for one in inputs.values())
    if absent or Change.SHIFTED in of_inputs or Change.SLIGHT in moved:
        return Verdict.WATCH
    return Verdict.STABLE


def shifted(found: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """Names of what is not as in training, the strongest first."""
    names = [name for name, one in found.items() if one.get("change") in (Change.SLIGHT, Change.SHIFTED, Change.STRONG)]
    return sorted(names, key=lambda name: -float(found[name]["psi"]))
