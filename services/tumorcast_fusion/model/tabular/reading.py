"""Snapshot → inputs of a model of tables: checked values by input name, with what was noticed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.snapshot import Feature, Issue, PatientSnapshot, Severity
from tumorcast_fusion.model.encoding import embedding_of, noticed, sorted_out
from tumorcast_fusion.model.engine import Reading
from tumorcast_fusion.model.manifest import Group, Manifest, element_names, input_name
from tumorcast_fusion.model.tabular.abstaining import far_outside
from tumorcast_fusion.model.tabular.design import Design

Array = NDArray[np.float64]
Inputs = dict[str, float | str]


@dataclass(frozen=True, eq=False)
class TableRow:
    """One patient as predictors of tables read it: standardized columns (columns,), and the inputs they come from.

    ``far_outside`` names inputs whose value lies far beyond anything in the training cohort.
    """

    z: Array
    inputs: Inputs
    far_outside: tuple[str, ...]


def read(snapshot: PatientSnapshot, manifest: Manifest, design: Design) -> Reading[TableRow]:
    """Take what the model reads of a snapshot; unusable values become issues, never numbers."""
    usable, refused = sorted_out(snapshot.features)
    clean = PatientSnapshot(features=tuple(usable))
    inputs: Inputs = {}
    far: list[str] = []
    issues = [issue for _, issue in refused]
    rejections: list[Issue | None] = []
    for group in manifest.groups:
        told = [i for f, i in refused if f.name in group.features and f.timepoint == group.timepoint]
        for name in group.features:
            feature = clean.feature(name, group.timepoint)
            if feature is None or feature.value is None:
                continue
            about = _warnings(feature, group, design)
            issues += about
            if any(i.blocks for i in about):
                told += about
                continue
            inputs[input_name(name, group)] = feature.value
            if _far(feature, group):
                far.append(input_name(name, group))
        if group.embedding:
            about = []
            vector = embedding_of(snapshot, group, group.embedding, about)
            issues += about
            told += about
            if vector is not None:
                inputs |= zip(element_names(group.id, len(vector)), map(float, vector), strict=True)
        rejections.append(next(iter(told), None))
    row = row_of(inputs, design)
    present = design.present({k: np.array([v], dtype=object) for k, v in inputs.items()}, 1)[0]
    return Reading(TableRow(row, inputs, tuple(far)), present, tuple(rejections), tuple(issues))


def row_of(inputs: Inputs, design: Design) -> Array:
    """Standardized columns (columns,) of one patient's inputs."""
    arrays = {name: np.array([value], dtype=object) for name, value in inputs.items()}
    row: Array = design.matrix(arrays, 1)[0]
    return row


def _warnings(feature: Feature, group: Group, design: Design) -> list[Issue]:
    """What is to be said of one value; an error means that it is not used."""
    if entry(feature.name).categories:
        if not design.usable(input_name(feature.name, group), feature.value or ""):
            message = f"{feature.name} has a value that too few training patients had; it was not used."
            return [noticed(Severity.ERROR, "UNSEEN_CATEGORY", message, feature)]
        return []
    found = []
    scaling = group.scaling.get(feature.name)
    if scaling and not scaling.low <= float(feature.value or 0.0) <= scaling.high:
        message = f"{feature.name} lies outside the range of the model's training cohort."
        found.append(noticed(Severity.WARNING, "OUTSIDE_TRAINING_RANGE", message, feature))
    if feature.comparator:
        message = f"{feature.name} is only known as a bound; the bound was used as its value."
        found.append(noticed(Severity.WARNING, "BOUND_USED_AS_VALUE", message, feature))
    return found


def _far(feature: Feature, group: Group) -> bool:
    scaling = group.scaling.get(feature.name)
    if scaling is None or isinstance(feature.value, str) or feature.value is None:
        return False
    return bool(far_outside(np.array(feature.value, dtype=float), scaling))
