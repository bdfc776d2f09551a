"""Labs measured on several days → last, nadir, peak, slope, and change since the current therapy began.

One value a day: the mean of the day's final results (amended and corrected ones included), so that the order in which
a day's results stand does not matter. Results to be confirmed and results without a full day take no part. A day with
a bound (``<5``) has no value, and what would need it is not derived: the true nadir may lie below every number.

``_last`` is of the latest day; ``_nadir``, ``_peak`` and ``_slope`` are of the 180 days up to the index date, of two
days at least. ``_slope`` is ordinary least squares over days, in the lab's unit per day. ``_change`` is the latest
value less the last one in the 28 days up to the start of the current line of therapy (the day of the start included,
as blood is drawn before the infusion). All are emitted only for labs that were measured on two days or more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import fsum

from tumorcast_clinical.model.derived.formulas import joint_status, sources_of
from tumorcast_clinical.model.derived.lines import current_line_start
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import catalog
from tumorcast_core.catalog.trends import has_trends
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

Result = tuple[date, Reading]

WINDOW_DAYS = 180
BASELINE_DAYS = 28

FORMULAS = {
    "last": "mean of the final results of the latest day",
    "nadir": f"lowest daily mean of the {WINDOW_DAYS} days up to the index date",
    "peak": f"highest daily mean of the {WINDOW_DAYS} days up to the index date",
    "slope": f"least squares over the daily means of the {WINDOW_DAYS} days up to the index date",
    "change": f"latest daily mean - last one in the {BASELINE_DAYS} days up to the start of the current therapy",
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day's final results; ``value`` is their mean, ``None`` if one of them is a bound."""

    number: int
    value: float | None
    readings: list[Reading]


@dataclass(frozen=True, slots=True)
class Span:
    """The days that a trend is computed from, their sources and joint status, and the latest bound among them."""

    days: list[Day]
    sources: tuple[str, ...]
    status: str
    bound: Reading | None

    @classmethod
    def of(cls, days: list[Day]) -> Span:
        readings = [reading for day in days for reading in day.readings]
        bounds = [reading for reading in readings if reading.feature.comparator]
        status = joint_status({reading.feature.status for reading in readings})
        return cls(days, sources_of(readings), status, bounds[-1] if bounds else None)


def trends(readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Compute the trends of every lab that was measured on two days or more up to ``today``."""
    if today is None or not today.is_day:
        return []
    found = _by_lab(readings, today.first)
    repeated = {lab: results for lab, results in found.items() if len({day for day, _ in results}) > 1}
    start = _therapy_start(context, today) if repeated else None
    return [
        feature
        for lab, results in repeated.items()
        for feature in _trends_of(lab, results, today.first, start, context)
    ]


def slope(days: list[Day]) -> float:
    """Ordinary least squares of value over day number; of days that all have a value, two at least."""
    values = [day.value for day in days if day.value is not None]
    center = fsum(day.number for day in days) / len(days)
    mean = fsum(values) / len(values)
    offsets = [day.number - center for day in days]
    covariance = fsum(offset * (value - mean) for offset, value in zip(offsets, values, strict=True))
    return covariance / fsum(offset * offset for offset in offsets)


@cache
def _labs() -> frozenset[str]:
    return frozenset(name for name, entry in catalog().items() if has_trends(entry))


def _by_lab(readings: list[Reading], last: date) -> dict[str, list[Result]]:
    labs = _labs()
    found: dict[str, list[Result]] = defaultdict(list)
    for reading in readings:
        feature, when = reading.feature, reading.when
        if feature.name in labs and when is not None and feature.status not in NOT_FINAL:
            day = when.first
            if day == when.last and day <= last:
                found[feature.name].append((day, reading))
    return found


def _days(results: list[Result], first: date, last: date) -> list[Day]:
    """The days from ``first`` to ``last`` that have results, in order."""
    found: dict[date, list[Reading]] = defaultdict(list)
    for day, reading in results:
        if first <= day <= last:
            found[day].append(reading)
    return [_day(day, found[day]) for day in sorted(found)]


def _day(day: date, readings: list[Reading]) -> Day:
    if len(readings) > 1:
        readings.sort(key=lambda reading: reading.feature.source)
    if any(reading.feature.comparator for reading in readings):
        return Day(day.toordinal(), None, readings)
    values = [float(reading.feature.value or 0) for reading in readings]
    mean = values[0] if min(values) == max(values) else fsum(values) / len(values)
    return Day(day.toordinal(), mean, readings)


def _therapy_start(context: Context, today: PartialDate) -> date | None:
    """Return the day on which the current line of therapy began; ``None`` if there is none, or no day is known."""
    start = current_line_start(context, today)
    return start.first if start and start.is_day and start.first <= today.first else None


def _trends_of(lab: str, results: list[Result], today: date, start: date | None, context: Context) -> list[Feature]:
    window = Span.of(_days(results, _before(today, WINDOW_DAYS), today))
    latest, baseline = max(day for day, _ in results), _baseline(results, start)
    last = Span.of(_days(results, latest, latest))
    plans: list[tuple[str, Span, Callable[[list[Day]], tuple[float, Day]]]] = [("last", last, _last)]
    if len(window.days) > 1:
        plans += [("nadir", window, _nadir), ("peak", window, _peak), ("slope", window, _slope)]
    if baseline and baseline < latest:
        change = Span.of(_days(results, baseline, baseline) + last.days)
        plans.append(("change", change, _change))
    hindered = [(f"{lab}_{trend}", span.bound) for trend, span, _ in plans if span.bound]
    if hindered:
        _, bound = max(hindered, key=lambda pair: pair[1].feature.effective)
        names = ", ".join(name for name, _ in hindered)
        context.report.inform(bound.entry, "NOT_DERIVED", f"gives only a bound; not derived: {names}.")
    return [
        _feature(f"{lab}_{trend}", FORMULAS[trend], span, *compute(span.days))
        for trend, span, compute in plans
        if not span.bound
    ]


def _baseline(results: list[Result], start: date | None) -> date | None:
    if start is None:
        return None
    earliest = _before(start, BASELINE_DAYS)
    return max((day for day, _ in results if earliest <= day <= start), default=None)


def _before(day: date, days: int) -> date:
    return date.fromordinal(max(day.toordinal() - days, 1))


def _value(day: Day) -> float:
    return day.value or 0.0


def _last(days: list[Day]) -> tuple[float, Day]:
    return _value(days[-1]), days[-1]


def _nadir(days: list[Day]) -> tuple[float, Day]:
    """The lowest, dated by the latest day that had it."""
    lowest = min(reversed(days), key=_value)
    return _value(lowest), lowest


def _peak(days: list[Day]) -> tuple[float, Day]:
    highest = max(reversed(days), key=_value)
    return _value(highest), highest


def _slope(days: list[Day]) -> tuple[float, Day]:
    return slope(days), days[-1]


def _change(days: list[Day]) -> tuple[float, Day]:
    return _value(days[1]) - _value(days[0]), days[1]


def _feature(name: str, formula: str, span: Span, value: float, at: Day) -> Feature:
    """The trend; what rounding carries over the end of the range is put back on it."""
    trend = catalog()[name]
    low, high = trend.range
    return trend.make(
        min(max(value, low), high),
        effective=date.fromordinal(at.number).isoformat(),
        status=span.status,
        sources=span.sources,
        formula=formula,
    )
