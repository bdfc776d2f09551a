"""Scores as plain dictionaries: every figure [estimate, lower, upper], or null with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics.arrays import Array, Bools
from tumorcast_training.metrics.resampling import LEAST_PATIENTS, ClusterBootstrap, Interval

Scores = dict[str, Any]
LEAST_EVENTS = 10
CONSTANT = "constant predictions"
TOO_FEW = "too few events or patients for an interval"
FEW_PATIENTS = f"fewer than {LEAST_PATIENTS} patients"
NOT_GIVEN = "not given"
DEPENDENT = "rows of one patient are not independent"


def number(value: float) -> float | None:
    """A finite number as it is reported, else ``None``."""
    return round(float(value), 5) + 0.0 if np.isfinite(value) else None


def explained(
    intervals: Mapping[str, Interval | None], bootstrap: ClusterBootstrap, reasons: Mapping[str, str]
) -> dict[str, str]:
    """Why each figure that is null is so: the known reason, else that there is too little data."""
    fallback = FEW_PATIENTS if bootstrap.patients < LEAST_PATIENTS else TOO_FEW
    return {name: reasons.get(name, fallback) for name, interval in intervals.items() if interval is None}


def nulls(names: tuple[str, ...], reason: str) -> Scores:
    """All figures null, for one reason."""
    return {**dict.fromkeys(names), "reasons": dict.fromkeys(names, reason)}


def decision_figures(
    thresholds: Sequence[float], model: Callable[[float], Array], treat_all: Callable[[float], Array]
) -> dict[str, Array]:
    """Net benefit of the model and of treating all at each threshold, and the gain over the better of all and none."""
    found: dict[str, Array] = {}
    for t in thresholds:
        ours, everyone = model(t), treat_all(t)
        found |= {f"model {t}": ours, f"all {t}": everyone, f"gain {t}": ours - np.maximum(everyone, 0)}
    return found


def decision_rows(thresholds: Sequence[float], intervals: Mapping[str, Interval | None]) -> list[Scores]:
    """A row per threshold from the intervals of ``decision_figures``."""
    return [
        {
            "threshold": t,
            "model": intervals[f"model {t}"],
            "treat_all": intervals[f"all {t}"],
            "treat_none": 0.0,
            "gain": intervals[f"gain {t}"],
        }
        for t in thresholds
    ]


def by_subgroup(
    labels: NDArray[np.object_], score: Callable[[Bools], Scores], least_events: int = LEAST_EVENTS
) -> dict[str, Scores]:
    """Score the rows of each label apart; ``score`` takes a row mask and gives what a ``score_…`` function gives.

    Rows without a label (``None``) are left out. Where there are fewer than ``least_events`` events, or rows without
    one for a binary outcome, only the counts and the reason remain; also part by part where ``score`` gives parts.
    """
    known = sorted({str(label) for label in labels if label is not None})
    as_text = np.array([None if label is None else str(label) for label in labels], dtype=object)
    found = {label: score(as_text == label) for label in known}
    return {label: _if_enough(scores, least_events) for label, scores in found.items()}


def _if_enough(scores: Scores, least: int) -> Scores:
    """The scores, or the counts and the reason; of scores by cause or threshold, each for itself."""
    if "events" not in scores:
        return {name: _if_enough(part, least) for name, part in scores.items()}
    counts: Scores = {name: scores[name] for name in ("rows", "patients", "events", "non_events") if name in scores}
    if min(counts["events"], counts.get("non_events", least)) < least:
        return {**counts, "reason": "too few events"}
    return scores
