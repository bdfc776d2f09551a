"""Names and numbers as a reader sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tumorcast_core.prognosis import CategoriesEstimate, CompetingRisksEstimate, Endpoint, Interval
from tumorcast_platform.render.text import Line, Style

MOST_ENDPOINTS = 2
"""Columns of numbers by endpoint that fit beside a name; JSON has them all."""


class End(NamedTuple):
    """An endpoint's number: P(event), or P(not the first category), or P(no event by ``horizon_days``)."""

    endpoint_id: str
    horizon_days: float


def words(identifier: str) -> str:
    """Turn an identifier into words.

    >>> words("progression_free_survival")
    'Progression-free survival'
    """
    return identifier.replace("_free_", "-free ").replace("_", " ").capitalize()


def inside(identifier: str) -> str:
    """The same inside a sentence; abbreviations stay in capitals.

    >>> inside("No response"), inside("PR")
    ('no response', 'PR')
    """
    return identifier.replace("_", " ") if identifier.isupper() else words(identifier).lower()


def percent(probability: float) -> str:
    """Give a probability in whole percent, never rounded to certainty.

    >>> percent(0.999)
    '> 99 %'
    """
    if 0 < probability < 0.005:
        return "< 1 %"
    if 0.995 <= probability < 1:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def interval_percent(interval: Interval) -> str:
    """Name the level and the limits.

    >>> interval_percent(Interval(0.5, 0.75, 0.95))
    '95 % interval 50–75'
    """
    return f"{100 * interval.level:.0f} % interval {range_percent(interval)}"


def range_percent(interval: Interval) -> str:
    """The limits alone."""
    return f"{100 * interval.lower:.0f}–{100 * interval.upper:.0f}"


def signed(value: float, digits: int) -> str:
    """A number with its sign, a true minus among them.

    >>> signed(-0.25, 1)
    '−0.2'
    """
    return f"{value:+.{digits}f}".replace("-", "−")


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, final = [*names] or [""]
    return f"{', '.join(first)} {last} {final}" if first else final


def plural(count: int, noun: str) -> str:
    """A number of things.

    >>> plural(1, "slice"), plural(2, "slice")
    ('1 slice', '2 slices')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def more(count: int, shown: int) -> list[Line]:
    """Say how many of a list were left out; nothing where all were shown."""
    return [Line(f"  … and {count - shown} more: --json shows all", Style.QUIET)] if count > shown else []


def last_ends(found: Iterable[End], endpoints: Sequence[Endpoint]) -> list[End]:
    """The last horizon of each endpoint found, in the order of the answer, as many as fit."""
    last: dict[str, float] = {}
    for end in found:
        last[end.endpoint_id] = max(end.horizon_days, last.get(end.endpoint_id, end.horizon_days))
    order = {endpoint.id: i for i, endpoint in enumerate(endpoints)}
    ids = sorted(last, key=lambda endpoint_id: order.get(endpoint_id, len(order)))
    return [End(endpoint_id, last[endpoint_id]) for endpoint_id in ids[:MOST_ENDPOINTS]]


def headings(end: End, endpoints: Sequence[Endpoint]) -> tuple[str, str]:
    """What the number of ``end`` is the probability of, on two lines.

    >>> headings(End("overall_survival", 365.0), []), headings(End("progression", 365.0), [])
    (('overall survival', 'at 365 days'), ('no progression', 'by 365 days'))
    """
    estimate = next((e.estimate for e in endpoints if e.id == end.endpoint_id), None)
    if isinstance(estimate, CategoriesEstimate) and estimate.categories:
        return inside(end.endpoint_id), f"not {inside(estimate.categories[0].category)}"
    if not end.horizon_days:
        return inside(end.endpoint_id), ""
    if isinstance(estimate, CompetingRisksEstimate) and estimate.causes:
        return f"no {inside(estimate.causes[0].cause)}", f"by {end.horizon_days:g} days"
    if end.endpoint_id.endswith("survival"):
        return inside(end.endpoint_id), f"at {end.horizon_days:g} days"
    return f"no {inside(end.endpoint_id)}", f"by {end.horizon_days:g} days"
