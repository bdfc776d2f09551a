"""Weight and height → body mass index and body surface area, where the record does not state them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import sqrt

from tumorcast_clinical.model.derived.formulas import is_exact_and_final, joint_status, sources_of
from tumorcast_clinical.model.derived.person import Person
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature

_GROWN_UP_YEARS = 20


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    compute: Callable[[float, float], float]
    wording: str


_MEASURES = (
    _Measure("body_mass_index", lambda kg, cm: kg / (cm / 100) ** 2, "body_weight / (body_height / 100)^2"),
    # Mosteller 1987, N Engl J Med 317:1098
    _Measure("body_surface_area", lambda kg, cm: sqrt(kg * cm / 3600), "sqrt(body_weight * body_height / 3600)"),
)
_NAMES = frozenset({"body_weight", "body_height"} | {measure.name for measure in _MEASURES})


def body_measures(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """One of each for every final, exact weight of a known day on which the record states none.

    The height is the latest up to that day, else the first after it; of patients who were under 20 years old on the
    weight's day it must be of the same day. Heights of one day that differ are not used.
    """
    found = [r for r in readings if r.feature.name in _NAMES and r.when and r.when.is_day]
    stated = {(r.feature.name, r.when.first) for r in found if r.when}
    usable = [r for r in found if is_exact_and_final(r.feature)]
    weights = [r for r in usable if r.feature.name == "body_weight"]
    heights = _Heights.of([r for r in usable if r.feature.name == "body_height"])
    if not weights or not heights.by_day:
        return []
    person = Person.of(readings)
    return [feature for weight in weights for feature in _of_weight(weight, heights, person, stated, context)]


def _of_weight(
    weight: Reading, heights: _Heights, person: Person, stated: set[tuple[str, date]], context: Context
) -> list[Feature]:
    day = weight.when.first if weight.when else date.min
    wanted = [measure for measure in _MEASURES if (measure.name, day) not in stated]
    height = heights.near(day, person)
    if height is None and wanted:
        _tell(weight, "has no height beside it that is sure to be of that day", wanted, context)
    return [feature for measure in wanted for feature in _measure(measure, weight, height, context)] if height else []


@dataclass(frozen=True, slots=True)
class _Heights:
    """Heights by day, ``None`` where several of one day differ; the days that have one, in order."""

    by_day: dict[date, Reading | None]
    days: list[date]

    @classmethod
    def of(cls, heights: list[Reading]) -> _Heights:
        by_day: dict[date, Reading | None] = {}
        for height in sorted(heights, key=lambda reading: reading.feature.source):
            if height.when:
                known = by_day.setdefault(height.when.first, height)
                if known and known.feature.value != height.feature.value:
                    by_day[height.when.first] = None
        return cls(by_day, sorted(day for day, height in by_day.items() if height))

    def near(self, day: date, person: Person) -> Reading | None:
        age = person.age_on(day)
        if not self.days or day in self.by_day or (age is not None and age < _GROWN_UP_YEARS):
            return self.by_day.get(day)
        return self.by_day[self.days[max(bisect_right(self.days, day) - 1, 0)]]


def _measure(measure: _Measure, weight: Reading, height: Reading, context: Context) -> list[Feature]:
    inputs = [weight, height]
    try:
        return [
            catalog_entry(measure.name).make(
                measure.compute(float(weight.feature.value or 0), float(height.feature.value or 0)),
                effective=weight.feature.effective,
                status=joint_status(r.feature.status for r in inputs),
                sources=sources_of(inputs),
                formula=measure.wording,
            )
        ]
    except (ImplausibleValue, ZeroDivisionError):
        _tell(weight, "gives no plausible result", [measure], context)
        return []


def _tell(weight: Reading, why: str, measures: list[_Measure], context: Context) -> None:
    names = ", ".join(measure.name for measure in measures)
    context.report.inform(weight.entry, "NOT_DERIVED", f"{why}; not derived: {names}.")
