"""Responses by RECIST 1.1 from lesions that were followed over time.

One kind of image bears the sum: CT if a lesion was drawn on it at baseline, else MR, so that no lesion counts twice; a
tracking UID may bring in a lesion's diameter from the other kind where this one was not made. Nothing is concluded that
masks do not show: unequivocal progression of non-targets is left to a reader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tumorcast_core.recist import Assessment, Role, VisitResponse, assess
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.model.change.assessing import Assessor
from tumorcast_imaging.model.change.doubts import doubt
from tumorcast_imaging.model.change.finding import Visit
from tumorcast_imaging.model.change.organ import organ_of
from tumorcast_imaging.model.change.targets import ANATOMICAL, roles
from tumorcast_imaging.model.change.tracks import Status, Track
from tumorcast_imaging.model.lesions.lesion import Lesion


@dataclass(frozen=True, slots=True, eq=False)
class Recist:
    """Roles by number of the track, and for each visit the sum and the targets found, as their parts.

    A sum is ``None`` where a target was not evaluated, or where there is none. ``responses`` are of the follow-ups.
    """

    dicom_modality: str
    roles: Mapping[int, Role]
    sums_mm: tuple[float | None, ...]
    targets_seen: tuple[tuple[tuple[Lesion, ...], ...], ...]
    responses: tuple[VisitResponse, ...]


def respond(
    visits: Sequence[Visit], tracks: Sequence[Track], ids: Mapping[int, str]
) -> tuple[Recist | None, list[Issue]]:
    """Choose targets at the first visit and assess every visit after it."""
    modality = next((m for m in ANATOMICAL if any(_is_first(t, m) for t in tracks)), None)
    if modality is None:
        return None, [doubt("NO_BASELINE_LESION")]
    baseline = [track for track in tracks if _is_first(track, modality)]
    known = _roles(baseline)
    issues = _doubts(tracks, baseline, known, modality)
    if not known:
        return None, [*issues, doubt("NO_BASELINE_LESION")]
    own = [track for track in tracks if track.dicom_modality == modality]
    known |= {track.number: Role.NEW for track in own if track.sightings[0].status is Status.NEW}
    linked = [t for t in tracks if t.dicom_modality in ANATOMICAL and t.dicom_modality != modality]
    assessor = Assessor(own, linked, known, ids)
    start = visits[0].day
    assessments = [
        Assessment((visit.day - start).days, assessor.measurements(number), f"visit {number + 1}")
        for number, visit in enumerate(visits)
    ]
    responses = tuple(assess(assessments))
    sums = _sums(assessments[0], responses)
    seen = tuple(assessor.targets_seen(number) for number in range(len(visits)))
    issues += assessor.issues
    if Role.TARGET in known.values():
        issues += [doubt("SUM_INCOMPLETE", f"visit {n + 1}") for n, total in enumerate(sums) if total is None]
    return Recist(modality, known, sums, seen, responses), issues


def _is_first(track: Track, modality: str) -> bool:
    return track.dicom_modality == modality and track.first == 0


def _roles(baseline: Sequence[Track]) -> dict[int, Role]:
    """The role of each lesion of the baseline that is disease."""
    parts = [track.sightings[0].parts for track in baseline]
    found = roles([[part.lesion for part in one] for one in parts], [one[0].slice_mm for one in parts])
    return {track.number: role for track, role in zip(baseline, found, strict=True) if role is not None}


def _sums(baseline: Assessment, responses: Sequence[VisitResponse]) -> tuple[float | None, ...]:
    targets = baseline.of(Role.TARGET).values()
    if not targets:
        return (None,) * (1 + len(responses))
    return math.fsum(m.diameter_mm or 0.0 for m in targets), *(response.sum_mm for response in responses)


def _doubts(
    tracks: Sequence[Track], baseline: Sequence[Track], known: Mapping[int, Role], modality: str
) -> list[Issue]:
    issues = []
    if any(track.dicom_modality != modality for track in tracks):
        issues.append(doubt("ONE_MODALITY_FOR_RECIST", modality))
    if Role.TARGET not in known.values():
        issues.append(doubt("NO_TARGETS"))
    if Role.NON_TARGET in known.values():
        issues.append(doubt("NON_TARGET_BY_READER"))
    unnamed = [t for t in baseline if t.number in known and not organ_of(t.sightings[0].parts[0].lesion.region)]
    if len(unnamed) > 1:
        issues.append(doubt("ORGAN_UNKNOWN"))
    return issues
