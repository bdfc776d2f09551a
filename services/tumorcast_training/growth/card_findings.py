"""What the growth forecast does not do well, in words made of its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tumorcast_training.growth.figure import GROUPS, TARGETS, named_group
from tumorcast_training.plots.style import LEAST_PATIENTS

Figures = Mapping[str, Any]
CHOICES = (
    "Damping of trends was added after held-out errors had been seen, and all choices were made on the same patients: "
    "cross-validation does not undo that ([8 Limits](#8-limits)).",
    "Progression and response are by the sum of diameters alone; no treatment is read; the data are of one trial.",
)
_LEVELS = (("coverage_50", 0.5, "50 % band"), ("coverage_90", 0.9, "90 % band"))


def findings(metrics: Figures) -> list[str]:
    """Every negative finding on the targets, and the groups in which the last value is better beyond noise."""
    found = []
    for target, name in reversed(TARGETS.items()):
        if target in metrics:
            found += [f"{name.capitalize()}: {text}." for text in _of_target(metrics, target)]
    return [*found, *_of_progression(metrics)]


def beats(scores: Figures, scale: str = "mae_mm") -> bool:
    """Whether the whole interval of the difference to the last value lies below zero."""
    return bool(scores["difference_to"]["last_value"][scale]["interval"][1] < 0)


def difference(scores: Figures, scale: str = "mae_mm", digits: int = 2) -> str:
    """The difference to the last value, with its interval.

    >>> difference({"difference_to": {"last_value": {"mae_mm": {"value": 0.8286, "interval": [-0.8483, 2.4629]}}}})
    '+0.83 [-0.85, +2.46]'
    """
    found = scores["difference_to"]["last_value"][scale]
    value, low, high = (f"{x:+.{digits}f}" for x in (found["value"], *found["interval"]))
    return f"{value} [{low}, {high}]"


def _of_target(metrics: Figures, target: str) -> Iterator[str]:
    scores = metrics[target]
    if not beats(scores):
        ours, theirs = (scores["errors"][method]["mae_mm"] for method in ("growth", "last_value"))
        yield (
            "the forecast **does not beat carrying the last value forward**: mean error "
            f"{ours:.1f} against {theirs:.1f} mm, difference {difference(scores)}"
        )
    else:
        yield from _where_the_gain_comes_from(metrics, target)
        if not beats(scores, "mae_log"):
            yield (
                "the gain is one in mm; on the log scale, where small tumors count as much as large ones, it is not "
                f"told from none: {difference(scores, 'mae_log', 4)}"
            )
    yield from _worse(metrics, target)
    for key, nominal, band in _LEVELS:
        covered = scores[key]
        low, high = covered["interval"]
        if not low <= nominal <= high:
            side = "wider than it need be" if covered["value"] > nominal else "too narrow"
            held = f"{100 * covered['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
            yield f"the {band} holds {held} of the scans: {side}"


def _groups(metrics: Figures, target: str) -> Iterator[tuple[str, str, Figures]]:
    """Kind of grouping, name of the group, its scores; not of fewer than five patients."""
    for of_target, key, unit in GROUPS:
        if of_target == target:
            for label, scores in metrics.get(key, {}).items():
                if scores["patients"] >= LEAST_PATIENTS:
                    yield unit, named_group(label, unit), scores


def _where_the_gain_comes_from(metrics: Figures, target: str) -> Iterator[str]:
    by_unit: dict[str, list[tuple[str, Figures]]] = {}
    for unit, name, scores in _groups(metrics, target):
        by_unit.setdefault(unit, []).append((name, scores))
    for named in by_unit.values():
        gained = [f"{name} ({difference(scores)} mm)" for name, scores in named if beats(scores)]
        not_told = [name for name, scores in named if not beats(scores)]
        if gained and not_told:
            yield f"the gain comes from {', '.join(gained)}; it is not told from none for {', '.join(not_told)}"


def _worse(metrics: Figures, target: str) -> Iterator[str]:
    for _, name, scores in _groups(metrics, target):
        if scores["difference_to"]["last_value"]["mae_mm"]["interval"][0] > 0:
            patients = scores["patients"]
            yield f"for {name} ({patients} patients) the last value is better beyond noise: {difference(scores)} mm"


def _of_progression(metrics: Figures) -> Iterator[str]:
    for key, name in (("progression_at_next_scan", "next"), ("progression_at_last_scan", "last")):
        groups = metrics.get(key, {}).get("observed", [])
        off = [g for g in groups if not g["interval"][0] <= g["probability"] <= g["interval"][1]]
        if off:
            said = "; ".join(f"{100 * g['probability']:.0f} % said, {100 * g['share']:.0f} % seen" for g in off)
            yield (
                f"Progression at the {name} scan: in {len(off)} of {len(groups)} groups of similar forecasts the "
                f"interval of what was seen excludes what was said ({said})."
            )
