"""One series that holds several volumes → its parts, each a regular stack; never a guess.

Two acquisitions, echoes, phases or b-values under one series instance UID lie at the same places, or between one
another, where they would halve the spacing without a trace. An attribute that divides the slices so that every part
is a sound stack tells them apart; where none does, the series is refused for what is wrong with the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from tumorcast_imaging.dicom import geometry
from tumorcast_imaging.dicom.geometry import Grid
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.reasons import Refused

_COSINE_TOLERANCE = 1e-4
_SPACING_TOLERANCE_MM = 1e-4
_MAX_PARTS = 1000
REPAIRABLE = frozenset({"GANTRY_TILT", "IRREGULAR_SPACING", "MISSING_SLICE"})
"""Reasons for which a stack may be resampled, if asked."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Slices of one volume, sorted along their normal, on a regular grid.

    ``uneven`` names why it is not regular and must be resampled; then ``grid`` is ``None``.
    """

    slices: tuple[Header, ...]
    grid: Grid | None
    uneven: str = ""


def stacks(slices: Sequence[Header], *, repair: bool) -> list[Stack]:
    """The sound stacks that ``slices`` form: one, or the parts; raises ``Refused``.

    With ``repair``, a stack that is merely tilted or uneven counts, and is to be resampled.
    """
    try:
        return [_stack(slices)]
    except Refused as refusal:
        for groups in _divisions(slices):
            try:
                return [_stack(group) for group in groups]
            except Refused:
                continue
        if repair and refusal.code in REPAIRABLE:
            return [_uneven(slices, refusal.code)]
        raise


def _stack(slices: Sequence[Header]) -> Stack:
    first = slices[0]
    _check_planes(slices)
    on = geometry.plane(first.orientation, first.pixel_spacing)
    grid = geometry.stack([h.position for h in slices], on, first.slice_thickness)
    ordered = tuple(slices[i] for i in grid.order)
    if _interleaved(ordered):
        raise Refused("MIXED_ACQUISITIONS")
    return Stack(ordered, grid)


def _check_planes(slices: Sequence[Header]) -> None:
    """Refuse unless all slices have one size, spacing and orientation."""
    if len({(h.rows, h.columns) for h in slices}) > 1:
        raise Refused("MIXED_SIZES")
    if np.ptp([h.pixel_spacing for h in slices], axis=0).max() > _SPACING_TOLERANCE_MM:
        raise Refused("MIXED_SPACING")
    if np.ptp([h.orientation for h in slices], axis=0).max() > _COSINE_TOLERANCE:
        raise Refused("MIXED_ORIENTATION")


def _uneven(slices: Sequence[Header], code: str) -> Stack:
    on = geometry.plane(slices[0].orientation, slices[0].pixel_spacing)
    order = np.argsort([np.dot(h.position, on.normal) for h in slices], kind="stable")
    ordered = tuple(slices[i] for i in order)
    if _interleaved(ordered):
        raise Refused("MIXED_ACQUISITIONS")
    return Stack(ordered, None, code)


def _divisions(slices: Sequence[Header]) -> Iterator[list[list[Header]]]:
    """Every way to divide the slices by one attribute, by two, or by time; parts have at least two slices each."""
    keys = list(zip(*((*h.technique, *h.phase, h.time_s, _plane(h)) for h in slices), strict=True))
    keys = [values for values in keys if len(set(values)) > 1]
    for count in (1, 2):
        for chosen in combinations(keys, count):
            groups = _grouped(slices, list(zip(*chosen, strict=True)))
            if 1 < len(groups) <= _MAX_PARTS and min(map(len, groups)) > 1:
                yield groups
    if rounds := _rounds(slices):
        yield rounds


def _plane(h: Header) -> tuple[Hashable, ...]:
    return h.rows, h.columns, h.pixel_spacing, tuple(round(cosine, 3) for cosine in h.orientation)


def _grouped(slices: Sequence[Header], keys: Sequence[Hashable]) -> list[list[Header]]:
    groups: dict[Hashable, list[Header]] = defaultdict(list)
    for h, key in zip(slices, keys, strict=True):
        groups[key].append(h)
    return list(groups.values())


def _rounds(slices: Sequence[Header]) -> list[list[Header]]:
    """Slices that lie several at every place, divided into rounds of which one ends before the next begins."""
    times = _times(slices)
    if times is None:
        return []
    places: dict[tuple[float, ...], list[tuple[float, int]]] = defaultdict(list)
    for number, (h, time_s) in enumerate(zip(slices, times, strict=True)):
        places[tuple(round(p, 2) for p in h.position)].append((time_s, number))
    depth = {len(found) for found in places.values()}
    if len(depth) != 1 or depth == {1} or len(places) < 2:
        return []
    rounds = list(zip(*map(sorted, places.values()), strict=True))
    if any(max(before)[0] >= min(after)[0] for before, after in pairwise(rounds)):
        return []
    return [[slices[number] for _, number in found] for found in rounds]


def _times(slices: Sequence[Header]) -> list[float] | None:
    times = [h.time_s for h in slices if h.time_s is not None]
    return times if len(times) == len(slices) else None


def _interleaved(ordered: Sequence[Header]) -> bool:
    """Do the slices of two acquisitions alternate? They would halve the spacing without a trace.

    Sorted along the normal, every acquisition, kernel, kVp and echo is one run. So is each time of a CT, which goes
    through the patient once; an MR may well take the even slices after the odd ones.
    """
    keys = list(zip(*(h.technique for h in ordered), strict=True))
    if ordered[0].dicom_modality != "CT":
        return any(map(_runs_twice, keys))
    return any(map(_runs_twice, [*keys, [h.time_s for h in ordered]])) or _to_and_fro(_times(ordered))


def _runs_twice(values: Sequence[Hashable]) -> bool:
    return 1 + sum(a != b for a, b in pairwise(values)) > len(set(values))


def _to_and_fro(times: Sequence[float] | None) -> bool:
    """True if the time goes up and down from slice to slice."""
    if times is None or len(times) < 4:
        return False
    steps = np.sign(np.diff(times))
    turns = int(np.count_nonzero(steps[1:] * steps[:-1] < 0))
    return turns > len(times) / 2
