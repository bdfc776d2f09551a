"""Subgroup panel: the score in each group of patients beside that of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from tumorcast_training.plots import style

MOST_ROWS = 18
_LABEL_CHARACTERS = 28
DISCRIMINATION = ("auc", "harrell_c")
_LABEL_POINTS, _EVENTS_POINTS, _INTERVAL_POINTS = -138.0, 72.0, 168.0


@dataclass(frozen=True, slots=True)
class SubgroupEstimate:
    """The score of one label of one subgroup, with its 95 % limits; ``name`` is empty for all patients."""

    name: str
    label: str
    rows: int
    events: int
    estimate: float
    lower: float
    upper: float


def subgroup_estimates(
    scores: Mapping[str, Any], subgroups: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> tuple[SubgroupEstimate, ...]:
    """All patients, then every label, from ``score_binary`` or ``score_survival`` and from ``by_subgroup``.

    Labels without an interval (too few events) are left out.
    """
    found = [_estimate("", "all", scores)]
    found += [_estimate(name, label, one) for name, labels in subgroups.items() for label, one in labels.items()]
    return tuple(one for one in found if one is not None)


def _estimate(name: str, label: str, scores: Mapping[str, Any]) -> SubgroupEstimate | None:
    interval = next((scores[key] for key in DISCRIMINATION if scores.get(key)), None)
    if interval is None or scores.get("rows", 0) < style.LEAST_PATIENTS:
        return None
    return SubgroupEstimate(name, label, int(scores["rows"]), int(scores.get("events", 0)), *map(float, interval))


def draw(axes: Axes, estimates: Sequence[SubgroupEstimate], score: str) -> None:
    """Draw the panel: one line a label, headed by its subgroup."""
    whole = next((e for e in estimates if not e.name), None)
    parts = [e for e in estimates if e.name]
    if not parts:
        style.say_instead(axes, "no subgroup with enough events" if whole else "no subgroups")
        return
    kept = _largest(parts, MOST_ROWS - len({e.name for e in parts}))
    lines = _lines(whole, kept)
    reach = [e for e in (whole, *kept) if e is not None]
    low, high = min(e.lower for e in reach), max(e.upper for e in reach)
    margin = 0.06 * (high - low)
    for place, (text, one) in enumerate(lines):
        bold = one is None or not one.name
        _beside(axes, place, text, "left", _LABEL_POINTS + (0 if bold else 8), weight="bold" if bold else "normal")
        if one is not None:
            color, marker, size = (style.BLUE, "D", 6.5) if bold else (style.INK, "o", 5.0)
            axes.plot([one.lower, one.upper], [place, place], color=color, linewidth=1.5)
            axes.plot(one.estimate, place, marker, color=color, markersize=size)
            _beside(axes, place, f"{one.events:,} / {one.rows:,}", "right", _EVENTS_POINTS)
            _beside(axes, place, f"{one.estimate:.2f} [{one.lower:.2f}, {one.upper:.2f}]", "right", _INTERVAL_POINTS)
    _beside(axes, -1.0, "events / n", "right", _EVENTS_POINTS, color=style.GRAY)
    _beside(axes, -1.0, "with 95 % interval", "right", _INTERVAL_POINTS, color=style.GRAY)
    if whole is not None:
        axes.axvline(whole.estimate, color=style.BLUE, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    left_out = f"; {len(parts) - len(kept)} smaller groups not drawn" if len(parts) > len(kept) else ""
    axes.set(xlim=(low - margin, high + margin), ylim=(len(lines) - 0.4, -0.7), xlabel=f"{score}{left_out}", yticks=[])
    axes.spines["left"].set_visible(False)
    style.grid(axes, "x")


def _beside(axes: Axes, place: float, text: str, side: str, points: float, **look: Any) -> None:
    """Text beside a line: from ``points`` left of the axes, or up to ``points`` right of them."""
    at, ha = (0, "left") if side == "left" else (1, "right")
    axes.annotate(
        text, (at, place), (points, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha=ha,
        va="center", fontsize=style.SMALL_POINTS, annotation_clip=False, **look,
    )  # fmt: skip


def _largest(parts: Sequence[SubgroupEstimate], most: int) -> list[SubgroupEstimate]:
    """Those with most events, in their own order."""
    order = sorted(range(len(parts)), key=lambda i: -parts[i].events)[: max(most, 1)]
    return [parts[i] for i in sorted(order)]


def _lines(
    whole: SubgroupEstimate | None, kept: Sequence[SubgroupEstimate]
) -> list[tuple[str, SubgroupEstimate | None]]:
    """Headings and estimates from the top down."""
    lines: list[tuple[str, SubgroupEstimate | None]] = [] if whole is None else [("all patients", whole)]
    last = ""
    for one in kept:
        if one.name != last:
            lines.append((_plain(one.name), None))
        last = one.name
        lines.append((_plain(one.label), one))
    return lines


def _plain(name: str) -> str:
    """A label as words, short enough for the margin.

    >>> _plain("non_small_cell_lung")
    'non small cell lung'
    """
    text = name.replace("_", " ")
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 1]}…"
