"""iRECIST over a patient's visits: a progression is unconfirmed until later visits show further growth.

Seymour et al., Lancet Oncol 2017;18:e143, table 2; clarifications of the EORTC iRECIST FAQ (increases add up from the
visit of the iUPD). Where the publications leave room, this is how they are read:

- iUPD stands until it is confirmed, or until a visit that is not PD by RECIST 1.1 and can be evaluated: iCR, iPR, iSD
  (NON-iCR/NON-iUPD) reset the bar. A new lesion that stays, even unchanged, keeps iUPD (last row of table 2).
- Growth less than 4 weeks after the iUPD does not confirm yet; growth after more than 8 weeks does, and is marked late.
- After iCPD every visit is iCPD.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tumorcast_core.recist.follow_up import assess
from tumorcast_core.recist.immune_growth import (
    Burden,
    NewLesionRecord,
    burden,
    new_lesions_grew,
    non_targets_grew,
    targets_grew,
)
from tumorcast_core.recist.immune_response import ImmuneProgression, ImmuneReason, ImmuneResponse, ImmuneVisitResponse
from tumorcast_core.recist.lesions import Assessment, State
from tumorcast_core.recist.response import Reason, Response, VisitResponse
from tumorcast_core.recist.rules import RECIST_1_1, Rules

_TARGETS = ImmuneReason.TARGETS_PROGRESSED
_NON_TARGETS = ImmuneReason.NON_TARGETS_PROGRESSED
_NEW = ImmuneReason.NEW_LESION
_IMMUNE: Mapping[Response, ImmuneResponse] = {
    Response.CR: ImmuneResponse.ICR,
    Response.PR: ImmuneResponse.IPR,
    Response.SD: ImmuneResponse.ISD,
    Response.NON_CR_NON_PD: ImmuneResponse.NON_ICR_NON_IUPD,
    Response.NE: ImmuneResponse.NE,
}
_STABLE = (ImmuneResponse.ISD, ImmuneResponse.NON_ICR_NON_IUPD)


def irecist(visits: Sequence[Assessment], rules: Rules = RECIST_1_1) -> list[ImmuneVisitResponse]:
    """Assess every follow-up visit by iRECIST; the first of ``visits`` is the baseline.

    Raises ``UnsoundAssessments`` as ``assess`` does.

    >>> from tumorcast_core.recist import Lesion, Measurement, Role
    >>> lesion = Lesion("T1", Role.TARGET, "liver")
    >>> sizes = ((0, 50.0), (42, 61.0), (84, 45.0), (126, 56.0), (161, 61.0))
    >>> [v.response.value for v in irecist([Assessment(day, (Measurement(lesion, mm),)) for day, mm in sizes])]
    ['iUPD', 'iSD', 'iUPD', 'iCPD']
    """
    course = _ImmuneCourse(rules)
    return [course.follow(visit, recist) for recist, visit in zip(assess(visits, rules), visits[1:], strict=True)]


def best_immune_response(responses: Sequence[ImmuneVisitResponse], rules: Rules = RECIST_1_1) -> ImmuneResponse:
    """The best response up to a confirmed progression, also after an iUPD that was reset (Seymour, table 3).

    Responses are not asked to be confirmed; iSD counts from ``rules.stable_days`` after the baseline on.
    """
    found = [visit for visit in responses if visit.response is not ImmuneResponse.ICPD]
    for best in (ImmuneResponse.ICR, ImmuneResponse.IPR):
        if any(visit.response is best for visit in found):
            return best
    for visit in found:
        if visit.response in _STABLE and visit.day - visit.recist.baseline_day >= rules.stable_days:
            return visit.response
    if len(found) < len(responses):
        return ImmuneResponse.ICPD
    return ImmuneResponse.IUPD if any(v.response is ImmuneResponse.IUPD for v in found) else ImmuneResponse.NE


def immune_progression(responses: Sequence[ImmuneVisitResponse]) -> ImmuneProgression | None:
    """The progression that counts: the iUPD that was confirmed, else one that stands at the last visit.

    An iUPD that was reset is disregarded.
    """
    confirmed = next((visit for visit in responses if visit.response is ImmuneResponse.ICPD), None)
    last = confirmed or (responses[-1] if responses else None)
    if last is None or last.unconfirmed_since_day is None:
        return None
    opened = next(visit for visit in responses if visit.day == last.unconfirmed_since_day)
    day = opened.day if opened.recist.progression_day is None else opened.recist.progression_day
    return ImmuneProgression(day, is_confirmed=confirmed is not None)


@dataclass(frozen=True, slots=True)
class _Unconfirmed:
    day: int
    categories: frozenset[ImmuneReason]
    burden: Burden


@dataclass(slots=True)
class _ImmuneCourse:
    """What is remembered from visit to visit."""

    rules: Rules
    record: NewLesionRecord = field(init=False)
    standing: _Unconfirmed | None = None
    is_confirmed: bool = False
    growing: frozenset[str] = frozenset()  # lesions that a reader saw grow since the iUPD that stands

    def __post_init__(self) -> None:
        self.record = NewLesionRecord(self.rules)

    def follow(self, visit: Assessment, recist: VisitResponse) -> ImmuneVisitResponse:
        """Assess the next visit and remember it."""
        self.record.add(visit)
        if self.is_confirmed:
            return self._answer(ImmuneResponse.ICPD, recist, [ImmuneReason.AFTER_CONFIRMED_PROGRESSION])
        now = _progressed(recist)
        if self.standing is not None:
            return self._follow_standing(self.standing, visit, recist, now)
        if not now:
            return self._answer(_IMMUNE[recist.overall], recist, [])
        self.growing = frozenset()
        self.standing = _Unconfirmed(visit.day, frozenset(now), burden(visit, self.record, self.rules))
        return self._answer(ImmuneResponse.IUPD, recist, now)

    def _follow_standing(
        self, standing: _Unconfirmed, visit: Assessment, recist: VisitResponse, now: list[ImmuneReason]
    ) -> ImmuneVisitResponse:
        gone = {m.lesion.lesion_id for m in visit.measurements if m.state is State.ABSENT}
        self.growing = self.growing - gone | {m.lesion.lesion_id for m in visit.measurements if m.increased}
        if not now and recist.overall is not Response.NE:
            self.standing = None
            return self._answer(_IMMUNE[recist.overall], recist, [ImmuneReason.RESET])
        if not now:
            return self._answer(ImmuneResponse.NE, recist, [])
        further = self._further_growth(standing, visit, now)
        if not further:
            return self._answer(ImmuneResponse.IUPD, recist, [*now, ImmuneReason.NO_FURTHER_GROWTH])
        waited_days = visit.day - standing.day
        if waited_days < self.rules.immune_confirmation_days:
            return self._answer(ImmuneResponse.IUPD, recist, [*further, ImmuneReason.TOO_EARLY_TO_CONFIRM])
        self.is_confirmed = True
        is_late = waited_days > self.rules.immune_confirmation_until_days
        return self._answer(
            ImmuneResponse.ICPD, recist, [*further, *([ImmuneReason.CONFIRMED_LATE] if is_late else [])]
        )

    def _further_growth(self, standing: _Unconfirmed, visit: Assessment, now: list[ImmuneReason]) -> list[ImmuneReason]:
        before, after = standing.burden, burden(visit, self.record, self.rules)
        again = standing.categories & set(now)
        told = (
            (_TARGETS in again and targets_grew(before, after, self.rules), ImmuneReason.TARGETS_GREW_FURTHER),
            (
                _NON_TARGETS in again and non_targets_grew(before, after, self.growing, visit),
                ImmuneReason.NON_TARGETS_GREW_FURTHER,
            ),
            (
                _NEW in again and new_lesions_grew(before, after, self.growing, self.record, self.rules),
                ImmuneReason.NEW_LESIONS_GREW,
            ),
            (_NEW in again and bool(after.new - before.new), ImmuneReason.MORE_NEW_LESIONS),
            (bool(set(now) - standing.categories), ImmuneReason.PROGRESSED_ELSEWHERE),
        )
        return [reason for holds, reason in told if holds]

    def _answer(
        self, response: ImmuneResponse, recist: VisitResponse, reasons: Sequence[ImmuneReason]
    ) -> ImmuneVisitResponse:
        return ImmuneVisitResponse(
            day=recist.day,
            response=response,
            recist=recist,
            unconfirmed_since_day=self.standing.day if self.standing else None,
            new_lesion_count=len(self.record.standing),
            new_lesion_sum_mm=self.record.target_sum_mm,
            reasons=tuple(reasons),
        )


def _progressed(recist: VisitResponse) -> list[ImmuneReason]:
    """The categories in which a visit is PD by RECIST 1.1."""
    told = (
        (recist.target is Response.PD or Reason.TARGET_AFTER_CR in recist.reasons, _TARGETS),
        (recist.non_target is Response.PD or Reason.NON_TARGET_AFTER_CR in recist.reasons, _NON_TARGETS),
        (recist.new_lesion, _NEW),
    )
    return [category for holds, category in told if holds]
