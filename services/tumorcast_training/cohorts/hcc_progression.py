"""Progression of liver cancer derived from visits, with death as its competing risk.

There was no RECIST reader. From each visit on (the landmark), the first later visit is called progression at which

* a new lesion is noted, or
* vascular, nodal or distant spread is noted that was absent at the landmark, or
* the largest diameter is >= 20 % **and** >= 5 mm above its nadir since the landmark, the landmark included (RECIST
  1.1's rule for the sum, Eisenhauer 2009, here for the largest lesion alone; from a nadir of 0 mm, 5 mm are enough).

Only visits reveal progression: it lies between the visit before and the visit that shows it. Without it, a death at
most 183 days after the last visit is the competing event; otherwise the row is censored at its last visit, and
unknown where there is no later visit. Of those last rows only the early deaths are known, so the incidence of death
comes out somewhat high: from first visits .098 at 183 days, .086 if the 140 others counted as free of events that
long, and .045 if a row without a later visit is always unknown. Progression between the last visit and death goes
unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.cohorts.base import Array, SurvivalOutcome

CENSORED, PROGRESSION, DEATH = 0, 1, 2
DEATH_WITHIN_DAYS = 183.0
GROWTH_FACTOR, GROWTH_MM = 1.2, 5.0
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """The visits of one patient in order of time; flags are 1, 0 or NaN for unknown.

    ``day`` (v,) since the first visit; ``diameter_mm`` (v,); ``new_lesion`` (v,); ``spread`` (v, sites);
    ``days_to_death`` (v,) from each visit, NaN where no death is known after it.
    """

    day: Array
    diameter_mm: Array
    new_lesion: Array
    spread: Array
    days_to_death: Array


def progression(visits: Visits, death_within_days: float | None = DEATH_WITHIN_DAYS) -> SurvivalOutcome:
    """Time from each visit to progression or death, (v,), as this module defines them.

    ``death_within_days`` None takes no death for an event: time to progression alone, censored at the last visit.

    >>> day, diameter_mm, nothing = np.array([0.0, 60.0]), np.array([20.0, 25.0]), np.zeros((2, 3))
    >>> outcome = progression(Visits(day, diameter_mm, np.zeros(2), nothing, np.full(2, np.nan)))
    >>> outcome.days.tolist(), outcome.event.tolist(), outcome.event_free_days.tolist()
    ([60.0, nan], [1, 0], [0.0, nan])
    """
    within = -np.inf if death_within_days is None else death_within_days
    rows = [_from(visits, landmark, within) for landmark in range(len(visits.day))]
    days, events, event_free = zip(*rows, strict=True)
    return SurvivalOutcome(np.array(days), np.array(events, dtype=np.int64), np.array(event_free))


def _from(visits: Visits, landmark: int, death_within_days: float) -> tuple[float, int, float]:
    """Days, event and last day free of it, from one landmark."""
    start = visits.day[landmark]
    for visit in range(landmark + 1, len(visits.day)):
        if _progressed(visits, landmark, visit):
            return float(visits.day[visit] - start), PROGRESSION, float(visits.day[visit - 1] - start)
    last = float(visits.day[-1] - start)
    to_death = float(visits.days_to_death[landmark])
    if to_death > 0 and to_death - last <= death_within_days:
        return to_death, DEATH, to_death
    return (last, CENSORED, last) if last > 0 else (np.nan, CENSORED, np.nan)


def _progressed(visits: Visits, landmark: int, visit: int) -> bool:
    before = visits.diameter_mm[landmark:visit]
    nadir = np.nan if np.isnan(before).all() else float(np.nanmin(before))
    spread: NDArray[np.bool_] = (visits.spread[visit] == 1) & (visits.spread[landmark] == 0)
    return bool(visits.new_lesion[visit] == 1 or spread.any() or grown(float(visits.diameter_mm[visit]), nadir))


def grown(diameter_mm: float, nadir_mm: float) -> bool:
    """Whether a diameter is >= 20 % and >= 5 mm above its nadir; never where one is unknown.

    >>> grown(24.0, 20.0), grown(25.0, 20.0), grown(115.0, 100.0), grown(5.0, 0.0)
    (False, True, False, True)
    """
    return diameter_mm >= GROWTH_FACTOR * nadir_mm - _ROUNDING and diameter_mm - nadir_mm >= GROWTH_MM - _ROUNDING
