"""Several values of one quantity at one time, and the order in which features are told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tumorcast_clinical.model.readers import Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_clinical.model.record.entry import Report
from tumorcast_core.snapshot import Feature

_EVENTS = frozenset({"systemic_therapy"})
"""Features of which several may be true at one time: each states a treatment of its own."""


def tell_rivals(readings: list[Reading], report: Report) -> None:
    """Warn of final values of one quantity at one time that differ: which of them counts is chance."""
    rivals: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for reading in readings:
        feature = reading.feature
        if feature.status not in NOT_FINAL and feature.name not in _EVENTS:
            rivals[feature.name, feature.effective].append(reading)
    for same in rivals.values():
        if len(same) > 1 and len({(reading.feature.value, reading.feature.comparator) for reading in same}) > 1:
            message = f"states {same[0].feature.name} otherwise than another result of the same time."
            for reading in same:
                report.warn(reading.entry, "SEVERAL_VALUES", message)


def in_order(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Sort by name and time; of one time what is not final stands first, as the last counts (``snapshot.feature``)."""
    return tuple(sorted(features, key=_order))


def _order(feature: Feature) -> tuple[str, str, bool, str, str]:
    return feature.name, feature.effective, feature.status not in NOT_FINAL, feature.source, str(feature.value)
