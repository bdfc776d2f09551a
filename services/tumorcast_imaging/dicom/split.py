"""One series that holds several volumes → its parts, each a regular stack; never a guess.

Two acquisitions, echoes, phases or b-values under one series instance UID lie at the same places, or between one
another, where they would halve the spacing without a trace. An attribute that divides the slices so that every part
is a sound stack tells them apart; where none does, the series is refused for what is wrong with the whole.
"""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import TypeVar

import numpy as np

from tumorcast_imaging.dicom import geometry
from tumorcast_imaging.dicom.geometry import Grid
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.reasons import Refused

_COSINE_TOLERANCE = 1e-4
_SPACING_TOLERANCE_MM = 1e-4
_MAX_PARTS = 1000
_MAX_KEYS_OF_THREE = 8
_T = TypeVar("_T")
_FEWEST_APART = 3
"""Of two slices nobody can say whether they are tilted or one is missing between them."""
_LONGEST_PAUSE_S = 600.0
_FAR_APART = 3.5
"""Two volumes this many gaps apart are two regions of the body; nearer, a slice is missing between them."""
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
        for groups, by_time in _divisions(slices):
            try:
                parts = [_stack(group) for group in groups]
            except Refused:
                continue
            if not _cut_up(parts, refusal.code, by_time=by_time):
                return parts
        if repair and refusal.code in REPAIRABLE:
            return [_uneven(slices, refusal.code)]
        raise


def _cut_up(parts: Sequence[Stack], why: str, *, by_time: bool) -> bool:
    """True if the parts are rather pieces of one damaged stack, whose damage the cut would hide.

    Pieces lie one behind the other. They are volumes of their own if something else than time tells them apart, and
    they are far from one another or not refused for what lies between them.
    """
    gaps = _gaps_between(parts)
    if not gaps:
        return False
    crumbs = min(len(part.slices) for part in parts) < _FEWEST_APART
    near = why == "MISSING_SLICE" and min(gaps) < _FAR_APART
    return by_time or crumbs or near or why == "GANTRY_TILT"


def _gaps_between(parts: Sequence[Stack]) -> list[float]:
    """Gaps between parallel parts that do not overlap, as multiples of their spacing."""
    gaps = []
    for same in _grouped(parts, [_plane(part.slices[0]) for part in parts]):
        first = same[0].slices[0]
        normal = geometry.plane(first.orientation, first.pixel_spacing).normal
        ends = sorted(tuple(float(np.dot(part.slices[k].position, normal)) for k in (0, -1)) for part in same)
        spacing_mm = max(part.grid.spacing_mm[0] for part in same if part.grid is not None)
        gaps += [(after[0] - before[1]) / spacing_mm for before, after in pairwise(ends) if before[1] < after[0]]
    return gaps


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


def _divisions(slices: Sequence[Header]) -> Iterator[tuple[list[list[Header]], bool]]:
    """Every way to divide the slices by up to three attributes, or by time, and whether it was by time.

    Parts have at least two slices each.
    """
    keys = list(zip(*map(_keys, slices), strict=True))
    timed = len(keys) - 2
    differing = [number for number, values in enumerate(keys) if len(set(values)) > 1]
    for count in (1, 2, 3) if len(differing) <= _MAX_KEYS_OF_THREE else (1, 2):
        for chosen in combinations(differing, count):
            groups = _grouped(slices, list(zip(*(keys[number] for number in chosen), strict=True)))
            if 1 < len(groups) <= _MAX_PARTS and min(map(len, groups)) > 1:
                yield groups, max(chosen) >= timed
    if rounds := _rounds(slices):
        yield rounds, True


def _keys(h: Header) -> tuple[Hashable, ...]:
    """What may tell two volumes apart; the last two are times."""
    return (_plane(h), h.acquisition, h.image_type, *h.technique, *h.phase, h.acquired_s, h.written_s)


def _plane(h: Header) -> tuple[Hashable, ...]:
    return h.rows, h.columns, h.pixel_spacing, tuple(round(cosine, 3) for cosine in h.orientation)


def _grouped(things: Sequence[_T], keys: Sequence[Hashable]) -> list[list[_T]]:
    groups: dict[Hashable, list[_T]] = defaultdict(list)
    for thing, key in zip(things, keys, strict=True):
        groups[key].append(thing)
    return list(groups.values())


def _rounds(slices: Sequence[Header]) -> list[list[Header]]:
    """Slices that lie several at every place, divided into rounds of which one ends before the next begins."""
    times = _times([h.acquired_s for h in slices]) or _times([h.written_s for h in slices])
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


def _times(stated: Sequence[float | None]) -> list[float] | None:
    times = [time_s for time_s in stated if time_s is not None]
    return times if len(times) == len(stated) else None


def _interleaved(ordered: Sequence[Header]) -> bool:
    """True if slices of another acquisition lie among those of one, although places and gaps are those of a volume.

    Technique and kind of image are the same throughout a volume. Acquisition numbers may follow one another, but a
    single slice is no acquisition. So may the times of a CT, which goes through the patient once; an MR may well take
    the even slices after the odd ones.
    """
    if len({h.technique for h in ordered}) > 1 or len(_types(ordered)) > 1 or _days_apart(ordered):
        return True
    acquisitions = [h.acquisition for h in ordered]
    if _runs_twice(acquisitions) or _is_stray(acquisitions):
        return True
    phases = zip(*(h.phase for h in ordered), strict=True)
    if any(_alternates(values) or _is_stray(values) for values in phases):
        return True
    times = [h.acquired_s for h in ordered]
    if ordered[0].dicom_modality != "CT":
        return _is_stray(times) and _is_long(times)
    return _is_long(times) or _runs_twice(times) or _to_and_fro(_times(times))


def _days_apart(slices: Sequence[Header]) -> bool:
    """True if the slices are of dates that no examination spans; one may well pass midnight."""
    dates = [datetime.date.fromisoformat(h.date) for h in slices if _is_date(h.date)]
    return bool(dates) and (max(dates) - min(dates)).days > 1


@lru_cache(maxsize=256)
def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _types(slices: Sequence[Header]) -> set[tuple[str, ...]]:
    """Kinds of image that differ; one that says less than another does not."""
    types = {h.image_type for h in slices}
    return {one for one in types if not any(one == other[: len(one)] for other in types - {one})}


def _runs_twice(values: Sequence[Hashable]) -> bool:
    return 1 + sum(a != b for a, b in pairwise(values)) > len(set(values))


def _alternates(values: Sequence[Hashable]) -> bool:
    """True if every other slice is of another kind."""
    return len(values) > 3 and len(set(values)) == 2 and values[0] != values[1] and values[2:] == values[:-2]


def _is_stray(values: Sequence[Hashable]) -> bool:
    """True if all values are the same but one."""
    counts = sorted(Counter(values).values())
    return len(counts) == 2 and counts[0] == 1 and counts[1] > 2


def _is_long(stated: Sequence[float | None]) -> bool:
    times = _times(stated)
    return times is not None and max(times) - min(times) > _LONGEST_PAUSE_S


def _to_and_fro(times: Sequence[float] | None) -> bool:
    """True if the time goes up and down from slice to slice."""
    if times is None:
        return False
    steps = np.diff(times)
    up, down = int(np.count_nonzero(steps > 0)), int(np.count_nonzero(steps < 0))
    return min(up, down) >= 3 and min(up, down) > (up + down) / 5
