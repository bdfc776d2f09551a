"""Calibration panel: what happened beside what was predicted, in groups of equal size, and how predictions spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tumorcast_training.metrics import clopper_pearson
from tumorcast_training.plots import style
from tumorcast_training.plots.predictions import BinaryPredictions, Predictions, bootstrap_of, groups_by_risk

Array = NDArray[np.float64]
MOST_BINS = 10
_ROWS_OF_BIN = 20
_BARS = 25


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of similar prediction: how many, mean prediction, and what was observed with its 95 % limits."""

    rows: int
    predicted: float
    observed: float
    lower: float
    upper: float


def calibration_bins(predictions: Predictions) -> list[Bin]:
    """At most ten bins of at least twenty rows; binomial limits, or by bootstrap where rows are not independent."""
    count = int(np.clip(len(predictions.probability) // _ROWS_OF_BIN, 1, MOST_BINS))
    member = groups_by_risk(predictions.probability, count)
    bootstrap = bootstrap_of(predictions)
    exact = isinstance(predictions, BinaryPredictions) and not bootstrap.clustered
    inside = {int(k): member == k for k in np.unique(member)}
    intervals = {} if exact else bootstrap.intervals(
        lambda w: {str(k): predictions.observed(rows, w) for k, rows in inside.items()}
    )  # fmt: skip
    found = []
    for k, rows in inside.items():
        of, predicted = int(rows.sum()), float(predictions.probability[rows].mean())
        if of < style.LEAST_PATIENTS:
            continue
        if exact:
            rate = float(predictions.observed(rows, None)[0])
            found.append(Bin(of, predicted, rate, *clopper_pearson(round(rate * of), of)))
        elif (interval := intervals[str(k)]) is not None:
            found.append(Bin(of, predicted, *interval))
    return found


def spread(
    probability: Array, bars: int = _BARS, least: int = style.LEAST_PATIENTS
) -> list[tuple[float, float, float]]:
    """Histogram of the predictions as (left, width, share per bar); neighbors are merged until each holds ``least``.

    >>> spread(np.array([0.1] * 4 + [0.5] * 6), bars=2, least=5)
    [(0.0, 1.0, 0.5)]
    """
    counts, edges = np.histogram(probability, bins=bars, range=(0, 1))
    merged: list[tuple[float, float, int]] = []
    left, held = 0.0, 0
    for count, right in zip(counts, edges[1:], strict=True):
        if held == 0 and count == 0:
            left = float(right)
            continue
        held += int(count)
        if held >= least:
            merged.append((left, float(right), held))
            left, held = float(right), 0
    if held and merged:
        last = merged.pop()
        merged.append((last[0], 1.0 if held else last[1], last[2] + held))
    total, width = max(len(probability), 1), 1 / bars
    return [(a, b - a, n / total / ((b - a) / width)) for a, b, n in merged]


def draw(axes: Axes, predictions: Predictions) -> None:
    """Draw the panel; the lower strip is the histogram."""
    if not predictions.drawable:
        style.say_instead(axes, "too few events for a calibration plot")
        return
    bins = calibration_bins(predictions)
    top = min(1.0, max(0.2, 1.08 * max([b.upper for b in bins] + [float(predictions.probability.max())])))
    bars = spread(predictions.probability)
    tallest, strip = max((height for _, _, height in bars), default=1.0), 0.2 * top
    for left, width, height in bars:
        axes.bar(
            left,
            0.62 * strip * height / tallest,
            width,
            -strip,
            align="edge",
            color=style.SKY,
            edgecolor="white",
            lw=0.5,
        )
    axes.axhline(0, color=style.FAINT, linewidth=0.8)
    axes.plot([0, top], [0, top], color=style.GRAY, linestyle=(0, (4, 3)), linewidth=1.2)
    axes.text(
        0.98 * top, 0.955 * top, "perfect", ha="right", va="top", color=style.GRAY, fontsize=style.SMALL_POINTS,
        rotation=45, rotation_mode="anchor", transform_rotates_text=True,
    )  # fmt: skip
    x, y = np.array([b.predicted for b in bins]), np.array([b.observed for b in bins])
    limits = np.abs(np.array([[b.lower, b.upper] for b in bins]).T - y)
    axes.errorbar(
        x, y, yerr=limits, fmt="o", color=style.BLUE, markersize=5.5, markeredgecolor="white", elinewidth=1.3, capsize=0
    )
    axes.plot(x, y, color=style.BLUE, linewidth=1.0, alpha=0.5)
    axes.set(xlim=(0, top), ylim=(-strip, top), xlabel="Predicted risk", ylabel="Observed, with 95 % interval")
    axes.set_yticks([t for t in axes.get_yticks() if 0 <= t <= top])
    style.percent_axis(axes, "x")
    style.percent_axis(axes, "y")
    axes.text(0.99 * top, -0.07 * strip, "how predictions are spread", ha="right", va="top", color=style.GRAY,
              fontsize=style.SMALL_POINTS)  # fmt: skip
