"""Courses of drugs → lines of systemic therapy: the current one's number and start, and whether there was one before.

The rule, from Meng et al., J Biomed Inform 2019;100:103335 and its validation against chart review, JMIR Med Inform
2021;9(10):e29017 (table 5, before refinement; the refined gap of 180 days is of lung cancer alone):

- the first drug begins line 1; drugs that begin within 28 days of a line's first drug belong to its regimen;
- a drug that is not of the regimen and begins later begins the next line, as does any drug after more than 120 days
  without one; drugs of the old line that go on belong to the new one, too; leaving drugs out begins none;
- cisplatin and carboplatin stand for each other, as do the forms of paclitaxel, which are one drug here.

Beyond Meng, who left hormones aside: an endocrine drug added to a line that has other drugs is maintenance and begins
none; among endocrine drugs alone the rule is as for all. Supportive and local drugs are no courses. Surgery,
radiotherapy and progression are not looked at, nor is neoadjuvant or adjuvant treatment told apart: the number counts
what the record shows, from its first drug on.

A line is current if it goes on at the reference day, or its last drug was given at most 120 days before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tumorcast_clinical.model.readers.context import Context, Course, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

REGIMEN_DAYS = 28
GAP_DAYS = 120
_ENDOCRINE = "endocrine_therapy"
_INTERCHANGEABLE = {"cisplatin": "platinum", "carboplatin": "platinum"}
_COARSEST_DAYS = 31
"""A start known to the month is placed at the month's first day; a year alone places nothing."""
_MOST_LINES = 20

_NUMBER = f"regimens: new drug after {REGIMEN_DAYS} days, or gap of more than {GAP_DAYS} days (Meng 2019)"
_SINCE = "index date - start of the current line of therapy"
_PRIOR = "systemic therapy that the record shows before the current line"


@dataclass(slots=True)
class Line:
    """One line: when it began, its drugs, the last day that one was given, and the courses it is known from."""

    begin: PartialDate
    last: date
    drugs: set[str]
    courses: list[Course]

    @property
    def is_endocrine(self) -> bool:
        return all(course.drug_class == _ENDOCRINE for course in self.courses)

    def goes_on(self, today: date) -> bool:
        """Whether a drug of it is being taken on that day."""
        return any(c.current and (c.end is None or c.end.last >= today) for c in self.courses)


def current_line_start(context: Context, today: PartialDate | None) -> PartialDate | None:
    """When the line of therapy that is current on ``today`` began; ``None`` if none is, or it cannot be told."""
    line = _current_line(context, today)
    return line.begin if line else None


def current_regimen(context: Context, today: PartialDate | None) -> list[Course]:
    """Courses given since the line began that is current on ``today``, or that still went on then; none if none is."""
    line = _current_line(context, today)
    if line is None or today is None:
        return []
    return [c for c in context.courses if _is_placed(c) and _last_day(c, today.first) >= line.begin.first]


def _current_line(context: Context, today: PartialDate | None) -> Line | None:
    if today is None or _undated(context.courses, current=True):
        return None
    return _current(_lines(context.courses, today.first), today.first)


def lines_of_therapy(readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Derive the number and the start of the current line, and prior systemic therapy."""
    if today is None or not context.courses:
        return []
    lines = _lines(context.courses, today.first)
    return [
        *_number(lines, readings, context, today.first),
        *_since(context, today),
        *_prior(lines, context, today.first),
    ]


def _number(lines: list[Line], readings: list[Reading], context: Context, today: date) -> list[Feature]:
    """The number of the current line; what an Observation states of it counts, and later lines count on from it."""
    line = _current(lines, today)
    if line is None:
        return []
    if _undated(context.courses):
        message = "does not say when it began; the line of therapy cannot be told."
        context.report.inform(_undated(context.courses)[0].entry, "NOT_DERIVED", message)
        return []
    stated = _stated(readings)
    begun = [other for other in lines if stated and stated.when and other.begin.first > stated.when.last]
    if stated and not begun:
        _compare(stated, len(lines), context)
        return []
    number = len(begun) + int(float(stated.feature.value or 0)) if stated else len(lines)
    if number > _MOST_LINES:
        context.report.inform(line.courses[0].entry, "NOT_DERIVED", "is one of too many lines of therapy.")
        return []
    sources = {*_evidence([course for other in (begun or lines) for course in other.courses])}
    if stated:
        sources.add(stated.feature.source)
    return [
        catalog_entry("line_of_therapy").make(
            number,
            effective=line.begin.text,
            status="ordered" if all(course.mark == "ordered" for course in line.courses) else "",
            sources=tuple(sorted(sources)),
            formula=_NUMBER if not stated else f"stated line + later ones; {_NUMBER}",
        )
    ]


def _since(context: Context, today: PartialDate) -> list[Feature]:
    begin = current_line_start(context, today)
    if begin is None or not begin.is_day:
        return []
    line = _current(_lines(context.courses, today.first), today.first)
    starting = [course for course in line.courses if course.begin == begin] if line else []
    return [
        catalog_entry("systemic_therapy_start").make(
            (today.first - begin.first).days,
            effective=begin.text,
            status="ordered" if starting and all(course.mark == "ordered" for course in starting) else "",
            sources=_evidence(starting),
            formula=_SINCE,
        )
    ]


def _prior(lines: list[Line], context: Context, today: date) -> list[Feature]:
    """Whether there was systemic therapy before the current line; never that there was none."""
    running = lines[-1] if lines and lines[-1].goes_on(today) else None
    earlier = [course for line in lines if line is not running for course in line.courses]
    earlier += [c for c in _undated(context.courses) if not c.current and not (running and c.drug in running.drugs)]
    given = [course for course in earlier if course.mark != "ordered"]
    if not given:
        return []
    return [catalog_entry("prior_systemic_therapy").make("present", sources=_evidence(given), formula=_PRIOR)]


def _evidence(courses: list[Course]) -> tuple[str, ...]:
    """The sources of the first course of each drug: a year of weekly infusions is one."""
    first: dict[str, Course] = {}
    for course in courses:
        known = first.setdefault(course.drug, course)
        if _order(course) < _order(known):
            first[course.drug] = course
    return tuple(sorted({course.entry.source for course in first.values()}))


def _order(course: Course) -> tuple[date, str]:
    return course.begin.first if course.begin else date.max, course.entry.source


def _stated(readings: list[Reading]) -> Reading | None:
    """The latest Observation of the line of therapy."""
    found = [r for r in readings if r.feature.name == "line_of_therapy" and r.feature.status not in NOT_FINAL]
    exact = [reading for reading in found if not reading.feature.comparator]
    return max(exact, key=lambda r: (r.when.first if r.when else date.min, r.feature.source), default=None)


def _compare(stated: Reading, number: int, context: Context) -> None:
    """Tell where the treatments show another number of lines than an Observation states, which counts."""
    said = int(float(stated.feature.value or 0))
    if number > said:
        message = "states a lower line of therapy than the drugs of the record show; what it states is used."
        context.report.warn(stated.entry, "SEVERAL_VALUES", message)
    elif number < said:
        message = "states a higher line of therapy than the drugs of the record show, which may not hold the first."
        context.report.inform(stated.entry, "SEVERAL_VALUES", message)


def _lines(courses: list[Course], today: date) -> list[Line]:
    """Place the courses in lines, in order of their starts."""
    placed = [(course.begin, course) for course in courses if course.begin and _is_placed(course)]
    lines: list[Line] = []
    for begin, course in sorted(placed, key=lambda pair: (pair[0].first, pair[1].drug, pair[1].entry.source)):
        last = max(begin.first, _last_day(course, today))
        if lines and _belongs(course, begin.first, lines[-1]):
            line = lines[-1]
            line.drugs.add(_regimen_name(course))
            line.courses.append(course)
            line.last = max(line.last, last)
        else:
            going = [c for c in lines[-1].courses if _last_day(c, today) >= begin.first] if lines else []
            lines.append(Line(begin, last, {_regimen_name(c) for c in (*going, course)}, [course]))
    return lines


def _belongs(course: Course, first: date, line: Line) -> bool:
    if (first - line.last).days > GAP_DAYS:
        return False
    if _regimen_name(course) in line.drugs or (first - line.begin.first).days <= REGIMEN_DAYS:
        return True
    return course.drug_class == _ENDOCRINE and not line.is_endocrine


def _regimen_name(course: Course) -> str:
    return _INTERCHANGEABLE.get(course.drug, course.drug)


def _last_day(course: Course, today: date) -> date:
    """The last day, not after ``today``, on which it is known to have been given."""
    if course.last:
        return min(course.last.last, today)
    if course.current:
        return today
    return course.begin.first if course.begin else date.min


def _is_placed(course: Course) -> bool:
    begin = course.begin
    return begin is not None and course.mark != "unknown" and (begin.last - begin.first).days < _COARSEST_DAYS


def _undated(courses: list[Course], *, current: bool = False) -> list[Course]:
    """Courses that no line can hold, of drugs that no other course dates."""
    dated = {_regimen_name(course) for course in courses if _is_placed(course)}
    return [
        course
        for course in courses
        if not _is_placed(course) and course.mark != "unknown" and _regimen_name(course) not in dated
        and (course.current or not current)
    ]  # fmt: skip


def _current(lines: list[Line], today: date) -> Line | None:
    if not lines or (today - lines[-1].last).days > GAP_DAYS or lines[-1].begin.first > today:
        return None
    return lines[-1]
