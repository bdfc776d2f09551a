"""The deletion test on patients held out: taking away what is salient should change the answer more than all else.

For every patient of one repeat of the published folds, the encoder and the head are those of the fold that has not seen
the patient; the number explained is the log odds as far as one image's embedding moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.tabular import Blend, Design
from tumorcast_imaging.model import Encoder
from tumorcast_imaging.model.saliency import (
    Direction,
    Walk,
    deletion_test,
    gradient_saliency,
    model_direction,
    occlusion,
    over_patients,
    score_along,
)
from tumorcast_training.blueprint import Blueprint, EndpointPlan, GroupPlan
from tumorcast_training.cohorts import Cohort
from tumorcast_training.fitting import fit_endpoint, training_set
from tumorcast_training.parallel import Map
from tumorcast_training.pixels.folds import EmbeddedCohort
from tumorcast_training.pixels.patients import ImagedPatient

METHODS = ("occlusion", "gradient")
REPEAT = 0
ORDERS = 50
"""Random orders beside each saliency."""


@dataclass(frozen=True, slots=True, eq=False)
class DeletionTask:
    """One fold: its encoder, as weights, and the cohort as that fold may see it."""

    blueprint: Blueprint
    plan: EndpointPlan
    cohort: Cohort
    patients: Sequence[ImagedPatient]
    fold: int
    weights: bytes
    seed: int
    orders: int


Walks = dict[tuple[str, str], list[tuple[Walk, Walk]]]
"""Deletion and insertion of each patient, by DICOM modality and method."""


def deletion(
    embedded: EmbeddedCohort,
    patients: Sequence[ImagedPatient],
    blueprint: Blueprint,
    plan: EndpointPlan,
    seed: int,
    run: Map,
    orders: int = ORDERS,
) -> list[dict[str, Any]]:
    """A row for each DICOM modality and method: how many patients' saliency beats its random orders, and how surely."""
    cohort = embedded.cohort
    tasks = [
        DeletionTask(blueprint, plan, cohort.in_fold(REPEAT, k), patients, k, encoder.weights(), seed, orders)
        for (r, k), encoder in embedded.of_fold.items()
        if r == REPEAT
    ]
    walks: Walks = {}
    for found in run(held_out_walks, tasks):
        for key, pairs in found.items():
            walks.setdefault(key, []).extend(pairs)
    return [_row(modality, method, pairs, seed) for (modality, method), pairs in sorted(walks.items())]


def _row(modality: str, method: str, pairs: Sequence[tuple[Walk, Walk]], seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {"dicom_modality": modality, "method": method}
    for kind, walks in zip(("deletion", "insertion"), zip(*pairs, strict=True), strict=True):
        over = over_patients(walks, seed)
        found[kind] = {
            "patients": over.patients,
            "better": over.better,
            "median_ratio": over.median_ratio,
            "sign_p": over.sign_p,
            "wilcoxon_p": over.wilcoxon_p,
            "permutation_p": over.permutation_p,
        }
    return found


def held_out_walks(task: DeletionTask) -> Walks:
    """Both walks of every patient held out, by each method, for each image."""
    train, test = task.cohort.sides(REPEAT, task.fold)
    data = training_set(task.blueprint, task.plan, task.cohort[train])
    recipe = replace(task.blueprint.recipe, members=0)
    blend = fit_endpoint(data, recipe, task.seed, ("linear",)).blend("linear")
    if task.blueprint.encoder is None:
        raise InvalidInput("The blueprint names no encoder.")
    encoder = Encoder.of_weights(task.blueprint.encoder, task.weights)
    walks: Walks = {}
    for i in test:
        for group in (g for g in task.blueprint.groups if g.embedding):
            for method, pair in _explained(task, group, int(i), encoder, blend, data.design).items():
                walks.setdefault((group.embedding.dicom_modality, method), []).append(pair)  # type: ignore[union-attr]
    return walks


def _explained(
    task: DeletionTask, group: GroupPlan, patient: int, encoder: Encoder, blend: Blend, design: Design
) -> Mapping[str, tuple[Walk, Walk]]:
    crop = task.patients[patient].crops.get(group.embedding.dicom_modality) if group.embedding else None
    if crop is None:
        return {}
    row = task.cohort.inputs.iloc[[patient]]
    embedding = row[list(group.elements)].to_numpy(float)[0]
    try:
        direction = model_direction(_answer(row, group, blend, design), embedding)
    except InvalidInput:  # this fold's head does not use the image: there is nothing to explain
        return {}
    score = score_along(encoder, direction)
    found = {}
    for method in METHODS:
        saliency = occlusion(score, crop) if method == "occlusion" else _gradient(encoder, crop, direction)
        result = deletion_test(score, crop, saliency, task.seed, orders=task.orders)
        found[method] = (result.deletion, result.insertion)
    return found


def _gradient(encoder: Encoder, crop: NDArray[np.float32], direction: Direction) -> NDArray[np.float32]:
    out: NDArray[np.float32] = gradient_saliency(encoder.network, crop, direction.vector)
    return out


def _answer(
    row: pd.DataFrame, group: GroupPlan, blend: Blend, design: Design
) -> Callable[[NDArray[np.float32]], float]:
    """The log odds of one patient, by the embedding of one of the images."""
    values = {str(name): row[name].to_numpy() for name in row}

    def log_odds(embedding: NDArray[np.float32]) -> float:
        moved = values | {name: np.array([float(x)]) for name, x in zip(group.elements, embedding, strict=True)}
        return float(blend.link(design.matrix(moved, 1), design.present(moved, 1))[0, 0, 0])

    return log_odds
