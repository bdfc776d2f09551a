"""Past scans of one patient, checked and put in order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tumorcast_core.errors import HorizonOutOfRange, ImplausibleValue, InvalidInput
from tumorcast_fusion.model.growth.kinetics import Array

LARGEST_SUM_MM = 3000.0
LARGEST_DAY = 36_525.0
MOST_SCANS = 200
MOST_ASKED_DAYS = 400
SHORTEST_INTERVAL_DAYS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Scans:
    """Days since the first scan, ascending, and sums of diameters in mm, both (n,); ``first_day`` is the first one."""

    days: Array
    sums_mm: Array
    first_day: float

    @property
    def baseline_mm(self) -> float:
        return float(self.sums_mm[0])

    @property
    def nadir_mm(self) -> float:
        return float(self.sums_mm.min())


def _numbers(values: ArrayLike, what: str) -> Array:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as e:
        raise InvalidInput(f"The {what} are not numbers.") from e
    if numbers.ndim != 1 or not np.all(np.isfinite(numbers)):
        raise InvalidInput(f"The {what} must be one row of finite numbers.")
    return numbers


def checked_scans(days: ArrayLike, sums_mm: ArrayLike) -> Scans:
    """Check past scans and sort them by day; the first is taken as the start of treatment.

    No scan, more than one a day, a first sum of zero (nothing to measure change against), or anything not finite raises
    ``InvalidInput``; a sum or a day beyond what is possible raises ``ImplausibleValue``.
    """
    when, sums = _numbers(days, "scan days"), _numbers(sums_mm, "sums of diameters")
    if len(when) != len(sums):
        raise InvalidInput("There must be as many scan days as sums of diameters.")
    if not 1 <= len(when) <= MOST_SCANS:
        raise InvalidInput(f"A forecast needs 1 to {MOST_SCANS} scans.")
    if np.any(sums < 0) or np.any(sums > LARGEST_SUM_MM):
        raise ImplausibleValue(f"A sum of diameters must lie between 0 and {LARGEST_SUM_MM:.0f} mm.")
    if np.any(np.abs(when) > LARGEST_DAY):
        raise ImplausibleValue("A scan day lies more than 100 years from day 0.")
    order = np.argsort(when, kind="stable")
    when, sums = when[order], sums[order]
    if np.any(np.diff(when) == 0):
        raise InvalidInput("Two scans share a day; give one sum of diameters a day.")
    if sums[0] == 0:
        raise InvalidInput("The first sum of diameters is zero: there is nothing to measure change against.")
    return Scans(when - when[0], sums, float(when[0]))


def checked_days(at_days: Sequence[float] | ArrayLike, scans: Scans, longest_horizon_days: float) -> Array:
    """Check asked days, sort them and count them from the first scan.

    A day not after the last scan raises ``InvalidInput``; one beyond the prior's reach raises ``HorizonOutOfRange``.
    """
    asked = np.unique(_numbers(np.asarray(at_days), "asked days")) - scans.first_day
    if not 1 <= len(asked) <= MOST_ASKED_DAYS:
        raise InvalidInput(f"Ask for 1 to {MOST_ASKED_DAYS} days.")
    if asked[0] <= scans.days[-1]:
        raise InvalidInput("An asked day is not after the last scan.")
    if asked[-1] - scans.days[-1] > longest_horizon_days:
        raise HorizonOutOfRange(f"A forecast reaches {longest_horizon_days:.0f} days beyond the last scan, no further.")
    return asked


def checked_interval(visit_interval_days: float) -> float:
    """Check the time between coming scans; less than a day, or no number, raises ``InvalidInput``."""
    if not np.isfinite(visit_interval_days) or visit_interval_days < SHORTEST_INTERVAL_DAYS:
        raise InvalidInput("The time between coming scans must be at least a day.")
    return float(visit_interval_days)
