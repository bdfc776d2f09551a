"""Trains a model that reads pixels: its encoder for every fold, its head on top, what each adds, and why it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tumorcast_core.errors import InvalidInput
from tumorcast_training.blueprint import Blueprint
from tumorcast_training.cohorts import Cohort
from tumorcast_training.parallel import Map
from tumorcast_training.pixels.comparison import compare
from tumorcast_training.pixels.deletion import deletion
from tumorcast_training.pixels.folds import EmbeddedCohort, embed
from tumorcast_training.pixels.patients import ImagedPatient
from tumorcast_training.prognosis_training import Told, train
from tumorcast_training.publishing import publish, update_metrics

LEARNERS = ("linear",)
"""With so few patients a forest or a gated network has nothing to learn from; what pixels add is compared instead."""


def train_pixels(
    blueprint: Blueprint,
    cohort: Cohort,
    patients: Sequence[ImagedPatient],
    out: Path,
    *,
    seed: int,
    run: Map,
    told: Told = lambda _: None,
) -> Path:
    """Train and write ``out/models/<name>`` and ``out/encoders/<encoder>``; the same seed gives the same bytes."""
    manifest = blueprint.encoder
    if manifest is None:
        raise InvalidInput("The blueprint names no encoder.")
    told(f"{manifest.name}: learning an encoder for every fold")
    embedded = embed(cohort, patients, blueprint, manifest, seed, run)
    embedded.encoder.save(out / "encoders" / manifest.name)
    trained = _knowing_its_space(blueprint, embedded)
    folder = train(trained, _of_inputs(embedded.cohort, trained), out, seed=seed, run=run, told=told, learners=LEARNERS)
    (plan,) = trained.endpoints
    told("what pixels add to measures")
    added = compare(embedded, patients, trained, plan, seed, run, blueprint.scored_alone)
    told("deletion test")
    why = deletion(embedded, patients, trained, plan, seed, run)
    update_metrics(folder, {"pixels": {"variants": added, "deletion": why}})
    publish(folder, trained)
    return folder


def _knowing_its_space(blueprint: Blueprint, embedded: EmbeddedCohort) -> Blueprint:
    """The blueprint with the spaces of the shipped encoder's vectors, in either precision."""
    digest = embedded.encoder.manifest.weights_sha256[:12]
    spaces = tuple(f"{embedded.encoder.manifest.name}@{digest}/{precision}" for precision in ("bf16", "float32"))
    groups = tuple(
        group.model_copy(update={"embedding": group.embedding.model_copy(update={"spaces": spaces})})
        if group.embedding
        else group
        for group in blueprint.groups
    )
    return blueprint.model_copy(update={"groups": groups})


def _of_inputs(cohort: Cohort, blueprint: Blueprint) -> Cohort:
    """The cohort with what the model reads, of all that was measured."""
    names = [*blueprint.inputs(), *(element for group in blueprint.groups for element in group.elements)]
    return replace(
        cohort,
        inputs=cohort.inputs.reindex(columns=names),
        fold_inputs={fold: table.reindex(columns=names) for fold, table in cohort.fold_inputs.items()},
    )
