"""The figure of the growth forecast: errors by horizon, gains over the last value, coverage, chance of progression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorcast_training.plots import style

Scores = Mapping[str, Any]
_SIZE_INCHES = (12.2, 9.8)
_ERRORS, _GAINS = (0.075, 0.545, 0.365, 0.335), (0.665, 0.545, 0.2, 0.325)
_COVERAGE, _PROGRESSION = (0.075, 0.075, 0.365, 0.335), (0.6, 0.075, 0.365, 0.335)
_GAINS_TITLE = (0.488, 0.8935)
_APART = {"growth": -0.18, "last_value": -0.06, "exponential": 0.06, "linear": 0.18}
_METHODS = (
    ("linear", "line through the past", style.GRAY, "^", (0, (1, 1.6))),
    ("exponential", "exponential through the past", style.GREEN, "D", (0, (4, 1.5, 1, 1.5))),
    ("last_value", "last value carried forward", style.ORANGE, "s", (0, (5, 2))),
    ("growth", "growth forecast (median)", style.BLUE, "o", "solid"),
)
_BANDS = (("coverage_90", 0.9, style.BLUE, "o"), ("coverage_50", 0.5, style.SKY, "s"))
TARGETS = {
    "every_later_scan": "every later scan",
    "next_scan": "next scan",
    "last_scan": "last scan, from all before",
}
GROUPS = (
    ("every_later_scan", "every_later_scan_by_horizon_days", "days ahead"),
    ("next_scan", "next_scan_by_past_scans", "past scans"),
    ("last_scan", "last_scan_by_horizon_days", "days ahead"),
    ("last_scan", "last_scan_by_past_scans", "past scans"),
)


def figure_of(name: str, metrics: Mapping[str, Any]) -> bytes:
    """Draw ``metrics`` of the held-out evaluation, or of a table, as SVG; the same metrics give the same bytes.

    Groups of fewer than five patients are not drawn.
    """
    with style.settings():
        return style.svg(draw(name, metrics), f"{name}: sum of diameters")


def draw(name: str, metrics: Mapping[str, Any]) -> Figure:
    """The figure, under the settings of ``style``."""
    figure = Figure(figsize=_SIZE_INCHES)
    target = "every_later_scan" if "every_later_scan" in metrics else "last_scan"
    apart = [("last scan", metrics["last_scan"])]
    points = [(f"{label.replace('-', '–')} d", of) for label, of in metrics[f"{target}_by_horizon_days"].items()]
    points = [(label, of) for label, of in points if of["patients"] >= style.LEAST_PATIENTS]
    figure.text(0.03, 0.962, f"{name} · sum of diameters", fontsize=14, fontweight="bold")
    figure.text(0.03, 0.935, f"{metrics['patients']:,} patients; {metrics['design']}", color=style.GRAY)
    errors, gains, coverage, progression = (
        figure.add_axes(place) for place in (_ERRORS, _GAINS, _COVERAGE, _PROGRESSION)
    )
    errors.set_title(f"A  Error by days ahead: {TARGETS[target].partition(',')[0]}")
    coverage.set_title("C  How often the band holds the scan")
    figure.text(*_GAINS_TITLE, "B  Gain over carrying the last value forward", fontsize=10.5, fontweight="bold")
    _draw_errors(errors, points, apart)
    _draw_gains(gains, _rows(metrics))
    _draw_coverage(coverage, points, apart)
    when = "next" if "progression_at_next_scan" in metrics else "last"
    progression.set_title(f"D  Progression at the {when} scan, by the sum")
    _draw_progression(progression, metrics[f"progression_at_{when}_scan"]["observed"])
    return figure


Points = Sequence[tuple[str, Scores]]


def _places(points: Points, apart: Points) -> tuple[list[float], list[float]]:
    """Where the horizons stand, and, one place further, what stands apart from them."""
    return [float(x) for x in range(len(points))], [len(points) + 0.35 + k for k in range(len(apart))]


def _label(axes: Axes, points: Points, apart: Points) -> None:
    near, far = _places(points, apart)
    texts = [f"{label}\n{of['patients']} patients" for label, of in (*points, *apart)]
    axes.set_xticks([*near, *far], texts)
    axes.set_xlim(-0.5, far[-1] + 0.5)
    if near:
        axes.axvline(len(points) - 0.32, color=style.FAINT, linewidth=1.0)
    style.grid(axes)


def _draw_errors(axes: Axes, points: Points, apart: Points) -> None:
    near, far = _places(points, apart)
    for method, label, color, marker, dashes in _METHODS:
        look: dict[str, Any] = {"color": color, "marker": marker, "markersize": 5.5, "markeredgecolor": "white"}
        values = [[of["errors"][method]["mae_mm"] for _, of in some] for some in (points, apart)]
        axes.plot(near, values[0], linestyle=dashes, label=label, **look)
        axes.plot([x + _APART[method] for x in far], values[1], linestyle="none", **look)
    axes.set_ylabel("Mean absolute error, mm")
    axes.set_ylim(bottom=0)
    _label(axes, points, apart)
    axes.legend(loc="lower left", handlelength=3.2, reverse=True)


def _rows(metrics: Mapping[str, Any]) -> list[tuple[str, Scores, bool]]:
    """Lines of the forest: every target, then its groups."""
    rows: list[tuple[str, Scores, bool]] = []
    for target, title in TARGETS.items():
        if target in metrics:
            rows.append((title, metrics[target], True))
            for of_target, key, unit in GROUPS:
                found = metrics.get(key, {}).items() if of_target == target else ()
                rows += [
                    (named_group(label, unit), of, False)
                    for label, of in found
                    if of["patients"] >= style.LEAST_PATIENTS
                ]
    return rows


def named_group(label: str, unit: str) -> str:
    """A range in words.

    >>> named_group("9-99", "past scans"), named_group("1", "past scans"), named_group("0-80", "days ahead")
    ('9 or more past scans', '1 past scan', '0–80 days ahead')
    """
    words = f"{label.replace('-99', ' or more').replace('-', '–')} {unit}"
    return words.removesuffix("s") if label == "1" else words


def _draw_gains(axes: Axes, rows: Sequence[tuple[str, Scores, bool]]) -> None:
    for place, (label, of, bold) in enumerate(rows):
        found = of["difference_to"]["last_value"]["mae_mm"]
        color, marker, size = (style.BLUE, "D", 6.0) if bold else (style.INK, "o", 4.5)
        axes.plot(found["interval"], [place, place], color=color, linewidth=1.5)
        axes.plot(found["value"], place, marker, color=color, markersize=size)
        weight = "bold" if bold else "normal"
        low, high = found["interval"]
        _beside(axes, place, label, -156 if bold else -148, weight)
        _beside(axes, place, f"{of['patients']}", -14, weight, "right")
        _beside(axes, place, f"{found['value']:+.1f} [{low:+.1f}, {high:+.1f}]", 112, weight, "right")
    _beside(axes, -1.0, "patients", -14, "normal", "right", color=style.GRAY)
    _beside(axes, -1.0, "mm, 95 % interval", 112, "normal", "right", color=style.GRAY)
    axes.axvline(0, color=style.ORANGE, linewidth=1.2, linestyle=(0, (5, 2)), zorder=0)
    axes.set(
        ylim=(len(rows) - 0.4, -0.7), yticks=[], xlabel="Difference of mean errors, mm\n← forecast better   worse →"
    )
    axes.spines["left"].set_visible(False)
    style.grid(axes, "x")


def _beside(
    axes: Axes, place: float, text: str, points: float, weight: str, ha: Any = "left", color: str = style.INK
) -> None:
    """Text left of the axes where ``points`` is negative, else right of them."""
    axes.annotate(
        text, (0 if points < 0 else 1, place), (points, 0), xycoords=axes.get_yaxis_transform(), color=color,
        textcoords="offset points", ha=ha, va="center", fontsize=style.SMALL_POINTS, fontweight=weight,
        annotation_clip=False,
    )  # fmt: skip


def _draw_coverage(axes: Axes, points: Points, apart: Points) -> None:
    near, far = _places(points, apart)
    for key, nominal, color, marker in _BANDS:
        axes.axhline(nominal, color=style.GRAY, linewidth=1.0, linestyle=(0, (4, 3)))
        shares = np.array([of[key]["value"] for _, of in (*points, *apart)])
        limits = np.array([of[key]["interval"] for _, of in (*points, *apart)]).T
        axes.errorbar(
            [*near, *far], shares, yerr=np.abs(limits - shares), fmt=marker, color=color, markersize=6,
            markeredgecolor="white", elinewidth=1.6, label=f"{100 * nominal:.0f} % band, 95 % interval",
        )  # fmt: skip
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("Scans inside the band")
    style.percent_axis(axes, "y")
    _label(axes, points, apart)
    axes.legend(loc="lower right")


def _draw_progression(axes: Axes, groups: Sequence[Mapping[str, Any]]) -> None:
    if not groups:
        style.say_instead(axes, "too few patients for observed shares")
        return
    said, share = (np.array([of[key] for of in groups]) for key in ("probability", "share"))
    limits = np.array([of["interval"] for of in groups]).T
    axes.plot([0, 1], [0, 1], color=style.GRAY, linewidth=1.0, linestyle=(0, (4, 3)), label="as forecast")
    axes.errorbar(
        said, share, yerr=np.abs(limits - share), fmt="o", color=style.BLUE, markersize=6, markeredgecolor="white",
        elinewidth=1.4, label="observed, 95 % interval",
    )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="Forecast probability of progression", ylabel="Observed share")
    style.percent_axis(axes, "x")
    style.percent_axis(axes, "y")
    style.grid(axes, "both")
    axes.legend(loc="upper left")
