"""Dimensions of a tumor (mCODE 4 TumorSize): which of them is the short axis."""

from __future__ import annotations

from tumorcast_clinical.model.readers.context import Reading
from tumorcast_clinical.model.record.entry import Refusal, Report
from tumorcast_core.snapshot import Feature, Severity

_LONGEST, _ADDITIONAL = "tumor_longest_diameter", "tumor_short_axis"


def with_one_short_axis(readings: list[Reading], report: Report) -> list[Reading]:
    """Keep of one observation's additional dimensions the largest, unless it exceeds the longest diameter.

    An additional dimension is the longest one perpendicular only if the observation states a longest diameter that
    is no smaller; of three dimensions the third is the depth.
    """
    if len(readings) == 1 and readings[0].feature.name != _ADDITIONAL:
        return readings
    additional = [reading for reading in readings if reading.feature.name == _ADDITIONAL]
    if not additional:
        return readings
    longest = [reading.feature for reading in readings if reading.feature.name == _LONGEST]
    largest = max(additional, key=lambda reading: _size(reading.feature))
    kept = [reading for reading in readings if reading.feature.name != _ADDITIONAL]
    for reading in additional:
        refusal = _refusal(reading.feature, largest.feature, longest)
        if refusal is None:
            kept.append(reading)
        else:
            report.refuse(reading.entry, refusal, reading.feature.source.partition("#")[2])
    return kept


def _refusal(feature: Feature, largest: Feature, longest: list[Feature]) -> Refusal | None:
    if not longest:
        message = "states an additional dimension without the longest one; it is not used."
        return Refusal("NO_LONGEST_DIMENSION", message, severity=Severity.WARNING)
    if feature.comparator or any(feature_.comparator for feature_ in longest):
        message = "bounds a dimension, so that its axis is not known; the additional one is not used."
        return Refusal("DIMENSION_NOT_CERTAIN", message, severity=Severity.WARNING)
    if _size(largest) > min(map(_size, longest)):
        return Refusal("CONFLICTING_DIMENSIONS", "states an additional dimension above the longest; it is not used.")
    if feature is not largest:
        message = "states a third dimension, which is no axis in the plane; it is not used."
        return Refusal("THIRD_DIMENSION", message, severity=Severity.INFORMATION)
    return None


def _size(feature: Feature) -> float:
    return feature.value if isinstance(feature.value, float) else 0.0
