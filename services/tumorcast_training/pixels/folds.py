"""Embeddings of a cohort, learned anew for every fold of every repeat, and once from all for the shipped encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tumorcast_imaging.model import Encoder, EncoderManifest
from tumorcast_imaging.model.lesions.lesion import PREFIXES
from tumorcast_imaging.model.weights import fetch
from tumorcast_training.blueprint import Blueprint, GroupPlan
from tumorcast_training.cohorts import Cohort
from tumorcast_training.encoder_training import EncoderRecipe
from tumorcast_training.parallel import Map
from tumorcast_training.pixels.learning import RECIPE, EncoderTask, LearnedVectors, learn
from tumorcast_training.pixels.patients import ImagedPatient

Fold = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedCohort:
    """The cohort with embeddings among its inputs; ``encoder`` learned from all, ``of_fold`` from all but a fold."""

    cohort: Cohort
    encoder: Encoder
    of_fold: Mapping[Fold, Encoder]


def embed(
    cohort: Cohort,
    patients: Sequence[ImagedPatient],
    blueprint: Blueprint,
    manifest: EncoderManifest,
    seed: int,
    run: Map,
    recipe: EncoderRecipe = RECIPE,
) -> EmbeddedCohort:
    """Learn an encoder for every fold, and one from everyone, and add their vectors to the inputs."""
    folds = cohort.all_folds()
    trains = [cohort.sides(*fold)[0] for fold in folds]
    prefixes = {modality: f"{prefix}_" for modality, prefix in PREFIXES.items()}
    pretrained = blueprint.pretrained
    start = fetch(pretrained.url, pretrained.sha256) if pretrained else None
    frozen = bool(pretrained and pretrained.frozen)
    tasks = [
        EncoderTask(patients, train, manifest, prefixes, seed + 1 + place, recipe, start, frozen)
        for place, train in enumerate([np.arange(len(cohort)), *trains])
    ]
    everyone, *learned = run(learn, tasks)
    return EmbeddedCohort(
        cohort=replace(
            cohort,
            inputs=with_vectors(cohort.inputs, everyone, blueprint.groups),
            fold_inputs={
                fold: with_vectors(cohort.inputs, one, blueprint.groups)
                for fold, one in zip(folds, learned, strict=True)
            },
        ),
        encoder=Encoder.of_weights(manifest, everyone.weights),
        of_fold={fold: Encoder.of_weights(manifest, one.weights) for fold, one in zip(folds, learned, strict=True)},
    )


def with_vectors(inputs: pd.DataFrame, learned: LearnedVectors, groups: Sequence[GroupPlan]) -> pd.DataFrame:
    """The inputs with a column for each element of the embedding of each group that has one."""
    columns: dict[str, Any] = {}
    for group in groups:
        if group.embedding:
            vectors = learned.vectors[group.embedding.dicom_modality]
            columns |= dict(zip(group.elements, vectors.T, strict=True))
    return pd.concat([inputs, pd.DataFrame(columns, index=inputs.index)], axis=1)
