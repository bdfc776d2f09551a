"""Several values of one quantity at one time, and the order in which features are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import isclose
from typing import Any

from tumorcast_clinical.model.readers import Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_clinical.model.record.entry import Report
from tumorcast_clinical.model.record.landmark import instant
from tumorcast_clinical.model.units.convert import are_one_number
from tumorcast_core.catalog import catalog
from tumorcast_core.snapshot import Feature, Modality

_EVENTS = frozenset({"systemic_therapy", "primary_cancer"})
"""Features of which several may be true at one time: each states a treatment, or a disease, of its own."""

_REPEATABLE = frozenset({Modality.LABS, Modality.CLINICAL})
"""What one person has one of at a time; of lesions and variants, several may be alike."""

_ROUNDING = 0.001
"""Relative difference below which results may be one result that was rounded in another unit: 17.1 umol/L, 1 mg/dL."""

_MOST_COMPARED = 20
"""Values of one moment that are compared with each other; more are no laboratory's, and would take their square."""


def settle(readings: list[Reading], report: Report) -> list[Reading]:
    """Tell of results of one moment that contradict or repeat each other; return the readings that count further on.

    Each remains a feature. Of equal results one counts, of one number in two units neither does, and of results still
    to be confirmed none does beside a final one: what is derived must not take a result twice, nor be lost to one that
    was sent twice.
    """
    by_moment: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.feature.name not in _EVENTS:
            by_moment[reading.feature.name, instant(reading.feature.effective)].append(reading)
    uncounted: set[int] = set()
    for (name, _), same in by_moment.items():
        if len(same) > 1:
            differ = _tell_contradictions(same, report)
            if catalog()[name].modality in _REPEATABLE:
                uncounted.update(id(reading) for reading in _uncounted(same, report))
                if differ:
                    uncounted.update(id(reading) for reading in _of_mistaken_units(same, report))
    return [reading for reading in readings if id(reading) not in uncounted] if uncounted else readings


def in_order(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Sort by name and time; of one time what is not final stands first, as the last counts (``snapshot.feature``)."""
    return tuple(sorted(features, key=_order))


def _tell_contradictions(same: list[Reading], report: Report) -> bool:
    """Whether final values differ; they are warned of, as which of them counts is chance."""
    final = [reading for reading in same if _is_final(reading)]
    ordered = sorted(final, key=_stated)
    if not final or _is_same(ordered[0], ordered[-1]):
        return False
    message = f"states {same[0].feature.name} otherwise than another result of the same time."
    for reading in final:
        report.warn(reading.entry, "SEVERAL_VALUES", message, _component(reading))
    return True


def _of_mistaken_units(same: list[Reading], report: Report) -> list[Reading]:
    """Final results of one moment that are one number in two units; nothing tells which unit is right."""
    analyte = catalog()[same[0].feature.name]
    exact = [r for r in same if _is_final(r) and not r.feature.comparator and isinstance(r.feature.value, float)]
    values = {float(r.feature.value or 0) for r in exact}
    if len(values) > _MOST_COMPARED:
        return []
    mistaken = {value for value in values if any(are_one_number(value, other, analyte) for other in values)}
    found = [r for r in exact if r.feature.value in mistaken]
    for reading in found:
        message = f"states {analyte.name} as the same number as another result of the same time, in another unit."
        report.warn(reading.entry, "UNIT_DOUBTED", f"{message} Nothing is derived from it.", _component(reading))
    return found


def _uncounted(same: list[Reading], report: Report) -> Iterator[Reading]:
    """Of results of one moment and sample: those that repeat another, and those that a final one replaces."""
    of_sample: dict[str, list[Reading]] = defaultdict(list)
    for reading in same:
        if reading.entry.type == "Observation" and reading.when and reading.when.is_day:
            of_sample["" if "T" in reading.feature.effective else reading.sample].append(reading)
    for results in of_sample.values():
        final = [reading for reading in results if _is_final(reading)]
        unconfirmed = [reading for reading in results if not _is_final(reading)]
        repeats = [*_repeats(final, report), *_repeats(unconfirmed, report)]
        left_out = [*repeats, *unconfirmed] if final else repeats
        yield from (reading for reading in left_out if not isinstance(reading.feature.value, str))


def _repeats(results: list[Reading], report: Report) -> Iterator[Reading]:
    """Of results that state one value, all but the first by source; each is told."""
    alike: list[list[Reading]] = []
    for reading in sorted(results, key=_stated):
        if alike and _is_same(alike[-1][0], reading):
            alike[-1].append(reading)
        else:
            alike.append([reading])
    for group in alike:
        kept, *others = sorted(group, key=_place)
        message = f"repeats a result of {kept.entry.title} for {kept.feature.name}, which counts once."
        for reading in others:
            report.inform(reading.entry, "REPEATED_RESULT", message, _component(reading))
            yield reading


def _stated(reading: Reading) -> tuple[Any, ...]:
    return reading.feature.comparator, reading.feature.value


def _is_same(first: Reading, second: Reading) -> bool:
    """Whether two results state one value, as far as rounding in another unit tells."""
    one, other = first.feature, second.feature
    if one.comparator != other.comparator or isinstance(one.value, str) or isinstance(other.value, str):
        return (one.value, one.comparator) == (other.value, other.comparator)
    return isclose(one.value or 0, other.value or 0, rel_tol=_ROUNDING)


def _is_final(reading: Reading) -> bool:
    return reading.feature.status not in NOT_FINAL


def _component(reading: Reading) -> str:
    """The path of the component that states it, empty if the observation itself does."""
    below = reading.feature.source.rpartition("#")[2]
    return below if below.startswith(("component[", "stage[")) else ""


def _place(reading: Reading) -> tuple[str, str]:
    return reading.feature.source, reading.entry.location


def _order(feature: Feature) -> tuple[str, str, bool, str, str]:
    return feature.name, feature.effective, feature.status not in NOT_FINAL, feature.source, str(feature.value)
