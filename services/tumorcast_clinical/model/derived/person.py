"""What formulas take of the Patient: sex, and age on any day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tumorcast_clinical.model.readers.context import Reading
from tumorcast_clinical.model.record.tree import text
from tumorcast_core.dates import PartialDate, read_date


@dataclass(frozen=True, slots=True)
class Person:
    """When the patient was born, the sex, and the resources that say so."""

    born: PartialDate | None
    sex: str
    sources: tuple[str, ...]

    @classmethod
    def of(cls, readings: list[Reading]) -> Person:
        """Gather from the features ``age`` and ``sex``; what two readings state differently is not known."""
        ages = {r.entry.source: r.entry for r in readings if r.feature.name == "age" and r.entry.type == "Patient"}
        sexes = [r for r in readings if r.feature.name == "sex"]
        stated = {str(r.feature.value) for r in sexes}
        births = {read_date(text(entry.resource, "birthDate")) for entry in ages.values()}
        sources = dict.fromkeys([*ages, *(r.feature.source or r.entry.source for r in sexes)])
        born = births.pop() if len(births) == 1 else None
        return cls(born, stated.pop() if len(stated) == 1 else "", tuple(sources))

    def age_on(self, day: date) -> int | None:
        """Completed years on that day; of a partial birth date, from its middle on."""
        if self.born is None:
            return None
        middle = self.born.first + (self.born.last - self.born.first) / 2
        return day.year - middle.year - ((day.month, day.day) < (middle.month, middle.day))

    def age_and_sex(self, when: PartialDate | None) -> tuple[int, str] | tuple[()]:
        """Age on a day and sex; empty unless both are known."""
        age = self.age_on(when.first) if when and when.is_day else None
        return (age, self.sex) if age is not None and self.sex else ()
