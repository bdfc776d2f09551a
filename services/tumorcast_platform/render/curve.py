"""A survival curve drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import SurvivalPoint

_Values = NDArray[np.float64]
_ROWS = 9
_COLUMNS = 64
_AXIS = 7
"""Columns left of the plot: the percentage and the axis."""


def survival_curve(points: Sequence[SurvivalPoint]) -> list[str]:
    """Draw survival from day 0 to the last horizon, its interval shaded; the rows stand for 100, 87.5 … 0 %.

    Between two horizons the hazard is taken as constant, as models with intervals of time do.
    """
    days = np.array([0.0, *(point.horizon_days for point in points)])
    at = np.linspace(0, days[-1], _COLUMNS)
    grid = np.full((_ROWS, _COLUMNS), " ")
    lower, middle, upper = (
        _row(_between(at, days, values))
        for values in (
            [point.interval.lower for point in points],
            [point.survival for point in points],
            [point.interval.upper for point in points],
        )
    )
    for column in range(_COLUMNS):
        grid[upper[column] : lower[column] + 1, column] = "░"
        grid[middle[column], column] = "●"
    return [*(_labeled(row, "".join(grid[row])) for row in range(_ROWS)), *_day_axis([p.horizon_days for p in points])]


def _between(at: _Values, days: _Values, survival: Sequence[float]) -> _Values:
    """Survival at any day: its logarithm is interpolated, and what is as good as zero counts as one in a thousand."""
    logs = np.log(np.clip([1.0, *survival], 1e-3, 1.0))
    values: _Values = np.exp(np.interp(at, days, logs))
    return values


def _row(survival: _Values) -> NDArray[np.int64]:
    """Row of a survival probability, the top one being 1."""
    rows: NDArray[np.int64] = np.rint((1 - np.clip(survival, 0, 1)) * (_ROWS - 1)).astype(np.int64)
    return rows


def _labeled(row: int, plot: str) -> str:
    percent = 100 * (1 - row / (_ROWS - 1))
    label = f"{percent:3.0f} %" if percent in (0, 50, 100) else ""
    return f"{label:>{_AXIS - 2}} ┤{plot.rstrip()}" if label else f"{'':{_AXIS - 2}} │{plot.rstrip()}"


def _day_axis(horizons: Sequence[float]) -> list[str]:
    """Draw the axis with a tick at each horizon and the days below, as far as they do not overlap."""
    ticks = ["─"] * _COLUMNS
    labels = [" "] * (_COLUMNS + 8)
    free_from = 2
    labels[0] = "0"
    for horizon in horizons:
        column = round(horizon / horizons[-1] * (_COLUMNS - 1))
        ticks[column] = "┴"
        text = f"{horizon:g}"
        start = max(column - len(text) + 1, 0)
        if start >= free_from:
            labels[start : start + len(text)] = text
            free_from = start + len(text) + 2
    return [f"{'':{_AXIS - 2}} └{''.join(ticks)}", f"{'':{_AXIS}}{''.join(labels).rstrip()} days"]
