"""Encoders that learn from the crops of a fold's training patients, and the vectors they then make of everyone.

The targets are what was measured on the same crops (size, uptake, radiomics; their principal components), never
outcomes: vectors of training patients know no more of their outcomes than those of new ones, so that a head can be
fitted to them inside the same fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model import Crop, Encoder, EncoderManifest
from tumorcast_training.encoder_training import EncoderRecipe, train_encoder
from tumorcast_training.pixels.patients import ImagedPatient

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
RECIPE = EncoderRecipe(
    epochs=24, batch=16, learning_rate=3e-3, weight_decay=0.05, noise=0.05, held_out=0.0, precision="float32"
)
COMPONENTS = 12
_LOGS_ABOVE = 20.0
_WIDEST = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class EncoderTask:
    """Learn from the patients in ``train``; ``weights`` of another network to begin with, and whether to keep them."""

    patients: Sequence[ImagedPatient]
    train: Rows
    manifest: EncoderManifest
    prefixes: Mapping[str, str]
    seed: int
    recipe: EncoderRecipe = RECIPE
    start: bytes | None = None
    frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LearnedVectors:
    """Vectors of all patients by DICOM modality, (n, dim), NaN without a crop; and the weights that made them."""

    vectors: Mapping[str, Array]
    weights: bytes


def learn(task: EncoderTask) -> LearnedVectors:
    """Train one encoder on all DICOM modalities of the training patients, and encode everyone."""
    crops, targets = _examples(task)
    encoder, _ = train_encoder(
        crops, targets, task.manifest, task.seed, task.recipe, start=task.start, frozen=task.frozen
    )
    return LearnedVectors(
        {m: _encoded(encoder, task.patients, m) for m in task.manifest.crop.windows}, encoder.weights()
    )


def _examples(task: EncoderTask) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Crops of the training patients and their targets, in an order that mixes DICOM modalities."""
    crops, targets = [], []
    for modality in task.manifest.crop.windows:
        rows = [i for i in task.train if modality in task.patients[i].crops]
        values = [task.patients[i].values for i in rows]
        crops += [task.patients[i].crops[modality] for i in rows]
        targets.append(components(values, task.prefixes[modality]))
    return crops, np.concatenate(targets).astype(np.float32)


def components(values: Sequence[Mapping[str, float]], prefix: str, count: int = COMPONENTS) -> Array:
    """Principal components (n, count), each of variance one, of all measures that begin with ``prefix``.

    Measures are standardized, on a log scale where they are positive and reach far; those that some patient lacks or
    that do not vary are left out.
    """
    names = sorted(name for name in set.intersection(*map(set, values)) if name.startswith(prefix))
    columns = [_standardized(np.array([one[name] for one in values])) for name in names]
    x = np.stack([c for c in columns if c is not None], axis=1)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    kept = min(count, len(s))
    scores = np.zeros((len(values), count))
    scores[:, :kept] = u[:, :kept] * np.sqrt(len(values))
    scores[:, :kept] *= s[:kept] > 1e-9 * max(s[0], 1e-12)
    out: Array = np.clip(scores, -_WIDEST, _WIDEST)
    return out


def _standardized(x: Array) -> Array | None:
    if (x > 0).all() and x.max() > _LOGS_ABOVE * x.min():
        x = np.log(x)
    sd = float(x.std())
    if not np.isfinite(sd) or sd <= 1e-9 * max(1.0, float(np.abs(x).max())):
        return None
    out: Array = np.clip((x - x.mean()) / sd, -_WIDEST, _WIDEST)
    return out


def _encoded(encoder: Encoder, patients: Sequence[ImagedPatient], modality: str) -> Array:
    found = np.full((len(patients), encoder.manifest.embedding_dim), np.nan)
    for i, patient in enumerate(patients):
        if modality in patient.crops:
            found[i] = encoder.encode([Crop(encoder.manifest.name, patient.crops[modality], modality)])[0]
    return found
