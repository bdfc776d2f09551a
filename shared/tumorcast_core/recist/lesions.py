"""What a reader writes down: lesions, their measurements and the visits at which they were seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tumorcast_core.errors import UnsoundAssessments

NODE_ORGAN = "lymph node"
_NODE_WORDS = frozenset({"lymph node", "lymph nodes", "node", "nodes"})


class Role(StrEnum):
    """What a lesion counts as; CDISC ``TUMIDENT`` uses the same words."""

    TARGET = "TARGET"
    NON_TARGET = "NON-TARGET"
    NEW = "NEW"


class State(StrEnum):
    """How a lesion was found at one visit."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    TOO_SMALL = (
        "TOO SMALL TO MEASURE"  # a target that is seen but too small to measure: 5 mm unless a diameter is given
    )
    MERGED = "MERGED"  # a target that coalesced with another, whose diameter now holds both
    WORSE = "UNEQUIVOCAL PROGRESSION"  # of a non-target
    EQUIVOCAL = "EQUIVOCAL"  # a new lesion that may be none
    NOT_EVALUABLE = "NOT EVALUABLE"


_STATES: Mapping[Role, frozenset[State]] = {
    Role.TARGET: frozenset({State.PRESENT, State.ABSENT, State.TOO_SMALL, State.MERGED, State.NOT_EVALUABLE}),
    Role.NON_TARGET: frozenset({State.PRESENT, State.ABSENT, State.WORSE, State.NOT_EVALUABLE}),
    Role.NEW: frozenset({State.PRESENT, State.ABSENT, State.EQUIVOCAL, State.NOT_EVALUABLE}),
}


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion; all lymph nodes count as one organ (EORTC RECIST FAQ), so ``is_node`` outranks ``organ``.

    Raises ``UnsoundAssessments`` for an empty identifier and for a lymph node that is not flagged as one: its longest
    diameter would be taken for its short axis.
    """

    lesion_id: str
    role: Role
    organ: str = ""
    is_node: bool = False

    def __post_init__(self) -> None:
        if not self.lesion_id:
            raise UnsoundAssessments("A lesion has no identifier.")
        if not self.is_node and self.organ.strip().casefold() in _NODE_WORDS:
            raise UnsoundAssessments("A lesion of a lymph node is not flagged as a node.")

    @property
    def site(self) -> str:
        """The organ that the limit of two targets counts by."""
        return NODE_ORGAN if self.is_node else self.organ.strip().casefold()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One lesion at one visit.

    ``diameter_mm`` is the longest diameter, or the short axis of a node; a PRESENT target without one is not evaluable.
    ``increased`` says that a non-target or new lesion grew since the last visit, unequivocally or not (iRECIST).
    Raises ``UnsoundAssessments`` for a negative or non-finite diameter, a state that the lesion's role does not have,
    an absent lesion with a diameter, and one too small to measure with a diameter of zero.
    """

    lesion: Lesion
    diameter_mm: float | None = None
    state: State = State.PRESENT
    increased: bool = False

    def __post_init__(self) -> None:
        if self.state not in _STATES[self.lesion.role]:
            raise UnsoundAssessments(f"A {self.lesion.role} lesion cannot be {self.state}.")
        if self.diameter_mm is None:
            return
        if not math.isfinite(self.diameter_mm) or self.diameter_mm < 0:
            raise UnsoundAssessments("A diameter is negative or not a number.")
        if self.diameter_mm > 0 and self.state in (State.ABSENT, State.MERGED):
            raise UnsoundAssessments(f"A lesion that is {self.state} has a diameter.")
        if self.diameter_mm == 0 and self.state is State.TOO_SMALL:
            raise UnsoundAssessments("A lesion that is seen has a diameter of zero.")

    @classmethod
    def split(cls, lesion: Lesion, fragments_mm: Iterable[float]) -> Measurement:
        """A lesion that broke into fragments: their diameters are added (RECIST 1.1, section 4.3.2).

        >>> Measurement.split(Lesion("T1", Role.TARGET, "liver"), [8.0, 7.0]).diameter_mm
        15.0
        """
        parts = [cls(lesion, part) for part in fragments_mm]
        return cls(lesion, math.fsum(part.diameter_mm or 0.0 for part in parts))


@dataclass(frozen=True, slots=True)
class Assessment:
    """One visit: its day on any common clock, and what was measured; a lesion that is left out was not evaluated.

    ``markers_elevated``: tumor markers that were above normal are not normalized, which rules out CR (section 4.3.3).
    Raises ``UnsoundAssessments`` where a lesion stands twice.
    """

    day: int
    measurements: tuple[Measurement, ...]
    name: str = ""
    markers_elevated: bool = False

    def __post_init__(self) -> None:
        ids = [measurement.lesion.lesion_id for measurement in self.measurements]
        if len(set(ids)) != len(ids):
            raise UnsoundAssessments("A lesion stands twice on one visit.")

    def of(self, role: Role) -> dict[str, Measurement]:
        """The measurements of one role, by lesion identifier."""
        return {m.lesion.lesion_id: m for m in self.measurements if m.lesion.role is role}
