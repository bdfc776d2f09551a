"""Forecast of one patient's sum of diameters: bands, rates of growth and kill, RECIST probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tumorcast_fusion.model.growth.events import RESPONSE_RATIO, event_probabilities, is_progression
from tumorcast_fusion.model.growth.kinetics import Array
from tumorcast_fusion.model.growth.posterior import Posterior, mixture_quantile, posterior, weighted_quantile
from tumorcast_fusion.model.growth.prior import PopulationPrior
from tumorcast_fusion.model.growth.scans import checked_days, checked_interval, checked_scans

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate per day: posterior median and 90 % interval."""

    median_per_day: float
    lower_90_per_day: float
    upper_90_per_day: float


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What future scans will measure, each array (days,), sums in mm, ``days`` in the caller's own count.

    Bands hold the reading's noise: a 90 % band is for the sum that a radiologist will report. ``specific_growth_rate``
    and ``kill_rate`` are g and d of the growth-kill law. ``progression_probability`` and ``response_probability`` are
    those of a coming scan up to the day showing the event; what past scans show is apart: ``progression_seen``, the
    last scan made is progression over the nadir before it; ``response_seen``, the last scan is a partial response.
    """

    days: Array
    median_mm: Array
    lower_50_mm: Array
    upper_50_mm: Array
    lower_90_mm: Array
    upper_90_mm: Array
    progression_probability: Array
    response_probability: Array
    specific_growth_rate: Rate
    kill_rate: Rate
    baseline_mm: float
    nadir_mm: float
    progression_seen: bool
    response_seen: bool


def forecast(
    days: ArrayLike,
    sums_mm: ArrayLike,
    at_days: Sequence[float] | ArrayLike,
    prior: PopulationPrior,
    *,
    visit_interval_days: float | None = None,
) -> Forecast:
    """Forecast the sum of diameters at ``at_days`` from past scans (``days``, ``sums_mm``), in any order.

    The earliest scan is taken as the start of treatment. One scan is enough; the band is then the population's.
    ``visit_interval_days`` is the time between coming scans (the prior's where ``None``). The answer has every asked
    day once, sorted.
    Raises ``InvalidInput``, ``ImplausibleValue`` or ``HorizonOutOfRange`` (see ``scans``).
    """
    scans = checked_scans(days, sums_mm)
    asked = checked_days(at_days, scans, prior.longest_horizon_days)
    interval = checked_interval(prior.visit_interval_days if visit_interval_days is None else visit_interval_days)
    known = posterior(prior, scans)
    bands = _bands(known, asked)
    events = event_probabilities(known, asked, interval)
    return Forecast(
        days=asked + scans.first_day,
        median_mm=bands[2],
        lower_50_mm=bands[1],
        upper_50_mm=bands[3],
        lower_90_mm=bands[0],
        upper_90_mm=bands[4],
        progression_probability=events.progression,
        response_probability=events.response,
        specific_growth_rate=_rate(known, 1),
        kill_rate=_rate(known, 0),
        baseline_mm=scans.baseline_mm,
        nadir_mm=scans.nadir_mm,
        progression_seen=_progression_seen(scans.sums_mm),
        response_seen=bool(scans.sums_mm[-1] <= RESPONSE_RATIO * scans.baseline_mm),
    )


def _bands(known: Posterior, asked: Array) -> Array:
    """Quantiles of the measured sum, (levels, days); no sum is below zero."""
    location, spread = known.location_and_covariance(asked)
    scale = known.scale * np.sqrt(np.diag(spread))[:, None]
    z = mixture_quantile(LEVELS, location, scale, known.weights, known.degrees_of_freedom)
    return np.asarray(np.maximum(np.exp(np.minimum(z, 20.0)) - known.prior.offset_mm, 0.0))


def _rate(known: Posterior, parameter: int) -> Rate:
    low, median, high = weighted_quantile(known.draws[:, parameter], known.weights, LEVELS[[0, 2, 4]])
    return Rate(float(np.exp(median)), float(np.exp(low)), float(np.exp(high)))


def _progression_seen(sums_mm: Array) -> bool:
    return len(sums_mm) > 1 and bool(is_progression(sums_mm[-1], sums_mm[:-1].min()))
