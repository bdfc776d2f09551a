"""The same lesion from visit to visit: by tracking UID, else by place, never by a guess.

Each kind of image is followed for itself; only a tracking UID links lesions across kinds. A lesion is looked for from
where it was last seen, so one that was not drawn at a visit is found again at the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.model.change.alignment import Alignment
from tumorcast_imaging.model.change.doubts import doubt
from tumorcast_imaging.model.change.finding import DrawnSeries, Finding, Visit
from tumorcast_imaging.model.change.overlap import Overlap, overlap
from tumorcast_imaging.model.change.pairing import APART, Kind, Pairing, cost, pair
from tumorcast_imaging.model.change.place import Place, joined

_COVERED = 0.9
"""Share of a lesion within the field of view from which it would have been seen."""

Align = Callable[[DrawnSeries, DrawnSeries], Alignment]
"""Where points of an earlier series lie in a later one."""


class Status(StrEnum):
    """How a lesion was found at a visit."""

    FIRST = "FIRST"  # the first visit with this kind of image
    NEW = "NEW"
    MATCHED = "MATCHED"
    SPLIT = "SPLIT"
    MERGED = "MERGED"  # another lesion holds it now; that one goes on
    NOT_DRAWN = "NOT_DRAWN"  # in the field of view
    NOT_COVERED = "NOT_COVERED"
    NOT_COMPARED = "NOT_COMPARED"  # the studies could not be aligned, or what was drawn on the later not all be used
    NOT_EXAMINED = "NOT_EXAMINED"  # nothing was drawn on this kind of image
    AMBIGUOUS = "AMBIGUOUS_MATCH"


class Method(StrEnum):
    """What a match rests on."""

    TRACKING_UID = "tracking_uid"
    FRAME_OF_REFERENCE = "frame_of_reference"
    REGISTRATION = "registration"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One lesion at one visit: its parts (none if it was not found), how it was matched, and what else it may be.

    ``merged_into`` is the number of the track that holds it. ``equivocal``: new, but perhaps none.
    """

    status: Status
    parts: tuple[Finding, ...] = ()
    method: Method | None = None
    overlap: Overlap | None = None
    candidates: tuple[Finding, ...] = ()
    merged_into: int | None = None
    equivocal: bool = False


@dataclass(slots=True, eq=False)
class Track:
    """One lesion on one kind of image, with one sighting a visit from ``first`` on."""

    dicom_modality: str
    number: int
    first: int
    sightings: list[Sighting] = field(default_factory=list)
    uids: set[str] = field(default_factory=set)
    last: int = 0
    """The visit at which it was last seen."""

    def at(self, visit: int) -> Sighting | None:
        """How it was found at a visit; ``None`` before it was first seen."""
        return self.sightings[visit - self.first] if self.first <= visit < self.first + len(self.sightings) else None

    @property
    def place(self) -> Place:
        """Where it was last seen."""
        return joined([part.place for part in self.sightings[self.last - self.first].parts])


def follow(visits: Sequence[Visit], align: Align) -> tuple[tuple[Track, ...], tuple[Issue, ...]]:
    """Every lesion of every kind of image over all visits."""
    tracks: list[Track] = []
    issues: list[Issue] = []
    for modality in sorted({series.dicom_modality for visit in visits for series in visit.series}):
        one = _Follower(visits, modality, align, len(tracks))
        for visit in range(len(visits)):
            one.visit(visit)
        tracks += one.tracks
        issues += one.issues
    return tuple(tracks), tuple(issues)


@dataclass(slots=True, eq=False)
class _Entity:
    """What was drawn of one lesion at one visit."""

    parts: tuple[Finding, ...]
    place: Place

    @property
    def uid(self) -> str:
        return self.parts[0].lesion.region.tracking_uid


@dataclass(slots=True, eq=False)
class _Follower:
    """One kind of image, visit by visit."""

    visits: Sequence[Visit]
    modality: str
    align: Align
    offset: int
    tracks: list[Track] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    aligned: dict[tuple[int, int], Alignment] = field(default_factory=dict)

    def visit(self, visit: int) -> None:
        series = self.visits[visit].of(self.modality)
        if series is None:
            for track in self.tracks:
                track.sightings.append(Sighting(Status.NOT_EXAMINED))
            return
        left = _entities(series.findings)
        active = [t for t in self.tracks if t.sightings[-1].merged_into is None]
        if not any(self.visits[v].of(self.modality) for v in range(visit)):
            for entity in left:
                self._begin(visit, entity, Status.FIRST)
            return
        for track in self.tracks:
            if track not in active:
                track.sightings.append(track.sightings[-1])
        known = [(track.place, track.last) for track in active]
        waiting, left = self._by_uid(visit, active, left)
        new, compared = self._by_place(visit, waiting, left)
        self._new(visit, new, known, compared=compared)

    def _by_uid(
        self, visit: int, tracks: Sequence[Track], entities: Sequence[_Entity]
    ) -> tuple[list[Track], list[_Entity]]:
        waiting = []
        left = list(entities)
        for track in tracks:
            found = [entity for entity in left if entity.uid and entity.uid in track.uids]
            if not found:
                waiting.append(track)
                continue
            left = [entity for entity in left if entity not in found]
            parts = tuple(part for entity in found for part in entity.parts)
            status = Status.SPLIT if len(parts) > 1 else Status.MATCHED
            self._check_far(visit, track, found[0])
            self._see(track, visit, Sighting(status, parts, Method.TRACKING_UID))
        return waiting, left

    def _by_place(self, visit: int, tracks: Sequence[Track], entities: Sequence[_Entity]) -> tuple[list[_Entity], bool]:
        """Lesions that are new, and whether all tracks could be looked for."""
        if not tracks:
            return list(entities), True
        alignments = {track.number: self._alignment(track.last, visit) for track in tracks}
        able = [track for track in tracks if not alignments[track.number].failed]
        for track in tracks:
            if track not in able:
                self._miss(track, visit, Status.NOT_COMPARED)
        pairing = pair([t.place for t in able], [e.place for e in entities], [alignments[t.number] for t in able])
        self._link(visit, pairing, able, entities, alignments)
        for ambiguity in pairing.ambiguous:
            candidates = tuple(part for b in ambiguity.later for part in entities[b].parts)
            for a in ambiguity.earlier:
                able[a].sightings.append(Sighting(Status.AMBIGUOUS, candidates=candidates))
                self.issues.append(doubt("AMBIGUOUS_MATCH", self._where(able[a], visit)))
        for a in pairing.gone:
            self._gone(visit, able[a], alignments[able[a].number])
        return [entities[b] for b in pairing.new], len(able) == len(tracks)

    def _link(
        self,
        visit: int,
        pairing: Pairing,
        tracks: Sequence[Track],
        entities: Sequence[_Entity],
        alignments: dict[int, Alignment],
    ) -> None:
        for link in pairing.links:
            parts = tuple(part for b in link.later for part in entities[b].parts)
            host, *others = sorted((tracks[a] for a in link.earlier), key=lambda track: track.number)
            status = Status.SPLIT if link.kind is Kind.SPLIT or len(parts) > 1 else Status.MATCHED
            method = Method(alignments[host.number].method)
            uids = {part.lesion.region.tracking_uid for part in parts} - {""}
            if uids and host.uids and not uids & host.uids:
                self.issues.append(doubt("TRACKING_UID_DIFFERS", self._where(host, visit)))
            self._see(host, visit, Sighting(status, parts, method, link.overlap))
            for other in others:
                other.sightings.append(
                    Sighting(Status.MERGED, method=method, overlap=link.overlap, merged_into=host.number)
                )

    def _gone(self, visit: int, track: Track, alignment: Alignment) -> None:
        series = self.visits[visit].of(self.modality)
        if series is not None and not series.complete:
            self._miss(track, visit, Status.NOT_COMPARED)
            return
        seen = series is not None and series.overview.covers(alignment.forward(track.place.points)).mean() >= _COVERED
        self._miss(track, visit, Status.NOT_DRAWN if seen else Status.NOT_COVERED)

    def _new(
        self, visit: int, entities: Sequence[_Entity], known: Sequence[tuple[Place, int]], *, compared: bool
    ) -> None:
        """Begin a track for each new lesion; ``known`` is where the lesions of earlier visits were last seen."""
        if not entities:
            return
        before = max(v for v in range(visit) if self.visits[v].of(self.modality))
        series, alignment = self.visits[before].of(self.modality), self._alignment(before, visit)
        for entity in entities:
            if not compared or alignment.failed or series is None or not series.complete:
                track = self._begin(visit, entity, Status.NOT_COMPARED)
                self.issues.append(doubt("LESION_NOT_COMPARED", self._where(track, visit)))
                continue
            beside = any(overlap(place, entity.place, self._alignment(last, visit)).touches for place, last in known)
            track = self._begin(visit, entity, Status.NEW, equivocal=beside)
            if beside:
                self.issues.append(doubt("NEW_LESION_BESIDE_KNOWN", self._where(track, visit)))
            if series.overview.covers(alignment.backward(entity.place.points)).mean() < _COVERED:
                self.issues.append(doubt("NEW_LESION_NOT_COVERED_BEFORE", self._where(track, visit)))

    def _begin(self, visit: int, entity: _Entity, status: Status, *, equivocal: bool = False) -> Track:
        track = Track(self.modality, self.offset + len(self.tracks), visit)
        self.tracks.append(track)
        self._see(track, visit, Sighting(status, entity.parts, equivocal=equivocal))
        return track

    def _see(self, track: Track, visit: int, sighting: Sighting) -> None:
        track.sightings.append(sighting)
        track.last = visit
        track.uids |= {part.lesion.region.tracking_uid for part in sighting.parts} - {""}

    def _miss(self, track: Track, visit: int, status: Status) -> None:
        codes = {Status.NOT_DRAWN: "LESION_NOT_DRAWN", Status.NOT_COVERED: "LESION_NOT_COVERED"}
        track.sightings.append(Sighting(status))
        self.issues.append(doubt(codes.get(status, "LESION_NOT_COMPARED"), self._where(track, visit)))

    def _check_far(self, visit: int, track: Track, entity: _Entity) -> None:
        alignment = self.aligned.get((track.last, visit))
        if alignment is not None and not alignment.failed:
            found = overlap(track.place, entity.place, alignment)
            if cost(found) >= APART:
                self.issues.append(doubt("TRACKING_UID_FAR", self._where(track, visit)))

    def _alignment(self, earlier: int, later: int) -> Alignment:
        if (earlier, later) not in self.aligned:
            a, b = self.visits[earlier].of(self.modality), self.visits[later].of(self.modality)
            assert a is not None and b is not None  # noqa: S101, PT018 - a lesion was seen on the one, the other is read
            found = self.aligned[earlier, later] = self.align(a, b)
            where = f"{self.modality} visits {earlier + 1} and {later + 1}"
            if found.failed:
                self.issues.append(doubt("REGISTRATION_FAILED", where))
            elif found.method == Method.REGISTRATION:
                same = a.frame_of_reference_uid and a.frame_of_reference_uid == b.frame_of_reference_uid
                self.issues.append(doubt("FRAME_OF_REFERENCE_DOUBTED" if same else "REGISTERED", where))
        return self.aligned[earlier, later]

    def _where(self, track: Track, visit: int) -> str:
        return f"track {track.number} visit {visit + 1}"


def _entities(findings: Sequence[Finding]) -> list[_Entity]:
    """Lesions as they were drawn: regions of one tracking UID are parts of one."""
    by_uid: dict[str, list[Finding]] = {}
    for number, finding in enumerate(sorted(findings, key=lambda f: f.order)):
        by_uid.setdefault(finding.lesion.region.tracking_uid or f"#{number}", []).append(finding)
    return [_Entity(tuple(parts), joined([part.place for part in parts])) for parts in by_uid.values()]
