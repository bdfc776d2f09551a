"""RECIST 1.1 over a patient's visits: each against the baseline and the nadir so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tumorcast_core.recist.course import check_course
from tumorcast_core.recist.lesions import Assessment, Role, State
from tumorcast_core.recist.overall import NewLesions, is_resolved, new_lesions, non_target_response, overall_response
from tumorcast_core.recist.response import Reason, Response, VisitResponse
from tumorcast_core.recist.rules import RECIST_1_1, Rules
from tumorcast_core.recist.targets import TargetSum, add_up, is_normal, length_mm, target_response


def assess(visits: Sequence[Assessment], rules: Rules = RECIST_1_1) -> list[VisitResponse]:
    """Assess every follow-up visit; the first of ``visits`` is the baseline and gets no response.

    A response is that of its visit alone: visits after a progression are assessed like any other. The one exception is
    the footnote of table 3: after an overall CR any disease is PD. Raises ``UnsoundAssessments`` (``check_course``).

    >>> from tumorcast_core.recist import Lesion, Measurement
    >>> lesion = Lesion("T1", Role.TARGET, "liver")
    >>> visits = [Assessment(day, (Measurement(lesion, size),)) for day, size in ((0, 50.0), (42, 35.0), (84, 42.0))]
    >>> [(v.overall.value, v.nadir_mm, v.change_from_baseline_percent) for v in assess(visits)]
    [('PR', 50.0, -30.0), ('PD', 35.0, -16.0)]
    """
    check_course(visits, rules)
    course = _Course(visits[0], rules)
    return [course.follow(visit) for visit in visits[1:]]


@dataclass(slots=True)
class _Course:
    """What is remembered from visit to visit."""

    baseline: Assessment
    rules: Rules
    baseline_mm: float | None = field(init=False)
    nadir_mm: float | None = field(init=False)
    was_complete: bool = False
    new: frozenset[str] = frozenset()
    first_seen: dict[str, int] = field(default_factory=dict)  # day of a new lesion, in doubt or not

    def __post_init__(self) -> None:
        targets = self.baseline.of(Role.TARGET)
        self.baseline_mm = self.nadir_mm = add_up(targets, targets, self.rules).sum_mm

    def follow(self, visit: Assessment) -> VisitResponse:
        """Assess the next visit and remember it."""
        total = add_up(self.baseline.of(Role.TARGET), visit.of(Role.TARGET), self.rules)
        new = new_lesions(visit.of(Role.NEW), self.new)
        self._note_new(visit)
        response = self._respond(visit, total, new)
        if total.sum_mm is not None and self.nadir_mm is not None:
            self.nadir_mm = min(self.nadir_mm, total.sum_mm)
        self.was_complete = self.was_complete or response.overall is Response.CR
        self.new = new.standing
        return response

    def _respond(self, visit: Assessment, total: TargetSum, new: NewLesions) -> VisitResponse:
        target, target_reasons = self._targets(total)
        non_target, non_target_reasons = non_target_response(
            self.baseline.of(Role.NON_TARGET), visit.of(Role.NON_TARGET), visit.markers_elevated, self.rules
        )
        after_cr = self._disease_after_cr(visit)
        overall = Response.PD if after_cr else overall_response(target, non_target, bool(new.standing))
        progression_day = self._date(visit.day, new) if overall is Response.PD else None
        is_dated_back = progression_day is not None and progression_day < visit.day
        return VisitResponse(
            day=visit.day,
            name=visit.name,
            baseline_day=self.baseline.day,
            target=target,
            non_target=non_target,
            new_lesion=bool(new.standing),
            overall=overall,
            sum_mm=total.sum_mm if target is not None else None,
            measured_sum_mm=total.measured_mm,
            baseline_mm=self.baseline_mm,
            nadir_mm=self.nadir_mm,
            progression_day=progression_day,
            reasons=(
                *target_reasons,
                *non_target_reasons,
                *new.reasons,
                *after_cr,
                *([Reason.DATED_BY_EQUIVOCAL_LESION] if is_dated_back else []),
            ),
        )

    def _targets(self, total: TargetSum) -> tuple[Response | None, tuple[Reason, ...]]:
        if self.baseline_mm is None or self.nadir_mm is None:
            return None, ()
        return target_response(total, self.baseline_mm, self.nadir_mm, self.rules)

    def _date(self, day: int, new: NewLesions) -> int:
        """The day of a progression: an equivocal lesion that proves true dates it back (section 4.3.5)."""
        return min([day, *(self.first_seen[key] for key in new.seen - self.new)])

    def _disease_after_cr(self, visit: Assessment) -> list[Reason]:
        """Lesions that are seen again after an overall CR (table 3, footnote a; a node from 10 mm on, EORTC FAQ)."""
        if not self.was_complete:
            return []
        targets = visit.of(Role.TARGET).values()
        others = visit.of(Role.NON_TARGET).values()
        reasons = []
        if any(length_mm(m, self.rules) is not None and not is_normal(m, self.rules) for m in targets):
            reasons.append(Reason.TARGET_AFTER_CR)
        if any(m.state is not State.NOT_EVALUABLE and not is_resolved(m, self.rules) for m in others):
            reasons.append(Reason.NON_TARGET_AFTER_CR)
        return reasons

    def _note_new(self, visit: Assessment) -> None:
        for key, measurement in visit.of(Role.NEW).items():
            if measurement.state in (State.PRESENT, State.EQUIVOCAL):
                self.first_seen.setdefault(key, visit.day)
            elif measurement.state is State.ABSENT:
                self.first_seen.pop(key, None)
