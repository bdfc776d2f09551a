"""Weight and height → body mass index and body surface area, where the record does not state them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    weight's day, or may have been, it must be of the same day. Heights of one day that differ are not used.
    """
    found = [r for r in readings if r.feature.name in _NAMES and r.when and r.when.is_day]
    stated = {(r.feature.name, r.when.first) for r in found if r.when}
    usable = [r for r in found if is_exact_and_final(r.feature)]
    weights = [r for r in usable if r.feature.name == "body_weight"]
    heights = _Heights.of([r for r in usable if r.feature.name == "body_height"])
    if not weights or not heights.days:
        return []
    person = Person.of(readings)
    features = []
    for weight in weights:
        height = heights.near(weight.when, person) if weight.when else None
        wanted = [m for m in _MEASURES if weight.when and (m.name, weight.when.first) not in stated]
        if height is None and wanted:
            why = "has no height beside it that is sure to be the patient's of that day"
            _tell(weight, why, wanted, context)
        elif height:
            features += [f for measure in wanted for f in _measure(measure, weight, height, context)]
    return features


@dataclass(frozen=True, slots=True)
class _Heights:
    """Heights by day, ``None`` where several of one day differ; the days in order."""

    by_day: dict[int, Reading | None]
    days: list[int]

    @classmethod
    def of(cls, heights: list[Reading]) -> _Heights:
        by_day: dict[int, Reading | None] = {}
        for height in sorted(heights, key=lambda r: r.feature.source):
            day = _day(height.when)
            known = by_day.setdefault(day, height)
            if known and known.feature.value != height.feature.value:
                by_day[day] = None
        return cls(by_day, sorted(by_day))

    def near(self, when: PartialDate, person: Person) -> Reading | None:
        day = _day(when)
        age = person.age_on(when.first)
        if day in self.by_day or (age is not None and age < _GROWN_UP_YEARS):
            return self.by_day.get(day)
        before = [other for other in self.days if other < day and self.by_day[other]]
        after = [other for other in self.days if other > day and self.by_day[other]]
        nearest = before[-1] if before else after[0] if after else None
        return None if nearest is None else self.by_day[nearest]


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


def _day(when: PartialDate | None) -> int:
    return when.first.toordinal() if when else 0
