"""What RECIST 1.1 says of the lesions in a snapshot, followed by their tracking UIDs: for a reader to judge.

One kind of image bears it, CT before MR, and at each visit its series with most lesions, so that none counts twice.
Targets are chosen as at a baseline (section 4.2) on slices taken to be thin. A lesion that was not drawn again is not
evaluable, never gone: only a reader sees that it is gone. What cannot be followed is told as a reason, not guessed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tumorcast_core.dates import read_date
from tumorcast_core.errors import UnsoundAssessments
from tumorcast_core.recist import (
    RECIST_1_1,
    Assessment,
    Lesion,
    Measurement,
    Response,
    Role,
    State,
    VisitResponse,
    assess,
)
from tumorcast_core.recist.rules import at_least
from tumorcast_core.snapshot import MeasuredLesion, PatientSnapshot

ANATOMICAL = ("CT", "MR")
LONGEST, SHORT = "tumor_longest_diameter", "tumor_short_axis"


@dataclass(frozen=True, slots=True)
class Followed:
    """The response at the last visit, of that ``day``, or why there is none; ``lesions`` are those it rests on."""

    response: VisitResponse | None
    reason: str
    day: str
    lesions: tuple[MeasuredLesion, ...]


class _Unfollowed(Exception):  # noqa: N818, never leaves this module
    """Why lesions cannot be followed."""


def follow(snapshot: PatientSnapshot) -> Followed | None:
    """Assess the course; ``None`` where no lesion was measured at all."""
    if not snapshot.lesions:
        return None
    last = max((day for lesion in snapshot.lesions if (day := _day(lesion))), default=None)
    told = last.isoformat() if last else ""
    try:
        visits = _visits(snapshot.lesions)
        responses = assess(_assessments(visits))
    except (_Unfollowed, UnsoundAssessments) as e:
        return Followed(None, str(e), told, ())
    used = tuple(lesion for _, lesions in visits for lesion in lesions)
    final = responses[-1]
    reason = "A lesion of the baseline was not measured again." if final.overall is Response.NE else ""
    return Followed(final, reason, visits[-1][0].isoformat(), used)


def size_mm(lesion: MeasuredLesion, stem: str) -> float | None:
    """A measure by its plain name or that of its modality (``pet_tumor_longest_diameter``); ``None`` if not there."""
    found = {feature.name: feature.value for feature in lesion.measurements}
    names = (stem, *(f"{prefix}_{stem}" for prefix in ("ct", "mr", "pet")))
    return next((float(v) for name in names if isinstance(v := found.get(name), int | float)), None)


def _day(lesion: MeasuredLesion) -> date | None:
    found = read_date(lesion.date)
    return found.first if found and found.is_day else None


_Visit = tuple[date, tuple[MeasuredLesion, ...]]


def _visits(lesions: Sequence[MeasuredLesion]) -> list[_Visit]:
    """The lesions of each visit in order of their days, each visit on one series of the modality that bears the sum."""
    modality = next((m for m in ANATOMICAL if any(lesion.dicom_modality == m for lesion in lesions)), None)
    if modality is None:
        raise _Unfollowed("No lesion was measured on CT or MR.")
    by_visit: dict[str, list[MeasuredLesion]] = defaultdict(list)
    for lesion in lesions:
        if lesion.dicom_modality == modality:
            by_visit[lesion.timepoint].append(lesion)
    visits = sorted(((_common_day(found), _of_one_series(found)) for found in by_visit.values()), key=lambda v: v[0])
    if len(visits) < 2:
        raise _Unfollowed("Lesions were measured at one visit only; RECIST 1.1 compares visits.")
    if any(not lesion.tracking_uid for _, found in visits for lesion in found):
        raise _Unfollowed("A lesion has no tracking UID, by which it would be known again.")
    return visits


def _common_day(lesions: Iterable[MeasuredLesion]) -> date:
    days = {_day(lesion) for lesion in lesions}
    day = days.pop()
    if day is None or days:
        raise _Unfollowed("The day of a visit is not known.")
    return day


def _of_one_series(lesions: Sequence[MeasuredLesion]) -> tuple[MeasuredLesion, ...]:
    counts = Counter(lesion.series_instance_uid for lesion in lesions)
    best = min(counts, key=lambda uid: (-counts[uid], uid))
    return tuple(lesion for lesion in lesions if lesion.series_instance_uid == best)


def _assessments(visits: Sequence[_Visit]) -> list[Assessment]:
    baseline = _diameters(visits[0][1])
    kinds = {lesion.tracking_uid: lesion for _, found in reversed(visits) for lesion in found}
    roles = _roles(baseline, kinds)
    normal_nodes = baseline.keys() - roles.keys()  # they are no disease
    start = visits[0][0]
    return [
        Assessment(
            (day - start).days,
            tuple(
                _measurement(kinds[uid], roles.get(uid, Role.NEW), mm)
                for uid, mm in _diameters(found).items()
                if uid not in normal_nodes
            ),
        )
        for day, found in visits
    ]


def _diameters(lesions: Iterable[MeasuredLesion]) -> dict[str, float | None]:
    """What each lesion adds to the sum, by tracking UID: parts added, nodes by their short axis; ``None``: unknown."""
    parts: dict[str, list[float | None]] = defaultdict(list)
    for lesion in lesions:
        parts[lesion.tracking_uid].append(size_mm(lesion, SHORT if lesion.lymph_node else LONGEST))
    return {uid: None if None in found else math.fsum(filter(None, found)) for uid, found in parts.items()}


def _roles(baseline: Mapping[str, float | None], kinds: Mapping[str, MeasuredLesion]) -> dict[str, Role]:
    """Roles at baseline: the largest measurable lesions are targets, five at most, two in an organ."""
    found: dict[str, Role] = {}
    per_organ: Counter[str] = Counter()
    for uid, mm in sorted(baseline.items(), key=lambda item: (-(item[1] or 0.0), item[0])):
        node = kinds[uid].lymph_node
        if node and mm is not None and not at_least(mm, RECIST_1_1.normal_node_below_mm):
            continue
        organ = _organ(kinds[uid])
        least = RECIST_1_1.min_target_node_mm if node else RECIST_1_1.min_target_mm
        room = per_organ.total() < RECIST_1_1.max_targets and per_organ[organ] < RECIST_1_1.max_targets_per_organ
        is_target = room and mm is not None and at_least(mm, least)
        found[uid] = Role.TARGET if is_target else Role.NON_TARGET
        per_organ[organ] += is_target
    return found


def _organ(lesion: MeasuredLesion) -> str:
    return "lymph node" if lesion.lymph_node else lesion.organ.strip().casefold()


def _measurement(lesion: MeasuredLesion, role: Role, diameter_mm: float | None) -> Measurement:
    organ = "" if lesion.lymph_node else lesion.organ
    of = Lesion(lesion.tracking_uid, role, organ, lesion.lymph_node)
    small = lesion.lymph_node and not at_least(diameter_mm or 0.0, RECIST_1_1.normal_node_below_mm)
    doubtful = role is Role.NEW and (small or diameter_mm is None)
    return Measurement(of, diameter_mm, State.EQUIVOCAL if doubtful else State.PRESENT)
