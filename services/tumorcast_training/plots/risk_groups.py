"""Risk-group panel: what became of patients of low, middle and high predicted risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tumorcast_training.metrics import aalen_johansen
from tumorcast_training.plots import style
from tumorcast_training.plots.calibration import Bin
from tumorcast_training.plots.predictions import (
    BinaryPredictions,
    Predictions,
    TimedPredictions,
    bootstrap_of,
    groups_by_risk,
)

Array = NDArray[np.float64]
_POINTS = 61
_FEWEST_AT_RISK = 10
_TICKS = 5
_MONTH_DAYS = 30.4375
_LOOKS = (
    ("lowest third", style.GREEN, "solid"),
    ("middle third", style.ORANGE, (0, (5, 1.6))),
    ("highest third", style.VERMILION, (0, (1.4, 1.3))),
)


@dataclass(frozen=True, slots=True, eq=False)
class GroupCurve:
    """Incidence of the event in one group on a grid of days, with 95 % limits, as long as ten are at risk."""

    label: str
    rows: int
    days: Array
    incidence: Array
    lower: Array
    upper: Array
    predicted: float


def draw(axes: Axes, predictions: Predictions, event: str) -> None:
    """Draw the panel."""
    if not predictions.drawable:
        style.say_instead(axes, "too few events for risk groups")
    elif isinstance(predictions, BinaryPredictions):
        _draw_rates(axes, quintiles(predictions), event)
    else:
        _draw_curves(axes, predictions, event)


def quintiles(predictions: BinaryPredictions) -> list[Bin]:
    """Observed rate in each fifth of predicted risk, with its 95 % limits by bootstrap over patients."""
    member = groups_by_risk(predictions.probability, 5)
    inside = {int(k): member == k for k in np.unique(member)}
    bootstrap = bootstrap_of(predictions)
    intervals = bootstrap.intervals(lambda w: {str(k): predictions.observed(r, w) for k, r in inside.items()})
    return [
        Bin(int(rows.sum()), float(predictions.probability[rows].mean()), *interval)
        for k, rows in inside.items()
        if rows.sum() >= style.LEAST_PATIENTS and (interval := intervals[str(k)]) is not None
    ]


def _draw_rates(axes: Axes, groups: list[Bin], event: str) -> None:
    for place, group in enumerate(groups):
        axes.bar(place, group.observed, 0.62, color=style.SKY, edgecolor="none")
        axes.vlines(place, group.lower, group.upper, color=style.INK, linewidth=1.3)
        axes.plot(place, group.predicted, "D", color=style.VERMILION, markersize=6, markeredgecolor="white")
        axes.annotate(style.percent(group.observed), (place - 0.3, 0), (3, 3), textcoords="offset points",
                      fontsize=style.SMALL_POINTS)  # fmt: skip
    axes.plot([], [], "D", color=style.VERMILION, markersize=6, markeredgecolor="white", label="mean predicted risk")
    axes.plot([], [], "s", color=style.SKY, markersize=8, label="observed, with 95 % interval")
    names = ["lowest", *(["second", "third", "fourth"][: len(groups) - 2]), "highest"] if len(groups) > 1 else ["all"]
    axes.set_xticks(range(len(groups)), [f"{n}\nn = {g.rows:,}" for n, g in zip(names, groups, strict=True)])
    axes.set(xlabel="Fifth of predicted risk", ylabel=f"Share with {event}")
    axes.set_ylim(0, min(1.0, 1.25 * max(g.upper for g in groups)))
    style.percent_axis(axes, "y")
    style.grid(axes)
    axes.tick_params(axis="x", length=0)
    axes.legend(loc="upper left")


def group_curves(predictions: TimedPredictions, end_days: float) -> list[GroupCurve]:
    """Kaplan–Meier (Aalen–Johansen where events compete) of each third, on a grid: no day of a patient shows."""
    member = groups_by_risk(predictions.probability, len(_LOOKS))
    weights = bootstrap_of(predictions).weights()
    found = []
    for k, (label, _, _) in enumerate(_LOOKS):
        rows = member == k
        days, event = predictions.days[rows], predictions.event[rows]
        if rows.sum() < 2 * _FEWEST_AT_RISK:
            continue
        grid = np.linspace(0, end_days, _POINTS)
        grid = grid[[at_risk(days, day) >= _FEWEST_AT_RISK for day in grid]]
        incidence = aalen_johansen(days, event, predictions.cause).at(grid)[0]
        sampled = aalen_johansen(days, event, predictions.cause, weights[:, rows]).at(grid)
        low, high = np.percentile(sampled, [2.5, 97.5], axis=0)
        mean = float(predictions.probability[rows].mean())
        found.append(GroupCurve(label, int(rows.sum()), grid, incidence, low, high, mean))
    return found


def at_risk(days: Array, day: float) -> int:
    """How many are followed at least as long."""
    return int((days >= day).sum())


def _draw_curves(axes: Axes, predictions: TimedPredictions, event: str) -> None:
    end = min(1.25 * predictions.horizon_days, float(np.quantile(predictions.days, 0.98)))
    end = max(end, predictions.horizon_days)
    curves = group_curves(predictions, end)
    looks = {label: (color, dashes) for label, color, dashes in _LOOKS}
    for one in curves:
        color, dashes = looks[one.label]
        axes.fill_between(one.days, one.lower, one.upper, color=color, alpha=0.16, linewidth=0)
        axes.plot(
            one.days, one.incidence, color=color, linestyle=dashes, label=f"{one.label} of risk, n = {one.rows:,}"
        )
        axes.plot(
            predictions.horizon_days, one.predicted, "D", color=color, markersize=6.5, markeredgecolor="white", zorder=4
        )
    axes.plot([], [], "D", color=style.GRAY, markersize=6, markeredgecolor="white", label="mean predicted risk")
    axes.axvline(predictions.horizon_days, color=style.FAINT, linewidth=1.0, zorder=0)
    highest = max([float(c.upper.max()) for c in curves] + [c.predicted for c in curves], default=1.0)
    ylabel = f"Cumulative incidence of {event}" if predictions.competes else f"Share with {event}"
    axes.set(xlim=(0, end), ylim=(0, min(1.0, 1.32 * highest)), ylabel=ylabel)
    months = _month_ticks(end)
    axes.set_xticks([m * _MONTH_DAYS for m in months], [f"{m}" for m in months])
    style.percent_axis(axes, "y")
    style.grid(axes)
    axes.legend(loc="upper left", ncols=1)
    _table_at_risk(axes, predictions, curves, months)


def _month_ticks(end_days: float) -> list[int]:
    """Whole months to label: at most seven, in steps that calendars know.

    >>> _month_ticks(760)
    [0, 6, 12, 18, 24]
    """
    months = end_days / _MONTH_DAYS
    step = next((s for s in (1, 2, 3, 6, 12, 24) if months / s <= _TICKS), 36)
    return list(range(0, int(months) + 1, step))


def _table_at_risk(axes: Axes, predictions: TimedPredictions, curves: list[GroupCurve], months: list[int]) -> None:
    """Numbers at risk below the axis; fewer than five are not told apart."""
    member = groups_by_risk(predictions.probability, len(_LOOKS))
    counted = "rows" if len(set(predictions.patient_ids)) < len(predictions.days) else "patients"
    axes.set_xlabel("Months")
    _below(axes, 0, -44, f"{counted} at risk", color=style.GRAY)
    for line, one in enumerate(curves):
        k = [label for label, _, _ in _LOOKS].index(one.label)
        days, height = predictions.days[member == k], -57 - 12 * line
        _below(axes, 0, height, one.label.split()[0], dx=-16, ha="right", color=_LOOKS[k][1], weight="bold")
        for month in months:
            _below(axes, month * _MONTH_DAYS, height, masked(at_risk(days, month * _MONTH_DAYS)), ha="center")


def _below(axes: Axes, x: float, points: float, text: str, *, dx: float = 0.0, ha: str = "left", **look: Any) -> None:
    """Text some points below the axis."""
    axes.annotate(
        text, (x, 0), (dx, points), xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha=ha,
        va="center", fontsize=style.SMALL_POINTS, annotation_clip=False, **look,
    )  # fmt: skip


def masked(count: int) -> str:
    """A count, or that it is below five.

    >>> masked(1234), masked(3), masked(0)
    ('1,234', '<5', '<5')
    """
    return f"{count:,}" if count >= style.LEAST_PATIENTS else f"<{style.LEAST_PATIENTS}"
