"""How much a lesion changed: from its baseline, from its smallest, and how fast it grows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tumorcast_imaging.model.change.finding import Finding

LONGEST, SHORT, VOLUME, SUV_MAX, TLG = "longest_diameter_mm", "short_axis_mm", "volume_ml", "suv_max", "tlg_g"
QUANTITIES = (LONGEST, SHORT, VOLUME, SUV_MAX, TLG)
_GONE = (LONGEST, SHORT, VOLUME)
"""What is zero of a lesion that is gone; uptake is not, for background takes up too."""


@dataclass(frozen=True, slots=True)
class Change:
    """A difference and the percentage of what it is measured from; ``percent`` is ``None`` from zero."""

    absolute: float
    percent: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One lesion at one visit.

    ``values`` by name (``QUANTITIES``), ``None`` where it was not evaluated; ``from_baseline`` and ``from_nadir`` (the
    smallest of the visits before, the baseline among them) for each value that has one.
    ``growth_percent_per_day`` is the specific growth rate ln(V₂/V₁)/days of the volume since it was last measured
    (Mehrara 2007, Med Phys 34:93), ``doubling_days`` ln 2 over it where it grows.
    """

    values: Mapping[str, float] | None
    from_baseline: Mapping[str, Change] = field(default_factory=dict)
    from_nadir: Mapping[str, Change] = field(default_factory=dict)
    days: int | None = None
    growth_percent_per_day: float | None = None
    doubling_days: float | None = None


def values_of(parts: Sequence[Finding]) -> dict[str, float]:
    """What all parts of a lesion come to: diameters, volumes and glycolysis are added (RECIST 1.1, section 4.3.2)."""
    lesions = [part.lesion for part in parts]
    found = {
        LONGEST: math.fsum(one.size.longest_diameter_mm for one in lesions),
        SHORT: math.fsum(one.size.short_axis_mm for one in lesions),
        VOLUME: math.fsum(one.size.volume_ml for one in lesions),
    }
    uptakes = [one.uptake for one in lesions if one.uptake is not None]
    if len(uptakes) == len(lesions) and uptakes:
        found[SUV_MAX] = max(uptake.suv_max for uptake in uptakes)
        found[TLG] = math.fsum(uptake.tlg_g for uptake in uptakes)
    return found


def gone() -> dict[str, float]:
    """What is measured of a lesion that is gone."""
    return dict.fromkeys(_GONE, 0.0)


def changes(values: Sequence[Mapping[str, float] | None], days: Sequence[date]) -> list[Measured]:
    """The changes of one lesion from visit to visit; the first visit with values is its baseline.

    >>> first, second = changes([{VOLUME: 10.0}, {VOLUME: 20.0}], [date(2026, 1, 1), date(2026, 3, 1)])
    >>> second.from_baseline[VOLUME].percent, round(second.doubling_days), round(second.growth_percent_per_day, 2)
    (100.0, 59, 1.17)
    """
    found: list[Measured] = []
    seen: list[tuple[Mapping[str, float], date]] = []
    for now, day in zip(values, days, strict=True):
        if now is None:
            found.append(Measured(None))
            continue
        found.append(_measured(now, day, seen))
        seen.append((now, day))
    return found


def change(now: float, reference: float) -> Change:
    """The difference to a reference.

    >>> change(35.0, 50.0)
    Change(absolute=-15.0, percent=-30.0)
    """
    return Change(now - reference, 100 * (now - reference) / reference if reference else None)


def _measured(now: Mapping[str, float], day: date, seen: Sequence[tuple[Mapping[str, float], date]]) -> Measured:
    if not seen:
        return Measured(now)
    baseline: dict[str, Change] = {}
    nadir: dict[str, Change] = {}
    for name, value in now.items():
        earlier = [values[name] for values, _ in seen if name in values]
        if earlier:
            baseline[name] = change(value, earlier[0])
            nadir[name] = change(value, min(earlier))
    last, then = seen[-1]
    days = (day - then).days
    rate = None
    if last.get(VOLUME) and now.get(VOLUME) and days > 0:
        rate = math.log(now[VOLUME] / last[VOLUME]) / days
    return Measured(
        now,
        baseline,
        nadir,
        days,
        None if rate is None else 100 * rate,
        math.log(2) / rate if rate and rate > 0 else None,
    )
