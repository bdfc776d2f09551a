"""Drugs current at the index date → ``therapy_class``."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

_FORMULA = "classes of the cytotoxic and immunotherapeutic drugs current at the index date"
_READ = ("chemotherapy", "immunotherapy")


def therapy_class(_readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Derive the class of the systemic therapy that is current on ``today``; at most one feature.

    Drugs of other classes (targeted, endocrine, ...) stand beside it in ``systemic_therapy`` and do not change it. What
    is only ordered counts, marked by its status.
    """
    current: list[Course] = []
    told: set[str] = set()
    for course in context.courses:
        if not course.current:
            continue
        if today and course.end and course.end.last < today.first:
            if course.entry.location not in told:
                context.report.inform(course.entry, "THERAPY_NOT_CURRENT", "ended before the index date.")
            told.add(course.entry.location)
        elif course.drug_class in _READ:
            current.append(course)
    if not current:
        return []
    classes = {course.drug_class for course in current}
    value = "chemoimmunotherapy" if len(classes) == 2 else classes.pop()
    begun = [course.begin for course in current if course.begin]
    latest = max(begun, key=lambda when: (when.first, when.text), default=None)
    return [
        catalog_entry("therapy_class").make(
            value,
            effective=latest.text if latest else "",
            status=_status(current),
            sources=tuple(sorted({course.entry.source for course in current})),
            formula=_FORMULA,
        )
    ]


def _status(current: list[Course]) -> str:
    """``ordered`` if a class of it rests on orders alone, of which no administration shows that they were followed."""
    given = {course.drug_class for course in current if course.mark != "ordered"}
    return "" if given == {course.drug_class for course in current} else "ordered"
