"""Forecasts of held-out patients' scans by repeated cross-validation, beside three plain forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_fusion.model.growth import Form, PopulationPrior, forecast
from tumorcast_fusion.model.growth.events import is_progression
from tumorcast_fusion.model.growth.kinetics import Array
from tumorcast_fusion.model.growth.scans import LARGEST_SUM_MM
from tumorcast_training.growth.fitting import OFFSET_MM, balanced_folds, choose_form, fit_prior
from tumorcast_training.growth.reader import Course

FOLDS = 5
NO_VISIT_BETWEEN = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """``rows``: one forecast of one held-out scan each; ``forms``: the form chosen in each training fold."""

    rows: pd.DataFrame
    forms: tuple[Form, ...]


def held_out_forecasts(
    courses: Sequence[Course],
    seed: int,
    repeats: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> HeldOut:
    """Forecast, in every repeat, each scan of each patient from every earlier stretch, fitted on the other folds.

    Form, population and calibration are chosen in the training folds alone.
    """
    rows: list[dict[str, float]] = []
    forms: list[Form] = []
    for repeat in range(repeats):
        folds = balanced_folds(len(courses), FOLDS, seed * 1000 + repeat)
        for fold in range(FOLDS):
            training = [course for course, of in zip(courses, folds, strict=True) if of != fold]
            forms.append(choose_form(training, seed).form)
            prior = fit_prior(training, forms[-1])
            last, following = progression_rates(training)
            for number in np.flatnonzero(folds == fold).tolist():
                told = {
                    "patient": float(number),
                    "repeat": float(repeat),
                    "base_rate": last,
                    "next_base_rate": following,
                }
                rows.extend({**told, **row} for row in course_forecasts(courses[number], prior))
            progress(len(forms), FOLDS * repeats)
    return HeldOut(pd.DataFrame(rows), tuple(forms))


def course_forecasts(course: Course, prior: PopulationPrior) -> Iterator[dict[str, float]]:
    """Forecast every later scan of one course from its first 1, 2, … scans."""
    for past in range(1, len(course.days)):
        reach = course.days <= course.days[past - 1] + prior.longest_horizon_days
        targets = np.flatnonzero(reach & (np.arange(len(course.days)) >= past))
        if len(targets) and course.sums_mm[0] > 0:
            yield from forecasts_from(course, prior, past, targets)


def forecasts_from(
    course: Course, prior: PopulationPrior, past: int, targets: NDArray[np.intp]
) -> Iterator[dict[str, float]]:
    """Forecast the scans with these numbers from the first ``past`` ones; raises as ``forecast``."""
    days, sums = course.days[:past], course.sums_mm[:past]
    found = forecast(days, sums, course.days[targets], prior, visit_interval_days=NO_VISIT_BETWEEN)
    plain = plain_forecasts(days, sums, course.days[targets])
    for place, target in enumerate(targets):
        truth = course.sums_mm[target]
        yield {
            "past_scans": float(past),
            "horizon_days": course.days[target] - days[-1],
            "is_next": float(target == past),
            "is_last": float(target == len(course.days) - 1),
            "baseline_mm": course.sums_mm[0],
            "truth_mm": truth,
            "growth": found.median_mm[place],
            **{name: values[place] for name, values in plain.items()},
            "within_50": float(found.lower_50_mm[place] <= truth <= found.upper_50_mm[place]),
            "within_90": float(found.lower_90_mm[place] <= truth <= found.upper_90_mm[place]),
            "width_90_mm": found.upper_90_mm[place] - found.lower_90_mm[place],
            "progression": float(is_progression(truth, sums.min())),
            "progression_probability": found.progression_probability[place],
        }


def plain_forecasts(days: Array, sums_mm: Array, at_days: Array) -> dict[str, Array]:
    """Last value, least-squares line, and least-squares line of log(sum + 5 mm); all the last value from one scan.

    >>> found = plain_forecasts(np.array([0.0, 10.0]), np.array([20.0, 10.0]), np.array([15.0, 40.0]))
    >>> found["last_value"].tolist(), found["linear"].round(6).tolist()
    ([10.0, 10.0], [5.0, 0.0])
    """
    last = np.full(len(at_days), sums_mm[-1])
    if len(days) == 1:
        return {"last_value": last, "linear": last, "exponential": last}
    linear = np.polyval(np.polyfit(days, sums_mm, 1), at_days)
    logs = np.polyval(np.polyfit(days, np.log(sums_mm + OFFSET_MM), 1), at_days)
    exponential = np.exp(np.minimum(logs, 20.0)) - OFFSET_MM
    clip = (0.0, LARGEST_SUM_MM)
    return {"last_value": last, "linear": np.clip(linear, *clip), "exponential": np.clip(exponential, *clip)}


def progression_rates(courses: Sequence[Course]) -> tuple[float, float]:
    """Share of last scans, and of all scans but the first, that are progression over the nadir before them."""
    many = [course.sums_mm for course in courses if len(course.sums_mm) > 1]
    shown = [is_progression(sums[1:], np.minimum.accumulate(sums)[:-1]) for sums in many]
    return float(np.mean([found[-1] for found in shown])), float(np.concatenate(shown).mean())
