"""The model ``simulated``: trained and scored on simulated patients through the services' own code. Never for care."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import Modality, PatientSnapshot
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_fusion.model.manifest import EmbeddingInput, EndpointSpec, Group, Manifest, dump
from tumorcast_fusion.model.neural import NeuralEngine
from tumorcast_imaging.model import Encoder, EncoderManifest
from tumorcast_training import evaluation
from tumorcast_training.cards import simulated_card
from tumorcast_training.encoder_training import train_encoder
from tumorcast_training.fusion_training import Encoded, Outcomes, fit_scaling, train_fusion
from tumorcast_training.peer import predict_peer, train_peer
from tumorcast_training.publishing import write_sums
from tumorcast_training.simulated_cohort import PatientInputs, Progress, embedded, read_cohort, read_outcomes

PRECISIONS = ("bf16", "float32")
IMAGE_ATTRIBUTES = ("necrosis", "spiculation")
MEASURES = ("tumor_longest_diameter", "tumor_volume")
FEATURES = {
    Modality.LABS: ("albumin", "lactate_dehydrogenase", "neutrophil_lymphocyte_ratio", "hemoglobin"),
    Modality.NOTES: ("weight_loss", "ascites", "pain"),
    Modality.GENOMICS: ("tumor_mutational_burden", "kras_mutation"),
    Modality.CLINICAL: ("age", "sex", "stage_group", "ecog_performance_status"),
    Modality.THERAPY: ("therapy_class",),
}
"""Catalog names by group, each group being one modality; the CTs come before them."""
ENDPOINTS = (
    EndpointSpec(
        id="objective_response",
        kind=EndpointKind.BINARY,
        definition="Sum of diameters <= 70 % of baseline (RECIST 1.1 PR) at the CT of day 84 or 140.",
        outcomes=("no response", "response"),
    ),
    EndpointSpec(
        id="progression_free_survival",
        kind=EndpointKind.TIME_TO_EVENT,
        definition="Days from the index date to RECIST 1.1 progression or death, whichever comes first.",
        horizons_days=(182.0, 365.0),
    ),
)


@dataclass(frozen=True, slots=True)
class TrainedFolders:
    """Where ``train`` wrote: the encoder's folder, the model's, and that of the peer it is compared with."""

    encoder: Path
    model: Path
    peer: Path


def folders(out: Path) -> TrainedFolders:
    """The layout below ``out``, the same as in the services' packages."""
    return TrainedFolders(out / "encoders" / "ct-lesion", out / "models" / "simulated", out / "peers" / "xgboost")


def train(
    data: Path, out: Path, encoder: EncoderManifest, seed: int = 0, progress: Progress | None = None, workers: int = 2
) -> TrainedFolders:
    """Train encoder and fusion on the cohort in ``data``; writes both below ``out``.

    ``encoder`` says what to build (crop, architecture); its weights and version are replaced.
    """
    outcomes = read_outcomes(data)
    inputs = read_cohort(data, outcomes, encoder, progress, workers)
    return train_on(inputs, outcomes, out, encoder, seed, progress)


def train_on(
    inputs: Sequence[PatientInputs],
    outcomes: pd.DataFrame,
    out: Path,
    manifest: EncoderManifest,
    seed: int = 0,
    progress: Progress | None = None,
) -> TrainedFolders:
    """Train on patients already read."""
    where = folders(out)
    crops, targets = _encoder_examples(inputs, outcomes)
    described = manifest.model_copy(
        update={"training_data": f"CT of {len(inputs)} simulated patients; attributes only"}
    )
    encoder, r_squared = train_encoder(crops, targets, described, seed, progress=progress)
    encoder.save(where.encoder)
    snapshots = [embedded(one, encoder) for one in inputs]
    model = _manifest(snapshots, encoder, len(inputs))
    encoded, truth = Encoded.of(snapshots, model), outcomes_of(outcomes)
    ensemble = train_fusion(encoded, truth, model, seed, progress=progress)
    train_peer(encoded, truth, model, seed, where.peer)
    dump(ensemble.manifest, where.model)
    ensemble.save(where.model)
    fitted = {
        "patients": len(inputs),
        "encoder_r_squared": dict(zip((*IMAGE_ATTRIBUTES, "log_diameter"), r_squared, strict=True)),
    }
    _write_metrics(where.model, {"training": fitted})
    return where


def evaluate(
    data: Path,
    model: PrognosisModel,
    encoder: Encoder,
    progress: Progress | None = None,
    workers: int = 2,
    peer: Path | None = None,
) -> dict[str, Any]:
    """Score the model on the cohort in ``data``, beside the oracle; see ``evaluate_on``."""
    outcomes = read_outcomes(data)
    inputs = read_cohort(data, outcomes, encoder.manifest, progress, workers)
    return evaluate_on(inputs, outcomes, model, encoder, peer)


def evaluate_on(
    inputs: Sequence[PatientInputs],
    outcomes: pd.DataFrame,
    model: PrognosisModel,
    encoder: Encoder,
    peer: Path | None = None,
) -> dict[str, Any]:
    """Discrimination beside the oracle and the clinical baseline, calibration, permuted modalities, withheld groups.

    With the folder of a ``peer``, its discrimination and the paired loss from the model to it come too.
    """
    encoded = Encoded.of([embedded(one, encoder) for one in inputs], model.manifest)
    ensemble = _ensemble(model)
    evaluator = evaluation.Evaluator(outcomes_of(outcomes))
    full = evaluation.predict(ensemble, encoded)
    oracle = evaluation.Predictions(
        outcomes["oracle_response"].to_numpy(float), -outcomes["oracle_rmst_days"].to_numpy(float)
    )
    ids = [group.id for group in model.manifest.groups]
    clinical = encoded.present & np.isin(ids, model.manifest.baseline_groups)
    baseline = evaluation.predict(ensemble, Encoded(encoded.rows, clinical))
    without = {id_: evaluation.predict(ensemble, evaluation.withheld(encoded, ensemble, id_)) for id_ in ids}
    return {
        "patients": len(inputs),
        "model": evaluator.discrimination(full),
        "oracle": evaluator.discrimination(oracle),
        "clinical_baseline": evaluator.discrimination(baseline),
        **(_beside_peer(evaluator, full, predict_peer(encoded, model.manifest, peer)) if peer else {}),
        "calibration": evaluator.calibration(full),
        "permuted_modality_loss": evaluation.modality_worth(encoded, ensemble, evaluator),
        "withheld_group_loss": {id_: evaluator.difference(full, [without[id_]]) for id_ in ids},
        "withheld_group_calibration": {id_: evaluator.calibration(without[id_]) for id_ in ids},
        "precision_shift": _precision_shift(inputs[:100], model, encoder),
    }


def _beside_peer(
    evaluator: evaluation.Evaluator, full: evaluation.Predictions, peer: evaluation.Predictions
) -> dict[str, Any]:
    return {"xgboost": evaluator.discrimination(peer), "loss_to_xgboost": evaluator.difference(full, [peer])}


def record(model_folder: Path, held_out: dict[str, Any]) -> None:
    """Keep a held-out evaluation in the model's ``metrics.json`` and write its card."""
    metrics = json.loads((model_folder / "metrics.json").read_text(encoding="utf-8"))
    metrics["held_out"] = held_out
    _write_metrics(model_folder, metrics)
    text = simulated_card(PrognosisModel.load(model_folder), metrics)
    (model_folder / "card.md").write_text(text, encoding="utf-8")
    write_sums(model_folder)


def _write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")


def outcomes_of(table: pd.DataFrame) -> Outcomes:
    """The outcome columns as arrays."""
    return Outcomes(*(table[name].to_numpy(float) for name in ("response", "pfs_days", "pfs_event")))


def _encoder_examples(
    inputs: Sequence[PatientInputs], outcomes: pd.DataFrame
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Crops and standardized targets: the attributes that were rendered, and the log of the measured diameter."""
    crops, targets = [], []
    for one, truth in zip(inputs, outcomes[list(IMAGE_ATTRIBUTES)].to_numpy(float), strict=True):
        for study in one.studies:
            diameter = one.snapshot.feature("tumor_longest_diameter", study.timepoint.role)
            if diameter is not None and isinstance(diameter.value, float):
                crops += [crop.array for crop in study.crops]
                targets += [[*truth, np.log(diameter.value)] for _ in study.crops]
    stacked = np.array(targets)
    return crops, ((stacked - stacked.mean(axis=0)) / stacked.std(axis=0)).astype(np.float32)


def _manifest(snapshots: Sequence[PatientSnapshot], encoder: Encoder, patients: int) -> Manifest:
    """Describe the model to train; what is standardized is fitted on ``snapshots``."""
    return Manifest(
        name="simulated",
        version="1.0.0",
        simulated=True,
        indication="Simulated liver tumors under first systemic therapy, after the early CT of day 28.",
        intended_use="Testing that the services work together, and that fusion uses every modality. Never for care.",
        disclaimer="SIMULATED: trained on simulated patients. It says nothing of real patients; never use it for care.",
        training_cohort=f"{patients} patients of `tumorcast simulate`.",
        licence="Apache-2.0",
        groups=tuple(fit_scaling(group, snapshots) for group in _groups(encoder)),
        baseline_groups=("clinical", "therapy"),
        endpoints=ENDPOINTS,
        edges_days=tuple(28.0 * i for i in range(1, 27)),
        members=10,
        token_width=12,
        hidden_width=48,
    )


def _groups(encoder: Encoder) -> tuple[Group, ...]:
    """The input groups, not standardized yet; images in the encoder's space, in either precision."""
    space = encoder.embedding_space.rsplit("/", 1)[0]
    images = EmbeddingInput(spaces=tuple(f"{space}/{precision}" for precision in PRECISIONS), mean=(), sd=())
    visits = (
        Group(id=f"ct_{role}", modality=Modality.IMAGING, timepoint=role, features=MEASURES, embedding=images)
        for role in ("baseline", "follow_up")
    )
    rest = (Group(id=str(modality), modality=modality, features=names) for modality, names in FEATURES.items())
    return (*visits, *rest)


def _precision_shift(inputs: Sequence[PatientInputs], model: PrognosisModel, encoder: Encoder) -> float:
    """Largest change of the response probability between bf16 and float32 embeddings."""
    answers = []
    for precision in PRECISIONS:
        same = Encoder(encoder.manifest, encoder.network, precision=precision)
        answers.append(
            evaluation.predict(
                _ensemble(model), Encoded.of([embedded(one, same) for one in inputs], model.manifest)
            ).response
        )
    return round(float(np.abs(answers[0] - answers[1]).max()), 5)


def _ensemble(model: PrognosisModel) -> Ensemble:
    if not isinstance(model.engine, NeuralEngine):
        raise UnknownModel("The simulated model must be an ensemble of networks.")
    return model.engine.ensemble
