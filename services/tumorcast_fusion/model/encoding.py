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
from tumorcast_core.errors import TumorcastError, UnknownEmbeddingSpace
from tumorcast_core.snapshot import Embedding, Feature, Issue, PatientSnapshot, Severity
from tumorcast_fusion.model.manifest import EmbeddingInput, Group, Manifest, Scaling

Row = NDArray[np.float32]
MAX_Z = 5.0


@dataclass(frozen=True, slots=True)
class EncodedSnapshot:
    """One patient as the networks see it: ``row`` (width,), ``present`` (groups,), and what was noticed.

    ``rejections`` has, for each group, the first error that one of its values raised, or ``None``.
    """

    row: Row
    present: NDArray[np.bool_]
    rejections: tuple[Issue | None, ...]
    issues: tuple[Issue, ...]


def part_widths(group: Group) -> list[int]:
    """Number of inputs of each part of a group: value or one-hot, and a flag, per feature; then the embedding's."""
    features = [(len(entry(name).categories) or 1) + 1 for name in group.features]
    return features + ([len(group.embedding.mean) + 1] if group.embedding else [])


def group_width(group: Group) -> int:
    """Number of inputs of a group."""
    return sum(part_widths(group))


def group_slices(manifest: Manifest) -> list[slice]:
    """Where each group stands in the row."""
    ends = np.cumsum([group_width(g) for g in manifest.groups])
    return [slice(int(end) - group_width(g), int(end)) for end, g in zip(ends, manifest.groups, strict=True)]


def encode(snapshot: PatientSnapshot, manifest: Manifest) -> EncodedSnapshot:
    """Encode what the model reads of a snapshot; unusable values become issues, never numbers."""
    usable, refused = sorted_out(snapshot.features)
    clean = PatientSnapshot(features=tuple(usable), embeddings=snapshot.embeddings)
    issues = [issue for _, issue in refused]
    parts, present, rejections = [], [], []
    for group in manifest.groups:
        of_group = [i for f, i in refused if f.name in group.features and f.timepoint == group.timepoint]
        about: list[Issue] = []
        part, any_value = _encode_group(clean, group, about)
        parts.append(part)
        present.append(any_value)
        rejections.append(next((i for i in (*of_group, *about) if i.blocks), None))
        issues += about
    return EncodedSnapshot(np.concatenate(parts), np.array(present), tuple(rejections), tuple(issues))


def sorted_out(features: Iterable[Feature]) -> tuple[list[Feature], list[tuple[Feature, Issue]]]:
    """Features that fit the catalog, and the others with the reason."""
    usable, refused = [], []
    for feature in features:
        try:
            usable.append(checked(feature))
        except TumorcastError as e:
            refused.append((feature, noticed(Severity.ERROR, e.reason, e.message, feature)))
    return usable, refused


def noticed(severity: Severity, code: str, message: str, about: Feature | Embedding) -> Issue:
    """An issue about a value."""
    return Issue(severity, code, message, about.source, "fusion", about.timepoint)


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
        vector = _scaled_embedding(snapshot, group, group.embedding, issues)
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
        issues.append(noticed(Severity.WARNING, "OUTSIDE_TRAINING_RANGE", message, feature))
    if feature.comparator:
        message = f"{feature.name} is only known as a bound; the bound was used as its value."
        issues.append(noticed(Severity.WARNING, "BOUND_USED_AS_VALUE", message, feature))
    z = (transformed(value, scaling) - scaling.mean) / scaling.sd
    return np.array([np.clip(z, -MAX_Z, MAX_Z)], np.float32)


def _scaled_embedding(
    snapshot: PatientSnapshot, group: Group, spec: EmbeddingInput, issues: list[Issue]
) -> NDArray[np.float32] | None:
    vector = embedding_of(snapshot, group, spec, issues)
    if vector is None:
        return None
    z = (vector - np.array(spec.mean, np.float32)) / np.array(spec.sd, np.float32)
    return np.clip(z, -MAX_Z, MAX_Z).astype(np.float32)


def embedding_of(
    snapshot: PatientSnapshot, group: Group, spec: EmbeddingInput, issues: list[Issue]
) -> NDArray[np.float32] | None:
    """The group's embedding as it came, (dim,); ``None`` where there is none, with an issue where it is no use."""
    found = snapshot.embedding(spec.spaces, group.timepoint, spec.dicom_modality)
    if found is None:
        message = "The model was not trained on the embedding space of these images."
        issues += (
            noticed(Severity.ERROR, UnknownEmbeddingSpace.reason, message, other)
            for other in snapshot.embeddings
            if other.modality == group.modality
            and other.timepoint == group.timepoint
            and spec.dicom_modality in ("", other.dicom_modality)
        )
        return None
    vector = found.vector.astype(np.float32).reshape(-1)
    if vector.shape != (len(spec.mean),):
        message = "The embedding does not have the length of its space."
        issues.append(noticed(Severity.ERROR, UnknownEmbeddingSpace.reason, message, found))
        return None
    return vector
