"""Checkpoint inhibitors of the current line of therapy → ``checkpoint_inhibitor_class``.

Those count that are current at the index date, given or ordered, and beside them those that were given earlier in the
current line: nivolumab that goes on after four doses with ipilimumab is the combination's. None is derived if none is
current: a class that was stopped says nothing of the next. Chemotherapy beside it changes nothing (``therapy_class``).
"""

from __future__ import annotations

from datetime import date

from tumorcast_clinical.model.derived.lines import current_regimen
from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

_FORMULA = "targets of the checkpoint inhibitors of the current line of therapy"
_PD, _CTLA_4, _LAG_3 = "pd_1_or_pd_l1", "ctla_4", "lag_3"

# PD-1 and PD-L1: ATC group L01FF (index of 2026) and, without a code there, penpulimab, sintilimab and cosibelimab.
_OF_PD = (
    *("atezolizumab", "avelumab", "camrelizumab", "cemiplimab", "cosibelimab", "dostarlimab", "durvalumab"),
    *("envafolimab", "nivolumab", "pembrolizumab", "penpulimab", "retifanlimab", "serplulimab", "sintilimab"),
    *("sugemalimab", "tislelizumab", "toripalimab"),
)
TARGETS = dict.fromkeys(_OF_PD, _PD) | {"ipilimumab": _CTLA_4, "tremelimumab": _CTLA_4, "relatlimab": _LAG_3}
"""Generic name, as in ``terms/drugs/immunotherapy.yaml`` → target."""

_CLASSES = {
    frozenset({_PD}): _PD,
    frozenset({_CTLA_4}): _CTLA_4,
    frozenset({_PD, _CTLA_4}): "combination",
}


def checkpoint_inhibitor_class(_readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Derive the class; at most one feature. A combination with LAG-3 is of no class of the catalog, which is told."""
    current = [c for c in context.courses if c.drug in TARGETS and _goes_on(c, today)]
    if not current:
        return []
    taken = current + [c for c in current_regimen(context, today) if c.drug in TARGETS and _was_given(c)]
    value = _CLASSES.get(frozenset(TARGETS[course.drug] for course in taken))
    if value is None:
        first = min(taken, key=_order)
        message = "is one of checkpoint inhibitors of no known class; not derived: checkpoint_inhibitor_class."
        context.report.inform(first.entry, "NOT_DERIVED", message)
        return []
    begun = {course.drug: course for course in sorted(taken, key=_order, reverse=True)}
    dated = [course.begin for course in begun.values() if course.begin]
    latest = max(dated, key=lambda when: (when.first, when.text), default=None)
    return [
        catalog_entry("checkpoint_inhibitor_class").make(
            value,
            effective=latest.text if latest else "",
            status=_status(taken),
            sources=tuple(sorted({course.entry.source for course in begun.values()})),
            formula=_FORMULA,
        )
    ]


def _goes_on(course: Course, today: PartialDate | None) -> bool:
    return course.current and not (today and course.end and course.end.last < today.first)


def _was_given(course: Course) -> bool:
    """Whether it shows that the drug was given: an order alone, stopped or paused, does not."""
    return course.entry.type != "MedicationRequest" or course.mark == ""


def _status(taken: list[Course]) -> str:
    """``ordered`` if a target rests on orders alone."""
    given = {TARGETS[course.drug] for course in taken if course.mark != "ordered"}
    return "" if given == {TARGETS[course.drug] for course in taken} else "ordered"


def _order(course: Course) -> tuple[date, str]:
    return course.begin.first if course.begin else date.max, course.entry.source
