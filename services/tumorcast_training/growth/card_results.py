"""Section 7 of the growth model's card, and the table of its first screen; every number from ``metrics.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import NOT_COMPUTED, count, table, words
from tumorcast_training.growth.card_findings import beats, difference
from tumorcast_training.growth.figure import GROUPS, TARGETS, named_group
from tumorcast_training.plots.style import LEAST_PATIENTS

Figures = Mapping[str, Any]
_METHODS = {
    "growth": "growth forecast",
    "last_value": "last value carried forward",
    "linear": "line",
    "exponential": "line through logs",
}
_ERRORS = {
    "mae_mm": ("mean absolute, mm", 1),
    "rmse_mm": ("RMSE, mm", 1),
    "median_absolute_error_mm": ("median absolute, mm", 1),
    "mae_relative": ("mean, of first sum", 3),
    "mae_log": ("mean, log", 3),
    "rmse_log": ("RMSE, log", 3),
}
_EVENTS = {"progression_at_next_scan": "next scan", "progression_at_last_scan": "last scan"}


def headline(metrics: Figures) -> list[str]:
    """Errors beside the last value, and coverage, of every target."""
    rows = [
        (
            name,
            f"{count(of['scans'])} of {count(of['patients'])}",
            f"{of['errors']['growth']['mae_mm']:.1f} mm",
            f"{of['errors']['last_value']['mae_mm']:.1f} mm",
            f"{difference(of)} mm",
            _verdict(of),
            covered(of["coverage_90"]),
            covered(of["coverage_50"]),
        )
        for target, name in reversed(TARGETS.items())
        if (of := metrics.get(target))
    ]
    header = (
        "forecast of", "scans of patients", "error", "of the last value", "difference", "better?", "90 % band holds",
        "50 % band holds",
    )  # fmt: skip
    return table(header, rows)


def _verdict(scores: Figures) -> str:
    worse = scores["difference_to"]["last_value"]["mae_mm"]["interval"][0] > 0
    return "yes" if beats(scores) else "**no, worse**" if worse else "**no**"


def covered(of: Figures) -> str:
    """Coverage in percent with its interval.

    >>> covered({"value": 0.857407, "interval": [0.798, 0.911]})
    '85.7 % [79.8, 91.1]'
    """
    low, high = of["interval"]
    return f"{100 * of['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def progression_lines(metrics: Figures) -> list[str]:
    """How good the chance of progression is, a sentence a target."""
    found = []
    for key, name in _EVENTS.items():
        if of := metrics.get(key):
            found.append(
                f"**Progression by the sum at the {name}** ({100 * of['share']:.0f} % of scans): AUC "
                f"{_interval(of['auc'])}; Brier score {of['brier']:.3f}, {of['brier_of_base_rate']:.3f} were every "
                f"scan given the training patients' rate; mean probability {100 * of['mean_probability']:.1f} %."
            )
    return found


def _interval(of: Figures | None) -> str:
    return f"{of['value']:.3f} [{of['interval'][0]:.3f}, {of['interval'][1]:.3f}]" if of else NOT_COMPUTED


def render(metrics: Figures, plot: str) -> list[str]:
    """The section."""
    lines = [
        "## 7 Results",
        "",
        *prose.paragraph(
            "Of patients that no prior had seen; [95 % interval by patient]. Differences are the forecast's mean "
            "absolute error less the last value's."
        ),
        f"![Errors by horizon, gains over the last value, coverage and progression of the growth forecast]({plot})",
        "",
    ]
    for place, (target, name) in enumerate(TARGETS.items(), 1):
        if target in metrics:
            lines += [f"### 7.{place} {name.capitalize()}", "", *_errors(metrics[target])]
            for of_target, key, unit in GROUPS:
                if of_target == target:
                    lines += _grouped(metrics.get(key, {}), unit)
    lines += [f"### 7.{len(TARGETS) + 1} Progression by the sum", ""]
    for key, name in _EVENTS.items():
        lines += _progression(metrics.get(key, {}), name)
    lines += [f"### 7.{len(TARGETS) + 2} Next scan, by group of patients", ""]
    return [*lines, *_patients(metrics.get("next_scan_by_group_of_patients", {}))]


def _errors(scores: Figures) -> list[str]:
    rows = [
        (name, *(f"{scores['errors'][method][error]:.{digits}f}" for error, (_, digits) in _ERRORS.items()))
        for method, name in _METHODS.items()
    ]
    beside = [
        (name, *(_apart(scores["difference_to"][method], scale) for scale in ("mae_mm", "rmse_mm", "mae_log")))
        for method, name in _METHODS.items()
        if method != "growth"
    ]
    bands = f"The median 90 % band is {scores['median_width_90_mm']:.0f} mm wide."
    return [
        f"{count(scores['scans'])} scans of {count(scores['patients'])} patients. {bands}",
        "",
        *table(("forecast", *(title for title, _ in _ERRORS.values())), rows),
        *table(("forecast less", "mean absolute, mm", "RMSE, mm", "mean, log"), beside),
    ]


def _apart(of: Figures, scale: str) -> str:
    value, low, high = (
        f"{x:+.{3 if scale.endswith('log') else 2}f}" for x in (of[scale]["value"], *of[scale]["interval"])
    )
    return f"{value} [{low}, {high}]"


def _grouped(groups: Figures, unit: str) -> list[str]:
    rows = [
        (
            named_group(label, unit),
            f"{count(of['scans'])} of {count(of['patients'])}",
            *(f"{of['errors'][method]['mae_mm']:.1f}" for method in ("growth", "last_value")),
            difference(of),
            covered(of["coverage_50"]),
            covered(of["coverage_90"]),
        )
        for label, of in groups.items()
        if of["patients"] >= LEAST_PATIENTS
    ]
    if not rows:
        return []
    small = sum(of["patients"] < LEAST_PATIENTS for of in groups.values())
    header = (unit, "scans of patients", "error, mm", "of the last value", "difference, mm", "50 % band", "90 % band")
    note = [f"Not shown, for having fewer than {LEAST_PATIENTS} patients: {small}.", ""] if small else []
    return [*table(header, rows), *note]


def _progression(of: Figures, name: str) -> list[str]:
    if not of:
        return []
    rows = [
        (
            f"{100 * group['probability']:.0f} %",
            f"{100 * group['share']:.0f} % [{100 * group['interval'][0]:.0f}, {100 * group['interval'][1]:.0f}]",
            count(group["patients"]),
        )
        for group in of["observed"]
    ]
    low, high = of["brier_difference_interval"]
    gain = of["brier"] - of["brier_of_base_rate"]
    text = (
        f"**{name.capitalize()}**: AUC {_interval(of['auc'])}; Brier score less that of the rate {gain:+.3f} "
        f"[{low:+.3f}, {high:+.3f}]."
    )
    return [text, "", *table(("mean forecast", "observed", "patients"), rows)]


def _patients(groups: Figures) -> list[str]:
    rows = []
    for name, labels in groups.items():
        for label, of in labels.items():
            if "reason" in of:
                rows.append((words(name), label, of["reason"], "", "", ""))
            else:
                error = f"{of['errors']['growth']['mae_mm']:.1f}"
                held = covered(of["coverage_90"])
                rows.append((words(name), label, count(of["patients"]), error, difference(of), held))
    if not rows:
        return ["The source tells no groups of patients.", ""]
    return table(("by", "group", "patients", "error, mm", "difference, mm", "90 % band holds"), rows)
