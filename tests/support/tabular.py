"""A small model of tables, trained on simulated patients: every kind of endpoint, five groups, gaps in all of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tumorcast_core.catalog import entry
from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import Feature, Modality, PatientSnapshot
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model import manifest as m
from tumorcast_fusion.model.tabular import Gaussian
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_fusion.model.tabular.similar import SimilarGroups
from tumorcast_fusion.model.tabular.typicality import TypicalPatients
from tumorcast_training.blueprint import Blueprint, ColumnRule, EndpointPlan, GroupPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.fitting import fit_endpoint, training_set
from tumorcast_training.learners import LinearRecipe

BLUEPRINT = Blueprint(
    name="tiny-table",
    version="0.0.1",
    indication="none",
    intended_use="tests",
    disclaimer="SIMULATED",
    training_cohort="simulated patients",
    licence="Apache-2.0",
    simulated=True,
    groups=(
        GroupPlan(id="clinical", modality=Modality.CLINICAL, features=("age", "sex", "immunotherapy_cancer_type")),
        GroupPlan(id="labs", modality=Modality.LABS, features=("albumin", "hemoglobin")),
        GroupPlan(id="genomics", modality=Modality.GENOMICS, features=("idh_mutation",)),
        GroupPlan(id="mri_t0", modality=Modality.IMAGING, timepoint="t0", features=("functional_tumor_volume",)),
        GroupPlan(id="mri_t1", modality=Modality.IMAGING, timepoint="t1", features=("functional_tumor_volume",)),
    ),
    baseline_groups=("clinical",),
    endpoints=(
        EndpointPlan(
            id="objective_response", kind=EndpointKind.BINARY, definition="none", outcomes=("no_response", "response")
        ),
        EndpointPlan(
            id="best_response",
            kind=EndpointKind.ORDINAL,
            definition="none",
            outcomes=("progression", "stable", "response"),
        ),
        EndpointPlan(
            id="overall_survival",
            kind=EndpointKind.TIME_TO_EVENT,
            definition="none",
            horizons_days=(182, 365),
            follow_up_days=730,
            intervals=6,
        ),
        EndpointPlan(
            id="progression",
            kind=EndpointKind.COMPETING_RISKS,
            definition="none",
            outcomes=("progression", "death"),
            horizons_days=(182, 365),
            follow_up_days=730,
            intervals=5,
        ),
    ),
    columns={
        "functional_tumor_volume_t1": ColumnRule(
            transform="log", offset=0.01, change_from=("functional_tumor_volume_t0",)
        )
    },
)
SEEN_TYPES = ("melanoma", "renal", "bladder")


def cohort(rows: int = 400, seed: int = 0, *, missing: float = 0.15) -> Cohort:
    """Patients whose outcomes depend on albumin, age and the change of the tumor's volume."""
    rng = np.random.default_rng(seed)
    albumin, age = rng.normal(3.8, 0.4, rows).clip(2, 5), rng.normal(62, 10, rows).clip(20, 95).round()
    first = rng.lognormal(2.5, 0.7, rows)
    change = rng.normal(-0.7, 0.6, rows)
    inputs = pd.DataFrame(
        {
            "age": age,
            "sex": pd.Series(rng.choice(["female", "male"], rows), dtype=object),
            "immunotherapy_cancer_type": pd.Series(rng.choice(SEEN_TYPES, rows), dtype=object),
            "albumin": albumin.round(2),
            "hemoglobin": (12 + 2 * (albumin - 3.8) + rng.normal(0, 1, rows)).clip(6, 18).round(1),
            "idh_mutation": pd.Series(rng.choice(["absent", "present"], rows), dtype=object),
            "functional_tumor_volume_t0": first.round(3),
            "functional_tumor_volume_t1": (first * np.exp(change)).round(3),
        }
    )
    risk = -1.6 * (albumin - 3.8) + 0.02 * (age - 62) + 0.9 * (change + 0.7)
    for name in inputs:
        gone = rng.random(rows) < missing
        inputs[name] = inputs[name].where(~gone, None if inputs[name].dtype == object else np.nan)
    return Cohort(
        name="simulated",
        inputs=inputs,
        patient_ids=np.array([f"p{i}" for i in range(rows)], dtype=object),
        outcomes=_outcomes(risk, rng),
        folds=np.stack([rng.permutation(np.arange(rows) % 5) for _ in range(4)], axis=1),
        subgroups={"sex": inputs["sex"].to_numpy(dtype=object)},
    )


def _outcomes(risk: np.ndarray, rng: np.random.Generator) -> dict[str, Outcome]:
    rows = len(risk)
    logit = -1.3 * risk + rng.logistic(0, 1, rows)
    days, end = rng.exponential(400 * np.exp(-risk)), rng.uniform(100, 1200, rows)
    progressed, died = rng.exponential(300 * np.exp(-risk)), rng.exponential(900, rows)
    first = np.minimum(progressed, died)
    event = np.where(first > end, 0, np.where(progressed <= died, 1, 2))
    return {
        "objective_response": BinaryOutcome((logit > 0).astype(float)),
        "best_response": OrdinalOutcome((logit > -0.8).astype(float) + (logit > 0.8)),
        "overall_survival": SurvivalOutcome.exact(np.minimum(days, end), (days <= end).astype(np.int64)),
        "progression": SurvivalOutcome.exact(np.minimum(first, end), event.astype(np.int64)),
    }


@cache
def trained(learners: tuple[str, ...] = ("linear", "boosted")) -> TabularEngine:
    """The engine, not calibrated on anything but its training patients."""
    patients = cohort()
    blends, endpoints = {}, {}
    for plan in BLUEPRINT.endpoints:
        data = training_set(BLUEPRINT, plan, patients)
        fitted = fit_endpoint(data, LinearRecipe(penalties=(10,), members=3, em_steps=1), 0, learners)
        names = {name: 1 / len(learners) for name in learners}
        blends[plan.id] = type(fitted.blend(learners[0]))(
            [
                type(fitted.parts[n])(n, fitted.parts[n].predictor, w, fitted.parts[n].calibration)
                for n, w in names.items()
            ]
        )
        parts = tuple(m.BlendPart(learner=n, weight=w) for n, w in names.items())  # type: ignore[arg-type]
        level, threshold = {
            EndpointKind.COMPETING_RISKS: (0.0, 1.0),
            EndpointKind.TIME_TO_EVENT: (0.9, 0.88),
        }.get(plan.kind, (0.9, 0.75))
        endpoints[plan.id] = m.TabularEndpoint(
            parts=parts,
            edges_days=data.target.edges_days,
            conformal_level=level,
            conformal_threshold=threshold,
            score="AUC" if plan.kind is EndpointKind.BINARY else "C",
        )
    columns = data.design.columns
    manifest = BLUEPRINT.manifest(patients.inputs, columns)
    manifest = manifest.model_copy(update={"tabular": m.Tabular(columns=columns, endpoints=endpoints)})
    typical = TypicalPatients.fit(data.z, Gaussian.fit(data.z), np.arange(len(data.z)) % 5)
    scores = {plan.id: np.zeros((2 ** len(BLUEPRINT.groups), 20)) for plan in BLUEPRINT.endpoints}
    similar = SimilarGroups((), np.zeros((0, len(columns))))
    return TabularEngine(manifest, data.design, blends, typical, similar, scores)


def write_trained(root: Path, learners: tuple[str, ...] = ("linear", "boosted")) -> Path:
    """Write the model as ``tumorcast train`` does, below ``root/models``; returns ``root``, for ``--trained``."""
    engine = trained(learners)
    folder = root / "models" / BLUEPRINT.name
    (root / "encoders").mkdir(parents=True, exist_ok=True)
    m.dump(engine.manifest, folder)
    engine.save(folder)
    (folder / "metrics.json").write_text("{}\n")
    (folder / "card.md").write_text("# tiny-table\n")
    return root


def load_trained(root: Path) -> PrognosisModel:
    """The model as it is loaded from its folder."""
    return PrognosisModel.load(write_trained(root) / "models" / BLUEPRINT.name)


def snapshot_of(patients: Cohort, row: int, manifest: m.Manifest) -> PatientSnapshot:
    """One row as a patient's snapshot."""
    features: list[Feature] = []
    for name, (group, feature) in manifest.inputs().items():
        value = patients.inputs[name][row] if name in patients.inputs else None
        if value is not None and value == value:
            features.append(
                entry(feature).make(value if isinstance(value, str) else float(value), timepoint=group.timepoint)
            )
    return PatientSnapshot(index_date="2024-05-01", features=tuple(features))


def as_csv(patients: Cohort, file: Path, *, with_outcomes: bool = True) -> Path:
    """Write a cohort as the table that ``tumorcast evaluate`` reads."""
    table = patients.inputs.copy()
    table.insert(0, "patient_id", patients.patient_ids)
    for name, outcome in patients.outcomes.items() if with_outcomes else ():
        if isinstance(outcome, BinaryOutcome):
            table[name] = outcome.value
        elif isinstance(outcome, OrdinalOutcome):
            names = np.array(["progression", "stable", "response"])
            table[name] = names[outcome.rank.astype(int)]
        else:
            table[f"{name}_days"], table[f"{name}_event"] = outcome.days, outcome.event
    for name, labels in patients.subgroups.items():
        if name not in table:
            table[name] = labels
    table.to_csv(file, index=False)
    return file
