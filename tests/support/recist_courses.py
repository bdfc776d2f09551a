"""Short ways to write lesions and visits in RECIST tests."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_core.recist import Assessment, Lesion, Measurement, Role, State

LIVER = Lesion("T1", Role.TARGET, "liver")
LUNG = Lesion("T2", Role.TARGET, "lung")
NODE = Lesion("T3", Role.TARGET, "lymph node", is_node=True)
EFFUSION = Lesion("N1", Role.NON_TARGET, "pleura")
BONE = Lesion("N2", Role.NON_TARGET, "bone")
NEW = Lesion("X1", Role.NEW, "brain")
NEW_2 = Lesion("X2", Role.NEW, "brain")

PRESENT, ABSENT, WORSE = State.PRESENT, State.ABSENT, State.WORSE
TOO_SMALL, MERGED, EQUIVOCAL, NOT_EVALUABLE = State.TOO_SMALL, State.MERGED, State.EQUIVOCAL, State.NOT_EVALUABLE

Found = float | State | Measurement


def visit(day: int, found: dict[Lesion, Found], *, markers_elevated: bool = False) -> Assessment:
    """A visit from lesions with their diameter (mm), their state, or a whole measurement."""
    return Assessment(day, tuple(_measurement(*item) for item in found.items()), markers_elevated=markers_elevated)


def _measurement(lesion: Lesion, found: Found) -> Measurement:
    if isinstance(found, Measurement):
        return found
    return Measurement(lesion, state=found) if isinstance(found, State) else Measurement(lesion, found)


def sizes(*diameters_mm: float | State, every_days: int = 42, lesion: Lesion = LIVER) -> list[Assessment]:
    """A course of one lesion, one visit every six weeks."""
    return [visit(index * every_days, {lesion: mm}) for index, mm in enumerate(diameters_mm)]


def grown(lesion: Lesion, state: State = State.PRESENT, diameter_mm: float | None = None) -> Measurement:
    """A lesion that the reader saw grow since the last visit."""
    return Measurement(lesion, diameter_mm, state, increased=True)


def answers(visits: Sequence[object], part: str = "overall") -> list[str]:
    """The responses of visits as plain words."""
    return [str(getattr(each, part)) for each in visits]
