"""Train the click segmenter: five folds for its figures, then all patients for its weights; a complete model folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tumorcast_imaging.model.clicking.looking import LookingSegmenter
from tumorcast_imaging.model.clicking.network import ClickNetwork, SegmenterManifest
from tumorcast_training.parallel import Map, in_turn
from tumorcast_training.publishing import CARD, write_metrics, write_sums
from tumorcast_training.segmentation.card import card
from tumorcast_training.segmentation.cases import TrainingCase, training_case
from tumorcast_training.segmentation.evaluation import Click, clicks_of, dice_by_patient, summary
from tumorcast_training.segmentation.fitting import STEPS, fit
from tumorcast_training.segmentation.reader import drawn_series, folds

NAME = "click"
ALL = -1
"""In place of a fold: train on every patient."""
MANIFEST = SegmenterManifest(
    name=NAME,
    version="0.1.0",
    training_data="PET, CT and T1 MR of 40 soft-tissue sarcomas (TCIA 10.7937/K9/TCIA.2015.7GO2GSKS), contour GTV_Mass",
)
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """What one process trains: ``fold`` held out, or ``ALL``."""

    data: Path
    fold: int
    seed: int
    steps: int
    folder: Path


def train(
    data: Path,
    folder: Path,
    *,
    seed: int = 0,
    steps: int = STEPS,
    run: Map = in_turn,
    told: Callable[[str], None] = lambda _text: None,
) -> Path:
    """Evaluate by five folds of patients, train on all, and write ``folder``; the same seed writes the same bytes.

    ``data`` is the sarcoma cohort's folder or the one above it. Raises ``InvalidInput`` where it is not as expected.
    """
    patients = folds(data)
    with tempfile.TemporaryDirectory() as scratch:
        plans = [Plan(data, f, seed, steps, Path(scratch, f"{f}")) for f in (*sorted(set(patients.values())), ALL)]
        told(f"Training {len(plans)} networks")
        run(train_one, plans)
        told("Scoring patients that no network was trained on")
        clicks = [click for each in run(score_one, plans[:-1]) for click in each]
        return publish(folder, ClickNetwork.load(plans[-1].folder), clicks, seed=seed, steps=steps)


def train_one(plan: Plan) -> None:
    """Train on every patient outside the plan's fold and write the weights."""
    network = fit(MANIFEST, cases_of(plan), seed=plan.seed + max(plan.fold, 0), steps=plan.steps)
    network.save(plan.folder)


def cases_of(plan: Plan) -> list[TrainingCase]:
    """Every series of the patients outside the fold."""
    return [
        training_case(series.patient_id, series.volume, series.mask)
        for patient, fold in sorted(folds(plan.data).items())
        if fold != plan.fold
        for series in drawn_series(plan.data, patient)
    ]


def score_one(plan: Plan) -> list[Click]:
    """Every method's clicks on the patients of the plan's fold."""
    import torch

    torch.set_num_threads(1)
    segmenter = LookingSegmenter(ClickNetwork.load(plan.folder))
    held_out = [patient for patient, fold in sorted(folds(plan.data).items()) if fold == plan.fold]
    return [
        c for patient in held_out for series in drawn_series(plan.data, patient) for c in clicks_of(series, segmenter)
    ]


def publish(folder: Path, network: ClickNetwork, clicks: Sequence[Click], *, seed: int, steps: int) -> Path:
    """Write weights, manifest, metrics, card and digests."""
    network.save(folder)
    metrics: dict[str, Any] = {
        "model": NAME,
        "seed": seed,
        "steps": steps,
        "command": f"tumorcast train {NAME} --data DIR --out DIR --seed {seed}",
        "precision": network.precision,
        "parameters": sum(tensor.numel() for tensor in network.network.parameters()),
        "weights_bytes": (folder / "weights.safetensors").stat().st_size,
        "modalities": summary(clicks, seed),
        "dice_by_patient": dice_by_patient(clicks),
    }
    metrics = _rounded(metrics)
    write_metrics(folder, metrics)
    (folder / CARD).write_text(card(network.manifest, metrics), encoding="utf-8")
    write_sums(folder)
    return folder


def _rounded(value: Any) -> Any:
    """Floats to four digits after the point."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return round(float(value), _DIGITS) if isinstance(value, float | np.floating) else value
