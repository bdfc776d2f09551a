"""Measured lesions of several studies → the course of each, sums of diameters and responses by RECIST 1.1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tumorcast_core.errors import ImplausibleValue, InvalidInput
from tumorcast_core.recist import Role, VisitResponse
from tumorcast_core.snapshot import Feature, Issue
from tumorcast_imaging.model.change.alignment import Alignment, judge
from tumorcast_imaging.model.change.doubts import doubt
from tumorcast_imaging.model.change.finding import DrawnSeries, Visit, visits
from tumorcast_imaging.model.change.measures import Measured, changes, gone, values_of
from tumorcast_imaging.model.change.organ import is_node, organ_of
from tumorcast_imaging.model.change.registration import register
from tumorcast_imaging.model.change.response import Recist, respond
from tumorcast_imaging.model.change.targets import sum_feature
from tumorcast_imaging.model.change.tracks import Align, Sighting, Status, Track, follow


@dataclass(frozen=True, slots=True, eq=False)
class LesionCourse:
    """One lesion on one kind of image over all visits; ``None`` stands for visits before it was first seen.

    ``lesion_id`` is shared by lesions on several kinds of image that one tracking UID links. ``role`` is that of
    RECIST 1.1, ``None`` where it has none. ``number`` is what ``Sighting.merged_into`` refers to.
    """

    lesion_id: str
    number: int
    dicom_modality: str
    label: str = field(repr=False)
    organ: str
    is_node: bool
    role: Role | None
    sightings: tuple[Sighting | None, ...]
    measured: tuple[Measured, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Everything that changed; one of each lesion's sightings per visit.

    ``recist`` holds targets, sums and responses; ``features`` the dated sums of diameters.
    """

    visits: tuple[Visit, ...] = field(repr=False)
    lesions: tuple[LesionCourse, ...]
    recist: Recist | None
    features: tuple[Feature, ...]
    alignments: tuple[tuple[str, int, int, Alignment], ...]
    issues: tuple[Issue, ...]

    @property
    def responses(self) -> tuple[VisitResponse, ...]:
        """Responses of the follow-up visits."""
        return self.recist.responses if self.recist else ()


def course(studies: Iterable[DrawnSeries], align: Align | None = None) -> Course:
    """Follow the lesions of several studies of one patient; the order of studies and lesions does not matter.

    Raises ``InvalidInput`` for fewer than two days, undated studies and studies of different patients. Without
    ``align``, series of one frame of reference lie as they are if their anatomy agrees; others are registered.
    """
    found, doubts = visits(studies)
    if len(found) < 2:
        raise InvalidInput("Change needs drawn lesions of at least two days.")
    aligner = _Aligner(align or aligned)
    tracks, more = follow(found, aligner)
    ids = _identities(tracks)
    recist, said = respond(found, tracks, ids)
    lesions = tuple(_lesion(track, ids[track.number], recist, found) for track in tracks)
    lesions = tuple(sorted(lesions, key=lambda lesion: (int(lesion.lesion_id[1:]), lesion.dicom_modality)))
    features, unsaid = _features(recist, found)
    numbers = {(id(series)): n for n, visit in enumerate(found) for series in visit.series}
    alignments = tuple((a.dicom_modality, numbers[id(a)], numbers[id(b)], how) for a, b, how in aligner.made)
    issues = (*doubts, *(_named(issue, ids) for issue in more), *said, *unsaid)
    return Course(found, lesions, recist, features, alignments, issues)


def aligned(earlier: DrawnSeries, later: DrawnSeries) -> Alignment:
    """Lay one series over another of the same kind: as they lie if that is sound, else by registration."""
    if earlier.frame_of_reference_uid and earlier.frame_of_reference_uid == later.frame_of_reference_uid:
        as_they_lie = judge(earlier.overview, later.overview)
        if not as_they_lie.failed:
            return as_they_lie
    return register(earlier.overview, later.overview)


@dataclass(slots=True, eq=False)
class _Aligner:
    """Remembers what was aligned."""

    align: Align
    made: list[tuple[DrawnSeries, DrawnSeries, Alignment]] = field(default_factory=list)

    def __call__(self, earlier: DrawnSeries, later: DrawnSeries) -> Alignment:
        found = self.align(earlier, later)
        self.made.append((earlier, later, found))
        return found


def _identities(tracks: Sequence[Track]) -> dict[int, str]:
    """Names of the lesions, L1 the first; tracks of several kinds of image with a common tracking UID share one."""
    names: dict[int, str] = {}
    by_uid: dict[str, str] = {}
    order = sorted(tracks, key=lambda t: (t.first, t.dicom_modality, t.number))
    for track in order:
        known = [by_uid[uid] for uid in sorted(track.uids) if uid in by_uid]
        names[track.number] = known[0] if known else f"L{len(set(names.values())) + 1}"
        by_uid.update(dict.fromkeys(track.uids, names[track.number]))
    return names


def _named(issue: Issue, ids: dict[int, str]) -> Issue:
    """The issue at the lesion's name in place of its track's number."""
    words = issue.location.split()
    if words[:1] == ["track"]:
        return replace(issue, location=" ".join([ids[int(words[1])], *words[2:]]))
    return issue


def _lesion(track: Track, lesion_id: str, recist: Recist | None, found: Sequence[Visit]) -> LesionCourse:
    region = track.sightings[0].parts[0].lesion.region
    sightings = [track.at(visit) for visit in range(len(found))]
    values = [_values(sighting) for sighting in sightings]
    return LesionCourse(
        lesion_id=lesion_id,
        number=track.number,
        dicom_modality=track.dicom_modality,
        label=region.label,
        organ=organ_of(region),
        is_node=is_node(region),
        role=recist.roles.get(track.number) if recist else None,
        sightings=tuple(sightings),
        measured=tuple(changes(values, [visit.day for visit in found])),
    )


def _values(sighting: Sighting | None) -> dict[str, float] | None:
    if sighting is None:
        return None
    if sighting.parts:
        return values_of(sighting.parts)
    return gone() if sighting.status is Status.NOT_DRAWN else None


def _features(recist: Recist | None, found: Sequence[Visit]) -> tuple[tuple[Feature, ...], list[Issue]]:
    """The dated sums of the visits at which every target was evaluated."""
    if recist is None:
        return (), []
    features: list[Feature] = []
    issues: list[Issue] = []
    for number, (total, lesions) in enumerate(zip(recist.sums_mm, recist.targets_seen, strict=True)):
        if total is None:
            continue
        try:
            features.append(sum_feature(total, found[number].day.isoformat(), lesions))
        except ImplausibleValue:
            issues.append(doubt("IMPLAUSIBLE_SUM", f"visit {number + 1}"))
    return tuple(features), issues
