"""A quantity over time: drawn with characters, tabulated, its growth in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import GrowthRate, Interval, TrajectoryEstimate, TrajectoryPoint
from tumorcast_platform.render.text import Line, Style, columns, wrapped
from tumorcast_platform.render.words import inside, more, percent

_ROWS, _COLUMNS, _AXIS = 12, 64, 10
_MOST_DAYS = 6
_LONG_DAYS = 3652.5
_PD_RATIO, _PD_MM, _PR_RATIO = 1.2, 5.0, 0.7
"""RECIST 1.1: progression from 20 % and 5 mm over the nadir, partial response from 30 % below baseline."""


def trajectory_lines(estimate: TrajectoryEstimate) -> list[Line]:
    """The chart, the forecast by day and the growth rate."""
    lines: list[Line] = []
    if estimate.points:
        title = f"{inside(estimate.quantity)}{f' in {estimate.unit}' if estimate.unit else ''}"
        thresholds = _thresholds(estimate)
        lines.append(Line(f"  {title}"))
        lines += map(Line, _Chart.of(estimate.points, thresholds).drawn(estimate.points, thresholds))
        lines += wrapped(_legend(estimate.points, thresholds), Style.QUIET, indent=2)
    lines += _table(estimate)
    if estimate.growth_rate:
        lines += wrapped(_growth(estimate.growth_rate), indent=2)
    return lines


def _thresholds(estimate: TrajectoryEstimate) -> dict[str, float]:
    """Sizes from which RECIST criteria are met if the nadir is over: only of criteria told, and from past points."""
    past = [point.value for point in estimate.points if point.day <= 0]
    told = {criterion.criterion for criterion in estimate.criteria}
    if not past or estimate.unit != "mm":
        return {}
    found = {"PD": max(_PD_RATIO * min(past), min(past) + _PD_MM), "PR": _PR_RATIO * past[0]}
    return {criterion: value for criterion, value in found.items() if criterion in told}


def _legend(points: Sequence[TrajectoryPoint], thresholds: Iterable[str]) -> str:
    said = ["● expected"]
    if band := _widest(points):
        said.append(f"░ {100 * band:.0f} % prediction band")
    lines = {"PD": "- PD: 20 % and 5 mm over the smallest so far", "PR": "- PR: 30 % below the first shown"}
    return "; ".join([*said, *(lines[criterion] for criterion in thresholds)])


def _widest(points: Iterable[TrajectoryPoint]) -> float:
    """Highest level of any interval; 0 if there is none."""
    return max((interval.level for point in points for interval in point.intervals), default=0.0)


@dataclass(frozen=True, slots=True)
class _Chart:
    """Axes: days from ``first`` to ``last``, values from 0 to ``top``."""

    first: float
    last: float
    top: float

    @classmethod
    def of(cls, points: Sequence[TrajectoryPoint], thresholds: dict[str, float]) -> _Chart:
        uppers = [interval.upper for point in points for interval in point.intervals]
        values = [*(point.value for point in points), *uppers, *thresholds.values()]
        top = max((value for value in values if math.isfinite(value)), default=0.0)
        return cls(points[0].day, points[-1].day, top if top > 0 else 1.0)

    def drawn(self, points: Sequence[TrajectoryPoint], thresholds: dict[str, float]) -> list[str]:
        """Rows from the top down, then the axis of days."""
        grid = np.full((_ROWS, _COLUMNS), " ")
        for value in thresholds.values():
            grid[self._row(value), :] = "-"
        at = np.linspace(self.first, self.last, _COLUMNS)
        self._shade(grid, at, points)
        line = self._rows(np.interp(at, [x.day for x in points], [x.value for x in points]))
        for column in range(_COLUMNS):
            grid[line[column], column] = "●"
        marks = [" ".join(c for c, value in thresholds.items() if self._row(value) == r) for r in range(_ROWS)]
        rows = [f"{label}{''.join(grid[r])} {marks[r]}".rstrip() for r, label in enumerate(self._labels())]
        return [*rows, *self._day_axis()]

    def _shade(self, grid: NDArray[np.str_], at: NDArray[np.float64], points: Sequence[TrajectoryPoint]) -> None:
        """Fill the widest band where points have it, straight between them; measured points have none."""
        level = _widest(points)
        found = [(x, next((i for i in x.intervals if i.level == level), None)) for x in points]
        band = [(x.day, i) if i else (x.day, Interval(x.value, x.value, level)) for x, i in found]
        begins = next((x.day for x, i in found if i), math.inf)
        days = [day for day, _ in band]
        lower = self._rows(np.interp(at, days, [max(i.lower, 0.0) for _, i in band]))
        upper = self._rows(np.interp(at, days, [min(i.upper, self.top) for _, i in band]))
        start = max((day for day in days if day < begins), default=begins)
        for column in np.flatnonzero(at > start if start < begins else at >= begins):
            grid[upper[column] : lower[column] + 1, column] = "░"

    def _rows(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        shares = np.clip(np.nan_to_num(values / self.top), 0.0, 1.0)
        rows: NDArray[np.int64] = np.rint((1 - shares) * (_ROWS - 1)).astype(np.int64)
        return rows

    def _row(self, value: float) -> int:
        return int(self._rows(np.array([value]))[0])

    def _labels(self) -> Iterator[str]:
        for row in range(_ROWS):
            labeled = row in (0, _ROWS - 1)
            text = f"{self.top * (1 - row / (_ROWS - 1)):.4g}" if labeled else ""
            yield f"{text:>{_AXIS - 2}} {'┤' if labeled else '│'}"

    def _day_axis(self) -> list[str]:
        """The axis, with today marked where it is inside, and the days of both ends and of today below."""
        ticks, labels = ["─"] * _COLUMNS, [" "] * (_COLUMNS + 12)
        marked = {self.first: 0, self.last: _COLUMNS - 1} | ({0.0: self._today()} if self.first < 0 < self.last else {})
        free_from = 0
        for day, column in sorted(marked.items()):
            ticks[column] = "┴"
            text = f"{day:.5g}"
            start = max(column - len(text) + 1, 0)
            if start >= free_from:
                labels[start : start + len(text)] = text
                free_from = start + len(text) + 1
        return [f"{'':{_AXIS - 1}}└{''.join(ticks)}", f"{'':{_AXIS}}{''.join(labels).rstrip()} days"]

    def _today(self) -> int:
        return round(-self.first / (self.last - self.first) * (_COLUMNS - 1))


def _table(estimate: TrajectoryEstimate) -> list[Line]:
    """Tabulate the days for which criteria are told, or else those to come."""
    told = {(c.criterion, c.day): c.probability for c in estimate.criteria}
    criteria = sorted({criterion for criterion, _ in told})
    points = {point.day: point for point in estimate.points if point.day > 0}
    days = sorted({day for _, day in told} or points)
    if not days:
        return []
    shown = days[-1:] if len(days) == 1 else _spread(days)
    level = _widest(points.values())
    header = ["by day", "expected", f"{100 * level:.0f} % band" if level else "", *criteria]
    rows = [
        [f"{day:g}", *_value(points.get(day), level), *(_chance(told.get((criterion, day))) for criterion in criteria)]
        for day in shown
    ]
    return [Line(text) for text in columns([header, *rows], align=">" * len(header))] + more(len(days), len(shown))


def _spread(days: Sequence[float]) -> list[float]:
    """At most six days, evenly among all, the last included.

    >>> _spread([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    [2, 4, 6, 8, 10, 12]
    """
    count = min(len(days), _MOST_DAYS)
    return [days[round((k + 1) * len(days) / count) - 1] for k in range(count)]


def _value(point: TrajectoryPoint | None, level: float) -> tuple[str, str]:
    if point is None:
        return "", ""
    band = next((f"{i.lower:.4g}–{i.upper:.4g}" for i in point.intervals if i.level == level), "")
    return f"{point.value:.4g}", band


def _chance(probability: float | None) -> str:
    return "" if probability is None else percent(probability)


def _growth(rate: GrowthRate) -> str:
    """Say the specific growth rate in words.

    >>> _growth(GrowthRate(0.0035, Interval(0.001, 0.006, 0.95)))
    'The part that resists grows by 0.35 % a day (95 % interval 0.1 to 0.6), doubling in 198 days.'
    """
    low, high = f"{100 * rate.interval.lower:.2g}", f"{100 * rate.interval.upper:.2g}"
    around = f"({100 * rate.interval.level:.0f} % interval {low} to {high})".replace("-", "−")
    if rate.per_day <= 0:
        return f"The part that resists does not grow: {100 * rate.per_day:.2g} % a day {around}.".replace("-", "−")
    days = math.log(2) / rate.per_day
    doubling = f"{days:.0f} days" if days <= _LONG_DAYS else "more than ten years"
    return f"The part that resists grows by {100 * rate.per_day:.2g} % a day {around}, doubling in {doubling}."
