"""Which lesion of an earlier study is which of a later one, by place alone; what cannot be told apart is said.

Every pair has a cost, the negative logarithm of how likely it is one lesion: its centers differ by a normal error whose
standard deviation holds the alignment's uncertainty and what growing or shrinking off center may do; its volume changes
by a log-normal factor. Two lesions that are not the same cost ``APART``. The cheapest assignment wins
(``scipy.optimize.linear_sum_assignment``) where every other one costs at least ``MARGIN`` more; where not, all lesions
on which the two differ are ambiguous. Lesions that lie within one lesion of the other study are its fragments, and
lesions that one of the later study holds have merged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from tumorcast_imaging.model.change.alignment import Alignment
from tumorcast_imaging.model.change.overlap import Overlap, overlap
from tumorcast_imaging.model.change.place import Place

APART = 6.0
"""Cost of two lesions that are not the same: so much as one whose center lies 3.5 standard deviations off."""
MARGIN = math.log(20)
"""The second best must be 20 times less likely."""
_VOLUME_SPREAD = 1.2
_MOST_VOLUME_COST = 1.5
_LEAST_WITHIN = 0.6
"""Share of a fragment that lies within the whole."""

Edge = tuple[int, int]
Matrix = NDArray[np.float64]


class Kind(StrEnum):
    """What links lesions of two studies."""

    MATCHED = "MATCHED"
    SPLIT = "SPLIT"
    MERGED = "MERGED"


@dataclass(frozen=True, slots=True)
class Link:
    """Lesions of the earlier and the later study (numbers) that are the same, with the overlap of the closest two."""

    kind: Kind
    earlier: tuple[int, ...]
    later: tuple[int, ...]
    overlap: Overlap


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Lesions of both studies that can be told apart in more than one way."""

    earlier: tuple[int, ...]
    later: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The answer; ``gone`` and ``new`` have no counterpart."""

    links: tuple[Link, ...] = ()
    ambiguous: tuple[Ambiguity, ...] = ()
    gone: tuple[int, ...] = ()
    new: tuple[int, ...] = ()


def pair(earlier: Sequence[Place], later: Sequence[Place], alignments: Sequence[Alignment]) -> Pairing:
    """Pair lesions of two studies, each earlier one by its own alignment; their order does not matter."""
    overlaps = {(a, b): overlap(p, q, alignments[a]) for a, p in enumerate(earlier) for b, q in enumerate(later)}
    costs = np.array([[cost(overlaps[a, b]) for b in range(len(later))] for a in range(len(earlier))])
    costs = costs.reshape(len(earlier), len(later))
    links, tangled = _groups(overlaps, costs)
    taken_a, taken_b = _lesions(links, tangled)
    rest_a = [a for a in range(len(earlier)) if a not in taken_a]
    rest_b = [b for b in range(len(later)) if b not in taken_b]
    edges, unsure = _assign(costs[np.ix_(rest_a, rest_b)])
    ambiguous = [
        Ambiguity(tuple(rest_a[a] for a in found.earlier), tuple(rest_b[b] for b in found.later)) for found in unsure
    ]
    pairs = [(rest_a[a], rest_b[b]) for a, b in edges]
    links += [Link(Kind.MATCHED, (a,), (b,), overlaps[a, b]) for a, b in pairs]
    known_a, known_b = _lesions(links, [*tangled, *ambiguous])
    return Pairing(
        tuple(sorted(links, key=lambda link: (link.earlier, link.later))),
        (*tangled, *ambiguous),
        tuple(a for a in range(len(earlier)) if a not in known_a),
        tuple(b for b in range(len(later)) if b not in known_b),
    )


def _lesions(links: Sequence[Link], ambiguous: Sequence[Ambiguity]) -> tuple[set[int], set[int]]:
    """Lesions of the earlier and of the later study about which something is said."""
    pairs = [(link.earlier, link.later) for link in links] + [(found.earlier, found.later) for found in ambiguous]
    return {a for earlier, _ in pairs for a in earlier}, {b for _, later in pairs for b in later}


def cost(found: Overlap) -> float:
    """How unlikely it is that a pair is one lesion; infinite beyond the gate."""
    apart = found.distance_mm**2 / (2 * found.spread_mm**2)
    position = min(apart, APART * (1 - found.share))  # what lies within the other may lie off its center
    volume = 0.5 * (math.log(found.volume_ratio) / _VOLUME_SPREAD) ** 2
    total = position + min(volume, _MOST_VOLUME_COST)
    return total if total < APART else math.inf


def _groups(overlaps: dict[Edge, Overlap], costs: Matrix) -> tuple[list[Link], list[Ambiguity]]:
    """Splits and merges; those that share a lesion are tangled."""
    splits = _wholes({(a, b): found.later_within for (a, b), found in overlaps.items()}, costs)
    merges = _wholes({(b, a): found.earlier_within for (a, b), found in overlaps.items()}, costs.T)
    found = [Link(Kind.SPLIT, (a,), parts, _closest(overlaps, [(a, b) for b in parts])) for a, parts in splits.items()]
    found += [
        Link(Kind.MERGED, parts, (b,), _closest(overlaps, [(a, b) for a in parts])) for b, parts in merges.items()
    ]
    sound, tangled = [], []
    for component in _components([(a, b) for link in found for a in link.earlier for b in link.later]):
        within = [link for link in found if set(link.earlier) <= set(component.earlier)]
        if len(within) == 1:
            sound += within
        else:
            tangled.append(component)
    return sound, tangled


def _wholes(within: dict[Edge, float], costs: Matrix) -> dict[int, tuple[int, ...]]:
    """Wholes (rows) with the two or more parts (columns) that lie within them and nowhere better."""
    parts: dict[int, list[int]] = {}
    for part in range(costs.shape[1]):
        holding = [whole for whole in range(costs.shape[0]) if within[whole, part] >= _LEAST_WITHIN]
        if holding:
            best = min(costs[:, part].min(), APART)
            nearest = [whole for whole in holding if min(costs[whole, part], APART) <= best]
            if len(nearest) == 1:
                parts.setdefault(nearest[0], []).append(part)
    return {whole: tuple(found) for whole, found in parts.items() if len(found) > 1}


def _closest(overlaps: dict[Edge, Overlap], edges: Sequence[Edge]) -> Overlap:
    return min((overlaps[edge] for edge in edges), key=lambda found: (-found.share, found.distance_mm))


def _assign(costs: Matrix) -> tuple[list[Edge], list[Ambiguity]]:
    """The cheapest assignment without what is ambiguous in it, and that."""
    least, best = _cheapest(costs)
    candidates = [(int(a), int(b)) for a, b in np.argwhere(np.isfinite(costs))]
    doubtful: set[Edge] = set()
    for edge in candidates:
        total, other = _without(costs, edge) if edge in best else _with(costs, edge)
        if total - least < MARGIN:
            doubtful |= best ^ other
    ambiguous = _components(sorted(doubtful))
    unsure = {a for found in ambiguous for a in found.earlier}
    return sorted(edge for edge in best if edge[0] not in unsure), ambiguous


def _cheapest(costs: Matrix) -> tuple[float, set[Edge]]:
    """Total cost and pairs of the cheapest assignment, in which any lesion may stay alone."""
    if not costs.size:
        return APART / 2 * sum(costs.shape), set()
    gain = np.minimum(costs, APART) - APART  # a pair in place of two that stay alone
    rows, columns = linear_sum_assignment(gain)
    edges = {(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if gain[a, b] < 0}
    return APART / 2 * sum(costs.shape) + sum(float(gain[edge]) for edge in edges), edges


def _without(costs: Matrix, edge: Edge) -> tuple[float, set[Edge]]:
    changed = costs.copy()
    changed[edge] = math.inf
    return _cheapest(changed)


def _with(costs: Matrix, edge: Edge) -> tuple[float, set[Edge]]:
    changed = costs.copy()
    changed[edge[0], :] = changed[:, edge[1]] = math.inf
    total, edges = _cheapest(changed)
    return total - APART + float(costs[edge]), edges | {edge}


def _components(edges: Sequence[Edge]) -> list[Ambiguity]:
    """Lesions that hang together by edges."""
    left = [({a}, {b}) for a, b in edges]
    found: list[tuple[set[int], set[int]]] = []
    for earlier, later in left:
        joined = [group for group in found if group[0] & earlier or group[1] & later]
        found = [group for group in found if group not in joined]
        found.append((earlier.union(*(g[0] for g in joined)), later.union(*(g[1] for g in joined))))
    return [Ambiguity(tuple(sorted(a)), tuple(sorted(b))) for a, b in sorted(found, key=lambda g: sorted(g[0]))]
