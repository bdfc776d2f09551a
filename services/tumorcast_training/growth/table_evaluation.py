"""How good a shipped growth model is on a table of scans: each patient's last scan, forecast from all before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth import PopulationPrior
from tumorcast_fusion.model.growth.scans import MOST_SCANS
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_training.growth.evaluation import (
    HORIZONS,
    PAST_SCANS,
    REPEATS,
    RESAMPLES,
    by_range,
    evaluate,
    progression_scores,
    scores,
)
from tumorcast_training.growth.held_out import forecasts_from
from tumorcast_training.growth.reader import Course
from tumorcast_training.growth.table import CourseTable, read_table
from tumorcast_training.table_warnings import FEW_EVENTS

FEW_PATIENTS = 50
Progress = Callable[[int, int], None]
Warned = Iterator[tuple[str, str]]


def evaluate_table(
    model: GrowthModel,
    file: Path,
    *,
    samples: int = RESAMPLES,
    seed: int = 0,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, Any]:
    """Score the shipped prior on a long table; a plain document, the same by seed.

    The rate that progression probabilities are held against is the table's own, known only afterwards: a hard rival.
    Raises ``InvalidInput`` where the table is none or no patient in it has a last scan that can be forecast.
    """
    quantity = model.manifest.groups[0].features[0]
    table = read_table(file, quantity)
    rows, reasons = _forecasts(table, model.prior, progress)
    progression = progression_scores(rows, seed, samples)
    document = {
        "model": _named(model),
        "quantity": quantity,
        "design": "each patient's last scan, forecast by the shipped prior from all of the patient's scans before it",
        "rows": table.rows,
        "patients": len(table.courses),
        "columns": {"refused": {k: dict(v) for k, v in table.refused.items()}, "not_read": list(table.not_read)},
        "scans_not_used": table.scans_not_used,
        "not_forecast": {"patients": sum(reasons.values()), "reasons": dict(sorted(reasons.items()))},
        "last_scan": scores(rows, seed, samples),
        "last_scan_by_horizon_days": by_range(rows, "horizon_days", HORIZONS, seed, samples),
        "last_scan_by_past_scans": by_range(rows, "past_scans", PAST_SCANS, seed, samples),
        "progression_at_last_scan": progression,
    }
    raised = (*_of_the_table(table), *_of_the_forecasts(rows))
    return {**document, "warnings": [{"code": code, "message": message} for code, message in raised]}


def evaluate_cohort(
    model: GrowthModel,
    data: Path,
    *,
    seed: int = 0,
    repeats: int = REPEATS,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, Any]:
    """The held-out evaluation of the training cohort: priors fitted in folds, not the shipped one."""
    message = "Priors were fitted anew in each training fold: figures of the method, not of the shipped prior."
    found = evaluate(data, seed, repeats, progress)
    return {"model": _named(model), **found, "warnings": [{"code": "FITTED_IN_FOLDS", "message": message}]}


def _named(model: GrowthModel) -> dict[str, str]:
    return {"name": model.ref.name, "version": model.ref.version, "sha256": model.ref.sha256}


def _forecasts(
    table: CourseTable, prior: PopulationPrior, progress: Progress
) -> tuple[pd.DataFrame, Mapping[str, int]]:
    """A row per patient whose last scan can be forecast, and how many others there are by reason."""
    rows: list[dict[str, float]] = []
    reasons: Counter[str] = Counter()
    for number, course in enumerate(table.courses):
        progress(number, len(table.courses))
        if reason := _why_not(course, prior):
            reasons[reason] += 1
            continue
        past = len(course.days) - 1
        told = {"patient": float(number), "repeat": 0.0}
        rows.extend({**told, **row} for row in forecasts_from(course, prior, past, np.array([past], dtype=np.intp)))
    if not rows:
        told_reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        raise InvalidInput(f"No patient of the table has a last scan that can be forecast ({told_reasons}).")
    found = pd.DataFrame(rows)
    return found.assign(base_rate=found.progression.mean()), reasons


def _why_not(course: Course, prior: PopulationPrior) -> str | None:
    if len(course.days) < 2:
        return "ONE_SCAN"
    if len(course.days) > MOST_SCANS:
        return "TOO_MANY_SCANS"
    if course.sums_mm[0] == 0:
        return "FIRST_SUM_IS_ZERO"
    return "HORIZON_OUT_OF_RANGE" if course.days[-1] - course.days[-2] > prior.longest_horizon_days else None


def _of_the_table(table: CourseTable) -> Warned:
    yield (
        "TRAINING_ROWS_UNKNOWN",
        "Whether the model was trained on some of these patients cannot be told; scores of such patients are too good.",
    )
    yield (
        "FIRST_SCAN_IS_THE_START",
        "Each patient's first scan is taken as the start of treatment; response is judged against it.",
    )
    if table.scans_not_used:
        yield "SCANS_NOT_USED", f"{table.scans_not_used} rows could not be used; columns.refused says why."


def _of_the_forecasts(rows: pd.DataFrame) -> Warned:
    if len(rows) < FEW_PATIENTS:
        yield "FEW_PATIENTS", f"{len(rows)} patients are few: intervals by bootstrap tend to be too narrow then."
    fewer = int(min(rows.progression.sum(), (1 - rows.progression).sum()))
    if fewer < FEW_EVENTS:
        yield "FEW_EVENTS", f"Progression: {fewer} events or non-events, fewer than {FEW_EVENTS}."
