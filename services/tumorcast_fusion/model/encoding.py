"""Snapshot → network input: one flat row, and which groups are present.

A missing value is a zero together with a presence flag of zero; it is never imputed. Numbers are clipped at five
standard deviations of the training cohort, and a value outside the training range raises a warning issue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.catalog import checked, entry
from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import Feature, Issue, Modality, PatientSnapshot, Severity
from tumorcast_fusion.model.manifest import EmbeddingInput, Group, Manifest, Scaling

Row = NDArray[np.float32]
MAX_Z = 5.0


@dataclass(frozen=True, slots=True)
class EncodedSnapshot:
    """One patient as the networks see it: ``row`` (width,), ``present`` (groups,), and what was noticed."""

    row: Row
    present: NDArray[np.bool_]
    issues: tuple[Issue, ...]


def group_width(group: Group) -> int:
    """Number of inputs of a group: value or one-hot, and a flag, per feature; elements and a flag for an embedding."""
    categorical = sum(len(entry(name).categories) or 1 for name in group.features)
    embedded = len(group.embedding.mean) + 1 if group.embedding else 0
    return categorical + len(group.features) + embedded


def group_slices(manifest: Manifest) -> list[slice]:
    """Where each group stands in the row."""
    ends = np.cumsum([group_width(g) for g in manifest.groups])
    return [slice(int(end) - group_width(g), int(end)) for end, g in zip(ends, manifest.groups, strict=True)]


def encode(snapshot: PatientSnapshot, manifest: Manifest) -> EncodedSnapshot:
    """Encode what the model reads of a snapshot; unusable values become issues, never numbers."""
    usable, issues = _usable_features(snapshot.features)
    clean = PatientSnapshot(features=tuple(usable), embeddings=snapshot.embeddings)
    parts, present = [], []
    for group in manifest.groups:
        part, any_value = _encode_group(clean, group, issues)
        parts.append(part)
        present.append(any_value)
    return EncodedSnapshot(np.concatenate(parts), np.array(present), tuple(issues))


def _usable_features(features: Iterable[Feature]) -> tuple[list[Feature], list[Issue]]:
    usable, issues = [], []
    for feature in features:
        try:
            usable.append(checked(feature))
        except TumorcastError as e:
            issues.append(_issue(Severity.ERROR, e.reason, e.message, feature))
    return usable, issues


def _issue(severity: Severity, code: str, message: str, feature: Feature) -> Issue:
    return Issue(severity, code, message, feature.source, "fusion", feature.timepoint)


def _encode_group(snapshot: PatientSnapshot, group: Group, issues: list[Issue]) -> tuple[Row, bool]:
    parts: list[Row] = []
    any_value = False
    for name in group.features:
        feature = snapshot.feature(name, group.timepoint)
        value = feature.value if feature else None
        any_value |= value is not None
        if entry(name).categories:
            parts.append(np.array([value == c for c in entry(name).categories], np.float32))
        elif feature is None or value is None:
            parts.append(np.zeros(1, np.float32))
        else:
            parts.append(_scaled(feature, group.scaling[name], issues))
        parts.append(np.array([value is not None], np.float32))
    if group.embedding:
        vector = _embedding(snapshot, group, group.embedding, issues)
        any_value |= vector is not None
        parts.append(vector if vector is not None else np.zeros(len(group.embedding.mean), np.float32))
        parts.append(np.array([vector is not None], np.float32))
    return np.concatenate(parts), any_value


def transformed(value: float, scaling: Scaling) -> float:
    """The value on the scale on which it is standardized; ``log`` takes the logarithm of 0.01 + value."""
    return math.log(0.01 + value) if scaling.transform == "log" else value


def _scaled(feature: Feature, scaling: Scaling, issues: list[Issue]) -> Row:
    value = float(feature.value or 0.0)
    if not scaling.low <= value <= scaling.high:
        message = f"{feature.name} lies outside the range of the model's training cohort."
        issues.append(_issue(Severity.WARNING, "OUTSIDE_TRAINING_RANGE", message, feature))
    z = (transformed(value, scaling) - scaling.mean) / scaling.sd
    return np.array([np.clip(z, -MAX_Z, MAX_Z)], np.float32)


def _embedding(
    snapshot: PatientSnapshot, group: Group, spec: EmbeddingInput, issues: list[Issue]
) -> NDArray[np.float32] | None:
    found = snapshot.embedding(spec.spaces, group.timepoint)
    if found is None:
        for other in snapshot.embeddings:
            if other.modality == group.modality == Modality.IMAGING and other.timepoint == group.timepoint:
                message = "The model was not trained on the embedding space of these images."
                issues.append(
                    Issue(Severity.ERROR, "UNKNOWN_EMBEDDING_SPACE", message, other.source, "fusion", other.timepoint)
                )
        return None
    vector = found.vector.astype(np.float32).reshape(-1)
    if vector.shape != (len(spec.mean),):
        message = "The embedding does not have the length of its space."
        issues.append(
            Issue(Severity.ERROR, "UNKNOWN_EMBEDDING_SPACE", message, found.source, "fusion", found.timepoint)
        )
        return None
    z = (vector - np.array(spec.mean, np.float32)) / np.array(spec.sd, np.float32)
    return np.clip(z, -MAX_Z, MAX_Z).astype(np.float32)
