"""The deletion test: taking away what is salient should change the score more than taking away as much elsewhere.

Deletion and insertion after Petsiuk 2018 (RISE, arXiv 1806.07421), with a reference that is fair: the crop is divided
into equal cubes, and a random order is the saliency's own pattern moved elsewhere (turned, mirrored and shifted on the
torus), so that it takes away cubes of the same size that hang together in the same way. What is taken away becomes the
mean of its surroundings. Cubes in which that changes nothing (air) are in no order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.saliency.replacing import (
    IMAGE,
    Array,
    Score,
    checked,
    patch_size,
    scored,
    without_tissue,
)

Null = Literal["moved", "shuffled"]
Budget = Literal["voxels", "change"]
Numbers = NDArray[np.float64]
_LEAST_CHANGE = 1e-3
"""Mean change of a cube's voxels, as a share of the window, below which the cube holds nothing to take away."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """One way through the cubes, beside the same number of cubes in random orders.

    ``curve`` (steps + 1,) and ``random_curves`` (orders, steps + 1) are |score − score of the whole crop| at
    ``fractions`` of the cubes; ``gain`` is how much better the saliency's area is than the mean random one.
    """

    fractions: Numbers
    curve: Numbers
    random_curves: Numbers
    higher_is_better: bool

    @property
    def area(self) -> float:
        return float(np.trapezoid(self.curve, self.fractions))

    @property
    def random_areas(self) -> Numbers:
        return np.asarray(np.trapezoid(self.random_curves, self.fractions, axis=1))

    @property
    def gain(self) -> float:
        difference = self.area - float(self.random_areas.mean())
        return difference if self.higher_is_better else -difference

    @property
    def p_value(self) -> float:
        """Share of orders, the saliency's own among them, that are at least as good."""
        sign = 1 if self.higher_is_better else -1
        as_good = np.count_nonzero(sign * self.random_areas >= sign * self.area)
        return float((1 + as_good) / (1 + len(self.random_areas)))


@dataclass(frozen=True, slots=True, eq=False)
class DeletionResult:
    """Both walks over one crop: tissue taken away in the saliency's order, and put back in it."""

    deletion: Walk
    insertion: Walk
    patch_voxels: int
    patches: int
    null: Null
    budget: Budget


def deletion_test(
    score: Score,
    crop: Array,
    saliency: Array,
    seed: int = 0,
    *,
    orders: int = 50,
    steps: int = 8,
    null: Null = "moved",
    budget: Budget = "voxels",
    channels: Sequence[int] = IMAGE,
) -> DeletionResult:
    """Compare the saliency (N, N, N; its absolute value counts) of a crop (channels, N, N, N) with random orders.

    ``null`` "shuffled" permutes single cubes instead of moving the whole pattern. ``budget`` "change" takes away equal
    amounts of intensity instead of equal numbers of cubes. Raises ``InvalidInput`` where there is nothing to take away.
    Some ``2 · orders · steps`` passes of ``score``.
    """
    crop = checked(crop)
    if saliency.shape != crop.shape[1:] or not np.isfinite(saliency).all():
        raise InvalidInput("A saliency is (N, N, N) of finite numbers, like its crop.")
    side = patch_size(crop.shape[1])
    blank = without_tissue(crop, side, channels)
    change = _by_patch(np.abs(crop - blank)[list(channels)].mean(axis=0), side)
    there = change > _LEAST_CHANGE
    if not there.any():
        raise InvalidInput("There is no tissue in the crop that could be taken away.")
    pattern = _by_patch(np.abs(saliency), side)
    rng = np.random.default_rng(seed)
    ranked = [_order(pattern, there), *(_order(_random(pattern, null, rng), there) for _ in range(orders))]
    weights = np.ones(change.shape) if budget == "voxels" else change
    fractions = (np.arange(steps + 1) / steps) ** 2
    ways = [_cubes(order, weights, fractions) for order in ranked]
    return DeletionResult(
        deletion=_walk(score, crop, blank, ways, fractions, channels, inserting=False),
        insertion=_walk(score, crop, blank, ways, fractions, channels, inserting=True),
        patch_voxels=side,
        patches=int(there.sum()),
        null=null,
        budget=budget,
    )


def _by_patch(values: NDArray[np.floating], side: int) -> Numbers:
    """Means over the cubes, (G, G, G)."""
    count = values.shape[0] // side
    return np.asarray(values.astype(float).reshape(count, side, count, side, count, side).mean(axis=(1, 3, 5)))


def _random(pattern: Numbers, null: Null, rng: np.random.Generator) -> Numbers:
    """The pattern elsewhere: another turn, mirror image or place; or its cubes in any places."""
    if null == "shuffled":
        return rng.permutation(pattern.ravel()).reshape(pattern.shape)
    moved = pattern.transpose(rng.permutation(3))
    moved = np.flip(moved, axis=tuple(axis for axis in range(3) if rng.random() < 0.5))
    return np.roll(moved, rng.integers(0, len(pattern), 3), axis=(0, 1, 2))


def _order(pattern: Numbers, there: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Cubes (flat indices) that can be taken away, most salient first; equal ones in the order of their indices."""
    wanted = np.flatnonzero(there)
    return wanted[np.argsort(-pattern.ravel()[wanted], kind="stable")]


def _cubes(order: NDArray[np.intp], weights: Numbers, fractions: Numbers) -> list[NDArray[np.bool_]]:
    """Which cubes (G, G, G) are gone at each fraction between none and all."""
    spent = np.cumsum(weights.ravel()[order])
    gone = []
    for fraction in fractions[1:-1]:
        cubes = np.zeros(weights.size, bool)
        cubes[order[: max(1, int(np.searchsorted(spent, fraction * spent[-1] * (1 + 1e-9), side="right")))]] = True
        gone.append(cubes.reshape(weights.shape))
    return gone


def _walk(
    score: Score,
    crop: Array,
    blank: Array,
    ways: Sequence[Sequence[NDArray[np.bool_]]],
    fractions: Numbers,
    channels: Sequence[int],
    *,
    inserting: bool,
) -> Walk:
    start, end = (blank, crop) if inserting else (crop, blank)
    first, last, whole = scored(score, [start, end, crop])
    between = scored(score, _mixed(start, end, ways, channels)).reshape(len(ways), -1)
    edges = np.full((len(ways), 1), first), between, np.full((len(ways), 1), last)
    curves = np.abs(np.concatenate(edges, axis=1) - whole)
    return Walk(fractions, curves[0], curves[1:], higher_is_better=not inserting)


def _mixed(
    start: Array, end: Array, ways: Sequence[Sequence[NDArray[np.bool_]]], channels: Sequence[int]
) -> Iterator[Array]:
    for way in ways:
        for cubes in way:
            side = start.shape[1] // cubes.shape[0]
            voxels = cubes.repeat(side, 0).repeat(side, 1).repeat(side, 2)
            mixed = start.copy()
            for channel in channels:
                mixed[channel][voxels] = end[channel][voxels]
            yield mixed
