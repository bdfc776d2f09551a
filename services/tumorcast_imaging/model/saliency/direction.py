"""Which number of an embedding is to be explained: its part along a direction.

A prognosis model asks along its own slope; without one it is the embedding's own length, or the direction in which the
embeddings of a cohort differ most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.crop import Crop
from tumorcast_imaging.model.saliency.replacing import Array, Score

if TYPE_CHECKING:
    from tumorcast_imaging.model.encoder import Encoder

Vector = NDArray[np.float64]
_NOTHING = "Nothing depends on this embedding; there is nothing to explain."


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """A unit vector in an encoder's embedding space, and where it comes from."""

    vector: Vector
    kind: Literal["model", "norm", "principal"]


def norm_direction(embedding: NDArray[np.floating]) -> Direction:
    """Along the embedding itself, so that the score is its length and has the length's derivative."""
    return Direction(_unit(embedding), "norm")


def principal_direction(embeddings: NDArray[np.floating]) -> Direction:
    """Along which embeddings (patients, dim) differ most; its strongest component is positive."""
    vectors = np.asarray(embeddings, float)
    if vectors.ndim != 2 or len(vectors) < 2:
        raise InvalidInput("A principal direction needs at least two embeddings.")
    centered = vectors - vectors.mean(axis=0)
    if not np.abs(centered).max() > 1e-9 * np.abs(vectors).max():
        raise InvalidInput(_NOTHING)
    first = np.linalg.svd(centered, full_matrices=False)[2][0]
    return Direction(_unit(first * np.sign(first[np.abs(first).argmax()])), "principal")


def model_direction(
    answer: Callable[[NDArray[np.float32]], float], embedding: NDArray[np.floating], *, step: float = 0.0
) -> Direction:
    """The slope of any model's ``answer`` at an embedding, by central differences of ``step`` (2 % of its spread if 0).

    ``answer`` takes an embedding (dim,) and gives the number that is to be explained, best on a scale without floor
    and ceiling (log odds, log hazard). Raises ``InvalidInput`` if it is flat there, as trees often are.
    """
    at = np.asarray(embedding, float)
    width = step or 0.02 * max(float(at.std()), 1e-3)
    slope = np.zeros(len(at))
    for i in range(len(at)):
        up, down = at.copy(), at.copy()
        up[i] += width
        down[i] -= width
        slope[i] = (answer(up.astype(np.float32)) - answer(down.astype(np.float32))) / (2 * width)
    return Direction(_unit(slope), "model")


def score_along(encoder: Encoder, direction: Direction) -> Score:
    """The score of crops by an encoder as it is served: their embeddings' part along a direction."""

    def score(crops: Array) -> NDArray[np.float64]:
        vectors = encoder.encode([Crop(encoder.manifest.name, crop, "") for crop in crops])
        return np.stack(vectors).astype(float) @ direction.vector

    return score


def _unit(vector: NDArray[np.floating]) -> Vector:
    values = np.asarray(vector, np.float64)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length == 0:
        raise InvalidInput(_NOTHING)
    return values / length
