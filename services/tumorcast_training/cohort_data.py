"""A folder given as ``--data`` → the cohort in it, public or a user's own, as a table that can be evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_training import blueprint as blueprints
from tumorcast_training.blueprint import Blueprint
from tumorcast_training.cohorts import Cohort, own, sarcoma_pet_ct_mr
from tumorcast_training.cohorts.folders import Split, public_folder, read_public
from tumorcast_training.parallel import Map, in_turn
from tumorcast_training.pixels.patients import ImagedPatient
from tumorcast_training.tables import ColumnReport, Role, Schema, TableCohort


def read_data(
    data: Path,
    schema: Schema,
    *,
    split: Split = "train",
    subgroups: Sequence[str] = (),
    run: Map = in_turn,
) -> tuple[TableCohort, bool]:
    """Patients of a folder for the model of a schema, and whether that model was trained on just these.

    ``data`` is ``../shared/data``, a public cohort's folder in it, or a user's own cohort; see ``cohorts.own``.
    """
    plan = _shipped(schema.name.removesuffix("-local"))
    if plan is not None and plan.encoder is not None:
        raise InvalidInput("A model that reads pixels is scored while it is trained: its card has the figures.")
    folder = public_folder(data, plan.cohort, plan.folder) if plan else None
    if plan is None or folder is None:
        return own.read(data, schema, subgroups=subgroups, run=run), False
    cohort = read_public(folder, plan.cohort, split)
    inputs = cohort.inputs[[name for name in cohort.inputs if name in schema.features]]
    chosen = {name: labels for name, labels in cohort.subgroups.items() if not subgroups or name in subgroups}
    return as_table(replace(cohort, inputs=inputs, subgroups=chosen), schema), split == "train"


def training_cohort(data: Path, plan: Blueprint, *, run: Map = in_turn, seed: int = 0) -> Cohort:
    """The cohort to train a blueprint's model on; raises ``InvalidInput``."""
    folder = public_folder(data, plan.cohort, plan.folder)
    if folder is not None:
        return read_public(folder, plan.cohort)
    return own.read(data, Schema.of_blueprint(plan), run=run, seed=seed).cohort


def imaged_cohort(data: Path, plan: Blueprint, *, run: Map = in_turn) -> tuple[Cohort, tuple[ImagedPatient, ...]]:
    """The cohort of a model that reads pixels, with its patients' crops; raises ``InvalidInput``."""
    if plan.cohort != sarcoma_pet_ct_mr.NAME or plan.encoder is None:
        raise InvalidInput("Encoders are trained on the public sarcoma cohort only.")
    folder = data / plan.folder if (data / plan.folder).is_dir() else data
    return sarcoma_pet_ct_mr.read(folder, plan.encoder, run)


def held_out_cohort(data: Path, plan: Blueprint) -> Cohort | None:
    """The patients that the data set itself holds apart, where it does."""
    folder = public_folder(data, plan.cohort, plan.folder) if plan.has_test_split else None
    return None if folder is None else read_public(folder, plan.cohort, "test")


def blueprint_for(name: str, file: Path | None, data: Path) -> Blueprint:
    """The blueprint of a file, of a name, or the one in the cohort's folder; raises ``InvalidInput`` for none."""
    if file is not None:
        return blueprints.load(file)
    if name:
        return blueprints.load(name)
    if (data / own.BLUEPRINT).is_file():
        return blueprints.load(data / own.BLUEPRINT)
    raise InvalidInput("Give the name of a shipped blueprint, --blueprint FILE, or a blueprint.yaml in the folder.")


def as_table(cohort: Cohort, schema: Schema) -> TableCohort:
    """A cohort read elsewhere, reported like a table."""
    reports = []
    for name in cohort.inputs:
        missing = int(cohort.inputs[name].isna().sum())
        reports.append(ColumnReport(str(name), Role.INPUT, len(cohort) - missing, missing, {}))
    for name, outcome in cohort.outcomes.items():
        known = int(np.sum(outcome.known()))
        reports.append(ColumnReport(name, Role.OUTCOME, known, len(cohort) - known, {}))
    absent = tuple(name for name in schema.features if name not in cohort.inputs)
    return TableCohort(cohort, tuple(reports), absent, ())


def _shipped(name: str) -> Blueprint | None:
    try:
        return blueprints.load(name)
    except UnknownModel:
        return None
