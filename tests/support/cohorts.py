"""Simulated cohorts of known truth for the learners' tests: four groups, gaps of whole groups and of single values."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import Feature, Modality, PatientSnapshot
from tumorcast_fusion.model import PrognosisModel
from tumorcast_training.blueprint import Blueprint, ColumnRule, EndpointPlan, GroupPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.learners import LinearRecipe
from tumorcast_training.prognosis_training import train

Array = NDArray[np.float64]
FEW = LinearRecipe(penalties=(3.0,), members=2, em_steps=1)
"""A recipe that is fitted in no time."""
TRUE_SLOPES = {"albumin": -1.0, "age": 0.5, "change": 0.8, "treatment": 0.6}
"""What a standard deviation (or the treatment) adds to the log odds of no response and to every log hazard."""
REGIMENS = ("paclitaxel", "paclitaxel_pembrolizumab")
FOLLOW_UP_DAYS = 730.0
BINARY, ORDINAL, SURVIVAL, COMPETING = "objective_response", "best_response", "overall_survival", "progression"


def _group(id_: str, modality: Modality, *features: str, timepoint: str = "") -> GroupPlan:
    return GroupPlan(id=id_, modality=modality, features=features, timepoint=timepoint)


BLUEPRINT = Blueprint(
    name="known-truth",
    version="1.0.0",
    indication="simulated disease",
    intended_use="tests",
    disclaimer="SIMULATED",
    training_cohort="simulated patients",
    licence="Apache-2.0",
    simulated=True,
    groups=(
        _group("clinical", Modality.CLINICAL, "age", "sex", "menopausal_status", "albumin", "hemoglobin"),
        _group("therapy", Modality.THERAPY, "neoadjuvant_regimen"),
        _group("mri_t0", Modality.IMAGING, "functional_tumor_volume", timepoint="t0"),
        _group("mri_t1", Modality.IMAGING, "functional_tumor_volume", timepoint="t1"),
    ),
    baseline_groups=("clinical",),
    endpoints=(
        EndpointPlan(id=BINARY, kind=EndpointKind.BINARY, definition="none"),
        EndpointPlan(
            id=ORDINAL, kind=EndpointKind.ORDINAL, definition="none", outcomes=("progression", "stable", "response")
        ),
        EndpointPlan(
            id=SURVIVAL,
            kind=EndpointKind.TIME_TO_EVENT,
            definition="none",
            horizons_days=(182, 365),
            follow_up_days=FOLLOW_UP_DAYS,
            intervals=6,
        ),
        EndpointPlan(
            id=COMPETING,
            kind=EndpointKind.COMPETING_RISKS,
            definition="none",
            outcomes=("progression", "death"),
            horizons_days=(182, 365),
            follow_up_days=FOLLOW_UP_DAYS,
            intervals=5,
        ),
    ),
    columns={
        "functional_tumor_volume_t0": ColumnRule(transform="log", offset=0.01),
        "functional_tumor_volume_t1": ColumnRule(
            transform="log", offset=0.01, change_from=("functional_tumor_volume_t0",)
        ),
    },
    therapy_input="neoadjuvant_regimen",
)
GROUPS = tuple(group.id for group in BLUEPRINT.groups)


def plan_of(endpoint: str) -> EndpointPlan:
    """An endpoint of the blueprint."""
    return next(plan for plan in BLUEPRINT.endpoints if plan.id == endpoint)


def only(*endpoints: str) -> Blueprint:
    """The blueprint with just these endpoints."""
    return BLUEPRINT.model_copy(update={"endpoints": tuple(plan_of(name) for name in endpoints)})


@dataclass(frozen=True, eq=False)
class Truth:
    """The risk that the outcomes were drawn from, (n,), and the complete inputs."""

    risk: Array
    complete: pd.DataFrame


def simulated(
    rows: int = 300, seed: int = 0, *, gaps: float = 0.1, whole_groups: float = 0.15, folds: int = 3, repeats: int = 1
) -> tuple[Cohort, Truth]:
    """One row a patient; ``gaps`` is the share of single values that are missing, ``whole_groups`` of groups."""
    rng = np.random.default_rng(seed)
    complete = _inputs(rows, rng)
    risk = _risk(complete)
    cohort = Cohort(
        name="simulated",
        inputs=_with_gaps(complete, gaps, whole_groups, rng),
        patient_ids=np.array([f"p{i:04d}" for i in range(rows)], dtype=object),
        outcomes=_outcomes(risk, rng),
        folds=np.stack([rng.permutation(np.arange(rows) % folds) for _ in range(repeats)], axis=1),
        subgroups={"sex": complete["sex"].to_numpy(dtype=object)},
    )
    return cohort, Truth(risk, complete)


def _inputs(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    albumin = rng.normal(3.8, 0.4, rows).clip(2, 5)
    first = rng.lognormal(2.5, 0.7, rows)
    treated = rng.random(rows) < 0.5
    change = rng.normal(-0.7, 0.6, rows) - 0.3 * treated
    status = rng.choice(["premenopausal", "perimenopausal", "postmenopausal"], rows)
    return pd.DataFrame(
        {
            "age": rng.normal(62, 10, rows).clip(20, 95).round(),
            "sex": pd.Series(rng.choice(["female", "male"], rows), dtype=object),
            "menopausal_status": pd.Series(status, dtype=object),
            "albumin": albumin.round(2),
            "hemoglobin": (12 + 2 * (albumin - 3.8) + rng.normal(0, 1, rows)).clip(6, 18).round(1),
            "neoadjuvant_regimen": pd.Series(np.where(treated, REGIMENS[1], REGIMENS[0]), dtype=object),
            "functional_tumor_volume_t0": first.round(3),
            "functional_tumor_volume_t1": (first * np.exp(change)).round(3),
        }
    )


def _risk(inputs: pd.DataFrame) -> Array:
    change = np.log(inputs["functional_tumor_volume_t1"] / inputs["functional_tumor_volume_t0"])
    return (
        TRUE_SLOPES["albumin"] * (inputs["albumin"] - 3.8) / 0.4
        + TRUE_SLOPES["age"] * (inputs["age"] - 62) / 10
        + TRUE_SLOPES["change"] * (change + 0.85) / 0.6
        - TRUE_SLOPES["treatment"] * (inputs["neoadjuvant_regimen"] == REGIMENS[1])
    ).to_numpy(dtype=float)


def _with_gaps(complete: pd.DataFrame, gaps: float, whole_groups: float, rng: np.random.Generator) -> pd.DataFrame:
    table = complete.copy()
    for group in BLUEPRINT.groups:
        without = rng.random(len(table)) < whole_groups
        for feature in group.features:
            name = f"{feature}_{group.timepoint}" if group.timepoint else feature
            gone = without | (rng.random(len(table)) < gaps)
            table[name] = table[name].where(~gone, None if table[name].dtype == object else np.nan)
    return table


def _outcomes(risk: Array, rng: np.random.Generator) -> dict[str, Outcome]:
    rows = len(risk)
    latent = rng.logistic(0, 1, rows) - risk
    days, censored = rng.exponential(500 * np.exp(-risk)), rng.uniform(100, 1400, rows)
    progressed, died = rng.exponential(400 * np.exp(-risk)), rng.exponential(900, rows)
    first = np.minimum(progressed, died)
    event = np.where(first > censored, 0, np.where(progressed <= died, 1, 2))
    return {
        BINARY: BinaryOutcome((latent > 0).astype(float)),
        ORDINAL: OrdinalOutcome((latent > -1).astype(float) + (latent > 1)),
        SURVIVAL: SurvivalOutcome.exact(np.minimum(days, censored), (days <= censored).astype(np.int64)),
        COMPETING: SurvivalOutcome.exact(np.minimum(first, censored), event.astype(np.int64)),
    }


def at_visits(outcome: SurvivalOutcome, every_days: float = 90.0) -> SurvivalOutcome:
    """The same where only visits reveal the event of the first cause: its day is that of the next visit."""
    revealed = np.ceil(outcome.days / every_days) * every_days
    seen = outcome.event == 1
    return replace(
        outcome,
        days=np.where(seen, revealed, outcome.days),
        event_free_days=np.where(seen, revealed - every_days, outcome.days),
    )


def clustered(cohort: Cohort, rows_each: int = 3) -> Cohort:
    """Several rows of each patient, alike but for the folds' rule: all rows of a patient share a fold."""
    rows = np.repeat(np.arange(len(cohort)), rows_each)
    return replace(cohort[rows], landmark_days=np.tile(90.0 * np.arange(rows_each), len(cohort)))


TRAINING_PATIENTS, TRAINING_TRUTH = simulated(240, gaps=0.05)


@cache
def trained_model() -> PrognosisModel:
    """The model of all four endpoints, trained once by ``train`` on ``TRAINING_PATIENTS``, linear only, and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        return PrognosisModel.load(train(BLUEPRINT, TRAINING_PATIENTS, Path(folder), learners=("linear",), deals=2))


def snapshot_of(inputs: dict[str, object] | pd.Series) -> PatientSnapshot:
    """A patient of inputs by input name; missing ones are left out."""
    features: list[Feature] = []
    for name, (group, feature) in BLUEPRINT.inputs().items():
        value = inputs.get(name)
        if value is not None and value == value:
            number = value if isinstance(value, str) else float(value)  # type: ignore[arg-type]
            features.append(entry(feature).make(number, timepoint=group.timepoint))
    return PatientSnapshot(index_date="2026-01-01", features=tuple(features))
