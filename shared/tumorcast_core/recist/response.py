"""What RECIST 1.1 answers: responses in CDISC's words, the reason of each, every number behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Response(StrEnum):
    """A response of RECIST 1.1, written as CDISC terminology ``ONCRSR`` writes it."""

    CR = "CR"
    PR = "PR"
    SD = "SD"
    PD = "PD"
    NE = "NE"
    NON_CR_NON_PD = "NON-CR/NON-PD"


class Reason(StrEnum):
    """Why a visit got its response."""

    ALL_TARGETS_GONE = "ALL_TARGETS_GONE"  # non-nodal targets absent, target nodes below 10 mm
    NORMAL_NODES_REMAIN = "NORMAL_NODES_REMAIN"  # complete response with a sum above zero
    SUM_SHRANK = "SUM_SHRANK"
    SUM_GREW = "SUM_GREW"
    SUM_STABLE = "SUM_STABLE"
    GREW_LESS_THAN_5_MM = "GREW_LESS_THAN_5_MM"  # 20 % over nadir, yet no progression
    TARGET_NOT_EVALUATED = "TARGET_NOT_EVALUATED"
    PROVEN_BY_MEASURED_TARGETS = "PROVEN_BY_MEASURED_TARGETS"  # progression, although a target was not evaluated
    TOO_SMALL_COUNTED_5_MM = "TOO_SMALL_COUNTED_5_MM"
    NON_TARGETS_GONE = "NON_TARGETS_GONE"
    NON_TARGET_PERSISTS = "NON_TARGET_PERSISTS"
    NON_TARGET_NOT_EVALUATED = "NON_TARGET_NOT_EVALUATED"
    NON_TARGET_WORSE = "NON_TARGET_WORSE"
    MARKERS_ELEVATED = "MARKERS_ELEVATED"
    NEW_LESION = "NEW_LESION"
    NEW_LESION_NOT_RE_EVALUATED = "NEW_LESION_NOT_RE_EVALUATED"  # seen before, not refuted since
    EQUIVOCAL_NEW_LESION = "EQUIVOCAL_NEW_LESION"  # not yet progression
    DATED_BY_EQUIVOCAL_LESION = "DATED_BY_EQUIVOCAL_LESION"  # the lesion was first seen, in doubt, at an earlier visit
    TARGET_AFTER_CR = "TARGET_AFTER_CR"
    NON_TARGET_AFTER_CR = "NON_TARGET_AFTER_CR"


@dataclass(frozen=True, slots=True)
class VisitResponse:
    """One follow-up visit assessed.

    ``target`` and ``non_target`` are ``None`` where the patient has no such lesion. ``sum_mm`` is ``None`` unless every
    target was evaluated; ``measured_sum_mm`` adds those that were. ``nadir_mm`` is the smallest complete sum of the
    earlier visits, baseline included. Changes compare ``sum_mm``; percentages are ``None`` from a reference of zero.
    ``progression_day`` dates a PD: the visit's own day, or the earlier one of an equivocal lesion that proved true.
    """

    day: int
    name: str
    baseline_day: int
    target: Response | None
    non_target: Response | None
    new_lesion: bool
    overall: Response
    sum_mm: float | None
    measured_sum_mm: float | None
    baseline_mm: float | None
    nadir_mm: float | None
    progression_day: int | None
    reasons: tuple[Reason, ...]

    @property
    def change_from_baseline_mm(self) -> float | None:
        return _change(self.sum_mm, self.baseline_mm)

    @property
    def change_from_nadir_mm(self) -> float | None:
        return _change(self.sum_mm, self.nadir_mm)

    @property
    def change_from_baseline_percent(self) -> float | None:
        return _percent(self.sum_mm, self.baseline_mm)

    @property
    def change_from_nadir_percent(self) -> float | None:
        return _percent(self.sum_mm, self.nadir_mm)


def _change(now: float | None, reference: float | None) -> float | None:
    return None if now is None or reference is None else now - reference


def _percent(now: float | None, reference: float | None) -> float | None:
    return None if now is None or not reference else 100.0 * (now - reference) / reference
