"""Sightings of a lesion as the measurements that RECIST 1.1 is assessed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tumorcast_core.recist import RECIST_1_1, Lesion, Measurement, Role, State
from tumorcast_core.recist.rules import at_least
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.model.change.doubts import doubt
from tumorcast_imaging.model.change.organ import is_node, organ_of
from tumorcast_imaging.model.change.targets import lengths_mm
from tumorcast_imaging.model.change.tracks import Sighting, Status, Track
from tumorcast_imaging.model.lesions.lesion import Lesion as MeasuredLesion


@dataclass(slots=True, eq=False)
class Assessor:
    """Measurements of ``tracks`` on one kind of image; ``linked`` are tracks on the other kind, ``ids`` their names."""

    tracks: Sequence[Track]
    linked: Sequence[Track]
    roles: Mapping[int, Role]
    ids: Mapping[int, str]
    issues: list[Issue] = field(default_factory=list)

    def measurements(self, visit: int) -> tuple[Measurement, ...]:
        """What was measured at a visit, in the order of the tracks; lesions not yet seen are left out."""
        made = []
        for track in self.tracks:
            sighting = self._sighting(track, visit)
            if track.number in self.roles and sighting is not None:
                made.append(self._measurement(track, sighting, visit))
        return tuple(made)

    def targets_seen(self, visit: int) -> tuple[tuple[MeasuredLesion, ...], ...]:
        """The targets found at a visit, as their parts."""
        targets = [track for track in self.tracks if self.roles.get(track.number) is Role.TARGET]
        found = [sighting for track in targets if (sighting := self._sighting(track, visit)) is not None]
        return tuple(tuple(part.lesion for part in sighting.parts) for sighting in found if sighting.parts)

    def _sighting(self, track: Track, visit: int) -> Sighting | None:
        """How the lesion was found, on the other kind of image where this one was not made."""
        own = track.at(visit)
        if own is None or own.status is not Status.NOT_EXAMINED:
            return own
        others = [other.at(visit) for other in self.linked if other.uids & track.uids]
        return next((other for other in others if other is not None and other.parts), own)

    def _measurement(self, track: Track, sighting: Sighting, visit: int) -> Measurement:
        region = track.sightings[0].parts[0].lesion.region
        node = is_node(region)
        lesion = Lesion(self.ids[track.number], self.roles[track.number], organ_of(region), node)
        if sighting is not track.at(visit):
            self.issues.append(doubt("MEASURED_ON_OTHER_KIND", f"{lesion.lesion_id} visit {visit + 1}"))
        if sighting.status is Status.MERGED and sighting.merged_into is not None:
            return self._merged(lesion, sighting.merged_into, visit, node=node)
        if sighting.parts:
            lengths = lengths_mm([part.lesion for part in sighting.parts], node=node)
            if lesion.role is Role.NEW and self._is_equivocal(track, lengths, visit, node=node):
                return Measurement(lesion, sum(lengths), State.EQUIVOCAL)
            return Measurement.split(lesion, lengths)
        absent = sighting.status is Status.NOT_DRAWN
        return Measurement(lesion, None, State.ABSENT if absent else State.NOT_EVALUABLE)

    def _is_equivocal(self, track: Track, lengths: Sequence[float], visit: int, *, node: bool) -> bool:
        """Whether a new lesion may be none: a part of a known one, or a lymph node of normal size."""
        if node and not at_least(sum(lengths), RECIST_1_1.normal_node_below_mm):
            self.issues.append(doubt("NEW_NODE_BELOW_10_MM", f"{self.ids[track.number]} visit {visit + 1}"))
            return True
        return track.sightings[0].equivocal

    def _merged(self, lesion: Lesion, host_number: int, visit: int, *, node: bool) -> Measurement:
        """A lesion that another one holds now: counted there, or by that one's diameter where that is no target."""
        host = next(track for track in self.tracks if track.number == host_number)
        found = host.at(visit)
        if found is None or not found.parts:
            absent = found is not None and found.status is Status.NOT_DRAWN
            return Measurement(lesion, None, State.ABSENT if absent else State.NOT_EVALUABLE)
        if lesion.role is Role.TARGET and self.roles.get(host_number) is Role.TARGET:
            return Measurement(lesion, None, State.MERGED)
        return Measurement.split(lesion, lengths_mm([part.lesion for part in found.parts], node=node))
