"""Formulas whose inputs belong together: counted in one sample, or known of one day.

A formula is data (``Formula``); ``Deriving`` finds what belongs together and never mixes samples or days. A result
that the record states itself is not derived again. Whatever could have been derived and is not, is told once for each
result that stands in the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import product

from tumorcast_clinical.model.derived.person import Person
from tumorcast_clinical.model.readers.context import Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_clinical.model.record.entry import Report
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.errors import ImplausibleValue
from tumorcast_core.snapshot import Feature

Value = float | str
Found = dict[str, list[Reading]]
_STATUSES = ("unknown", "registered", "preliminary", "amended", "corrected")


@dataclass(frozen=True, slots=True)
class Formula:
    """How one feature follows from others.

    ``inputs``     features it takes, each with the unit that ``compute`` expects (the catalog's), in its order
    ``compute``    the inputs' values → the value; whatever error it raises of ``ArithmeticError`` or ``ValueError``
                   means that there is none
    ``wording``    the formula as people read it
    ``of_one_day`` its inputs need only be of one calendar day, else of one sample
    ``in_steps``   it is a step function, monotone in each input: a bound may decide it as well as a number
    ``of_adults``  ``compute`` takes age (completed years) and sex, too, and holds from 18 years on
    ``findings``   inputs that records seldom state; where only they are missing, that is told once
    """

    name: str
    inputs: Mapping[str, str]
    compute: Callable[..., Value]
    wording: str
    of_one_day: bool = False
    in_steps: bool = False
    of_adults: bool = False
    findings: frozenset[str] = frozenset()


@dataclass(slots=True)
class Deriving:
    """The readings that formulas take, by what belongs together, and why some gave nothing."""

    formulas: tuple[Formula, ...]
    person: Person
    samples: dict[Hashable, Found] = field(default_factory=dict)
    days: dict[date, Found] = field(default_factory=dict)
    _of_sample: frozenset[str] = frozenset()
    _of_day: frozenset[str] = frozenset()
    _hindered: dict[tuple[int, str], tuple[Reading, list[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._of_sample = _names(formula for formula in self.formulas if not formula.of_one_day)
        self._of_day = _names(formula for formula in self.formulas if formula.of_one_day)

    def run(self, readings: Iterable[Reading], report: Report) -> list[Feature]:
        """Every value of every formula, in their order; a formula may take what an earlier one gave."""
        for reading in readings:
            self._add(reading)
        features = [feature for formula in self.formulas for feature in self._derive(formula)]
        for (_, why), (reading, names) in self._hindered.items():
            report.inform(reading.entry, "NOT_DERIVED", f"{why}; not derived: {', '.join(dict.fromkeys(names))}.")
        return features

    def _add(self, reading: Reading) -> None:
        name = reading.feature.name
        if name in self._of_sample:
            self.samples.setdefault(sample_of(reading), {}).setdefault(name, []).append(reading)
        if name in self._of_day and reading.when and reading.when.is_day:
            self.days.setdefault(reading.when.first, {}).setdefault(name, []).append(reading)

    def _derive(self, formula: Formula) -> list[Feature]:
        groups = self.days.values() if formula.of_one_day else self.samples.values()
        first = next(iter(formula.inputs))
        derived = [
            reading
            for found in groups
            if first in found and formula.name not in found
            for reading in self._of_group(formula, found)
        ]
        for reading in derived:
            self._add(reading)
        return [reading.feature for reading in derived]

    def _of_group(self, formula: Formula, found: Found) -> list[Reading]:
        """Of one group one value; of a day on which an input was measured again and again, one of each sample."""
        missing = formula.inputs.keys() - found.keys()
        if missing:
            if missing <= formula.findings:
                why = f"is of a day without {' and '.join(sorted(formula.findings))}"
                self._hinder(formula, min(found[next(iter(formula.inputs))], key=_place), why, once=True)
            return []
        several = next((name for name in formula.inputs if len(found[name]) > 1), None)
        groups = _by_sample(formula, found) if several and formula.of_one_day else [found]
        alone = [group for group in groups if all(len(group.get(name, ())) == 1 for name in formula.inputs)]
        if not alone and several:
            self._hinder(formula, min(found[several], key=_place), "is one of several results of its kind")
        return [reading for group in alone for reading in self._evaluate(formula, group)]

    def _evaluate(self, formula: Formula, group: Found) -> list[Reading]:
        inputs = [group[name][0] for name in formula.inputs]
        bound = next((reading for reading in inputs if reading.feature.comparator), None)
        if bound and not formula.in_steps:
            return self._hinder(formula, bound, "gives only a bound")
        more = self.person.age_and_sex(inputs[0].when) if formula.of_adults else ()
        if formula.of_adults and (not more or more[0] < 18):
            why = "is of a patient under 18 years" if more else "is of a patient of unknown age or sex"
            return self._hinder(formula, inputs[0], why, once=True)
        try:
            outcomes = {formula.compute(*values, *more) for values in product(*map(_possible, inputs))}
            if len(outcomes) > 1:
                return self._hinder(formula, bound or inputs[0], "gives only a bound")
            feature = self._feature(formula, outcomes.pop(), inputs)
        except (ImplausibleValue, ArithmeticError, ValueError):
            return self._hinder(formula, inputs[0], "gives no plausible result")
        return [Reading(feature, inputs[0].entry, inputs[0].sample, inputs[0].when)]

    def _feature(self, formula: Formula, value: Value, inputs: list[Reading]) -> Feature:
        return catalog_entry(formula.name).make(
            value,
            effective=_effective(inputs),
            status=joint_status(reading.feature.status for reading in inputs),
            sources=sources_of(inputs) + (self.person.sources if formula.of_adults else ()),
            formula=formula.wording,
        )

    def _hinder(self, formula: Formula, reading: Reading, why: str, *, once: bool = False) -> list[Reading]:
        """Remember what hindered the formula; ``once``: whatever hinders all of the record alike is told once."""
        key = (0 if once else id(reading.entry), why)
        known, names = self._hindered.get(key, (reading, []))
        self._hindered[key] = (min(known, reading, key=_place), [*names, formula.name])
        return []


def _names(formulas: Iterable[Formula]) -> frozenset[str]:
    return frozenset(name for formula in formulas for name in (formula.name, *formula.inputs))


def sample_of(reading: Reading) -> Hashable:
    """What readings of one sample have in common: the specimen, else the moment, else the observation.

    A contained specimen (``#…``) without a time belongs to its observation alone.
    """
    if reading.sample and not reading.sample.startswith("#"):
        return reading.sample
    return id(reading.entry)


def sources_of(readings: Iterable[Reading]) -> tuple[str, ...]:
    """The sources of the readings, of derived ones those that they were derived from; each once, in order."""
    found = (source for r in readings for source in (r.feature.sources or (r.feature.source,)))
    return tuple(dict.fromkeys(found))


def joint_status(statuses: Iterable[str]) -> str:
    """The status of what follows from results: the least reliable of theirs.

    >>> joint_status(["", "amended", "preliminary"])
    'preliminary'
    """
    given = set(statuses)
    return next((status for status in _STATUSES if status in given), "")


def is_exact_and_final(feature: Feature) -> bool:
    """Whether the value is a number that counts, neither a bound nor a result still to be confirmed."""
    return not feature.comparator and feature.status not in NOT_FINAL


def _by_sample(formula: Formula, found: Found) -> list[Found]:
    samples: dict[Hashable, Found] = defaultdict(lambda: defaultdict(list))
    for name in formula.inputs:
        for reading in found[name]:
            samples[sample_of(reading)][name].append(reading)
    return list(samples.values())


def _possible(reading: Reading) -> tuple[Value, ...]:
    """The value; of a bound the two ends of what it allows."""
    feature = reading.feature
    if feature.value is None:
        raise ValueError("a reading without a value")
    if isinstance(feature.value, str) or not feature.comparator:
        return (feature.value,)
    low, high = catalog_entry(feature.name).range
    return (low, feature.value) if feature.comparator.startswith("<") else (feature.value, high)


def _effective(inputs: list[Reading]) -> str:
    """When all were true: their common moment, else the latest day."""
    stated = {reading.feature.effective for reading in inputs}
    if len(stated) == 1:
        return stated.pop()
    return max((r.when.last.isoformat() for r in inputs if r.when and r.when.is_day), default="")


def _place(reading: Reading) -> tuple[str, str]:
    return reading.feature.source, reading.entry.location
