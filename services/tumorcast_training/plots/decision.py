"""Decision-curve panel: what treating by the prediction brings, against treating all, none, and by the baseline."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tumorcast_training.plots import style
from tumorcast_training.plots.predictions import Predictions, bootstrap_of

Array = NDArray[np.float64]
_STEPS = 40
_SAMPLES = 200
_KNOWN_SAMPLES = 0.95


def thresholds_of(probability: Array, steps: int = _STEPS) -> Array:
    """Thresholds from 1 % to the highest that at least five rows, and one row in a hundred, reach."""
    kept = max(style.LEAST_PATIENTS, len(probability) // 100)
    highest = float(np.sort(probability)[-kept]) if len(probability) >= kept else 0.0
    return np.linspace(0.01, float(np.clip(highest, 0.02, 0.95)), steps)


def curve(predictions: Predictions, probability: Array, thresholds: Array, weights: Array | None = None) -> Array:
    """Net benefit at each threshold in each sample, (b, T); NaN where fewer than five rows would be treated."""
    columns = []
    for threshold in thresholds:
        benefit = predictions.net_benefit(probability, float(threshold), weights)
        enough = (probability >= threshold).sum() >= style.LEAST_PATIENTS
        columns.append(benefit if enough else np.full_like(benefit, np.nan))
    return np.stack(columns, axis=1)


def _band(predictions: Predictions, thresholds: Array) -> tuple[Array, Array]:
    """Pointwise 95 % limits of the model's curve, by bootstrap over patients."""
    bootstrap = bootstrap_of(predictions, _SAMPLES)
    sampled = np.concatenate([curve(predictions, predictions.probability, thresholds, w) for w in bootstrap.chunks()])
    known = np.isfinite(sampled).mean(axis=0) >= _KNOWN_SAMPLES
    low, high = np.full((2, len(thresholds)), np.nan)
    low[known], high[known] = np.nanpercentile(sampled[:, known], [2.5, 97.5], axis=0)
    return low, high


def draw(axes: Axes, predictions: Predictions, event: str) -> None:
    """Draw the panel."""
    if not predictions.drawable:
        style.say_instead(axes, "too few events for a decision curve")
        return
    thresholds = thresholds_of(predictions.probability)
    ours = curve(predictions, predictions.probability, thresholds)[0]
    known = np.cumprod(np.isfinite(ours)) == 1
    thresholds, ours = thresholds[known], ours[known]
    low, high = _band(predictions, thresholds)
    everyone = curve(predictions, np.ones_like(predictions.probability), thresholds)[0]
    axes.fill_between(thresholds, low, high, color=style.BLUE, alpha=0.15, linewidth=0)
    axes.plot(thresholds, everyone, color=style.GRAY, linestyle=(0, (1, 1.6)), label="treat all")
    axes.axhline(0, color=style.INK, linewidth=1.0, label="treat none")
    if predictions.baseline is not None:
        clinical = curve(predictions, predictions.baseline, thresholds)[0]
        axes.plot(thresholds, clinical, color=style.ORANGE, linestyle=(0, (5, 2)), label="clinical baseline")
    axes.plot(thresholds, ours, color=style.BLUE, label="model, 95 % band")
    top = float(np.nanmax([ours, everyone]))
    axes.set(
        xlim=(0, float(thresholds[-1])),
        ylim=(-0.18 * top, 1.08 * top),
        xlabel=f"Risk of {event} at which one would act",
        ylabel="Net benefit (true positives per patient)",
    )
    style.percent_axis(axes, "x")
    style.grid(axes)
    axes.legend(loc="upper right", handlelength=2.6)
