"""The entries of trends, generated: every numeric lab has a last, nadir, peak, slope and change.

The clinical service derives them from a lab's repeated results (``tumorcast_clinical/model/derived/trends.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from tumorcast_core.snapshot import Coding, Modality

if TYPE_CHECKING:
    from tumorcast_core.catalog import CatalogEntry

_LEVELS = {
    "last": "latest value of {}",
    "nadir": "lowest value of {} in the 180 days up to the index date",
    "peak": "highest value of {} in the 180 days up to the index date",
}
_CHANGE = "change of {} since the current therapy began"
_SLOPE = "slope of {} over the 180 days up to the index date, per day"


def has_trends(entry: CatalogEntry) -> bool:
    """Whether it is a lab that observations state as a number with fractions; scores in whole points are none."""
    return entry.modality is Modality.LABS and entry.observed and not entry.categories and not entry.integer


def trends_of(entries: Iterable[CatalogEntry]) -> dict[str, CatalogEntry]:
    """The entries of the trends of all labs among ``entries``, by name.

    Levels lie in the lab's own range. Two days can differ by its width at most, and no least squares line over whole
    days is steeper than that in one day.
    """
    made = [trend for entry in entries if has_trends(entry) for trend in _of_lab(entry)]
    return {entry.name: entry for entry in made}


def _of_lab(lab: CatalogEntry) -> list[CatalogEntry]:
    width = lab.range[1] - lab.range[0]
    levels = [_trend(lab, trend, text, lab.unit, lab.range) for trend, text in _LEVELS.items()]
    change = _trend(lab, "change", _CHANGE, lab.unit, (-width, width))
    return [*levels, change, _trend(lab, "slope", _SLOPE, f"{lab.unit}/d", (-width, width))]


def _trend(lab: CatalogEntry, trend: str, text: str, unit: str, span: tuple[float, float]) -> CatalogEntry:
    name, description = f"{lab.name}_{trend}", text.format(lab.description)
    coding = Coding("", name, description)
    return replace(
        lab, name=name, description=description, codings=(coding,), unit=unit, range=span, answers="", observed=False
    )
