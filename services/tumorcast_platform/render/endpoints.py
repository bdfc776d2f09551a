"""Each endpoint as lines: what will happen, when, how sure."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    Endpoint,
    Interval,
    ProbabilityEstimate,
    SurvivalEstimate,
    SurvivalPoint,
    TrajectoryEstimate,
)
from tumorcast_platform.render.curve import survival_curve
from tumorcast_platform.render.text import Line, Style, columns, wrapped
from tumorcast_platform.render.trajectory import trajectory_lines
from tumorcast_platform.render.words import inside, interval_percent, listed, more, percent, range_percent, words

_BAR = 40
"""Columns of a bar that stands for 100 %."""
_MOST_CATEGORIES = 12


def endpoint_lines(endpoint: Endpoint) -> list[Line]:
    """All lines of one endpoint, its name first."""
    lines = [Line(words(endpoint.id), Style.HEADING)]
    match endpoint.estimate:
        case ProbabilityEstimate():
            lines += _probability(endpoint.estimate)
        case SurvivalEstimate():
            lines += _survival(endpoint.id, endpoint.estimate)
        case CompetingRisksEstimate():
            lines += _competing_risks(endpoint.estimate)
        case CategoriesEstimate():
            lines += _categories(endpoint.estimate)
        case TrajectoryEstimate():
            lines += trajectory_lines(endpoint.estimate)
        case None:
            lines += wrapped("No answer: the model abstains. This is not a low risk.", Style.CAUTION, indent=2)
    for reason in endpoint.reasons:
        lines += wrapped(f"{reason.code}: {reason.message}", Style.CAUTION, indent=2, hanging=4)
    return lines


def _probability(estimate: ProbabilityEstimate) -> list[Line]:
    lines = [Line(f"  {percent(estimate.probability)} ({interval_percent(estimate.interval)})")]
    return lines + _possible(estimate) + _baseline(estimate.clinical_baseline, "")


def _possible(estimate: ProbabilityEstimate | CategoriesEstimate) -> list[Line]:
    if not estimate.prediction_set_level:
        return []
    return wrapped(_in_words(estimate.prediction_set, estimate.prediction_set_level), indent=2)


def _in_words(outcomes: Sequence[str], level: float) -> str:
    """Say a conformal prediction set as a sentence.

    >>> _in_words(["response"], 0.9)
    'At 90 % coverage only one outcome remains: response.'
    """
    named = list(map(inside, outcomes))
    at = f"At {100 * level:.0f} % coverage"
    match named:
        case []:
            return f"{at} no outcome fits: this patient is unlike those that the model knows."
        case [one]:
            return f"{at} only one outcome remains: {one}."
        case _:
            return f"Cannot tell: {at[0].lower()}{at[1:]} neither {listed(named, 'nor')} can be excluded."


def _baseline(probability: float | None, of: str) -> list[Line]:
    if probability is None:
        return []
    return [Line(f"  {percent(probability)}{of} from clinical and therapy inputs alone", Style.QUIET)]


def _survival(endpoint_id: str, estimate: SurvivalEstimate) -> list[Line]:
    lines = [Line(f"  median {_median(estimate)}")]
    if estimate.lower_bound_days is not None and estimate.lower_bound_level:
        lines += wrapped(_bound_in_words(endpoint_id, estimate.lower_bound_days, estimate.lower_bound_level), indent=2)
    level = estimate.points[0].interval.level if estimate.points else 0.0
    header = ["after", "survival", f"{100 * level:.0f} % interval"]
    rows = [
        [f"{point.horizon_days:g} days", percent(point.survival), range_percent(point.interval)]
        for point in estimate.points
    ]
    lines += [Line(text) for text in columns([header, *rows], align=">>>")]
    if estimate.points:
        last = f" of surviving {estimate.points[-1].horizon_days:g} days"
        lines += _baseline(estimate.clinical_baseline, last)
        lines += [Line(), *(Line(text) for text in survival_curve(estimate.points))]
    return lines


def _median(estimate: SurvivalEstimate) -> str:
    if estimate.median_days is None:
        return "not reached within the model's follow-up"
    interval = estimate.median_interval
    if interval is None:
        return f"{estimate.median_days:.0f} days"
    upper = f"{interval.upper:.0f}" if interval.upper < float("inf") else "not reached"
    return f"{estimate.median_days:.0f} days ({100 * interval.level:.0f} % interval {interval.lower:.0f}–{upper})"


def _bound_in_words(endpoint_id: str, days: float, level: float) -> str:
    """Say a lower bound on the time as a sentence.

    >>> _bound_in_words("overall_survival", 120.0, 0.9)
    '9 in 10 such patients live longer than 120 days.'
    """
    tenths = round(10 * level, 9)
    share = f"{tenths:.0f} in 10" if tenths.is_integer() else f"{100 * level:g} in 100"
    free_of, _, survival = endpoint_id.partition("_free_")
    if endpoint_id == "overall_survival":
        fate = "live"
    elif survival == "survival":
        fate = f"live without {inside(free_of)}"
    else:
        fate = "are without the event"
    return f"{share} such patients {fate} longer than {days:.0f} days."


def _competing_risks(estimate: CompetingRisksEstimate) -> list[Line]:
    """Tabulate what came first by each horizon; ``survival`` of a cause's point is 1 - its cumulative incidence."""
    found = [{point.horizon_days: point for point in cause.points} for cause in estimate.causes]
    days = sorted(set().union(*found))
    if not days:
        return []
    none = "neither" if len(found) == 2 else "none"
    rows = [["after", *(f"{inside(cause.cause)} first" for cause in estimate.causes), none]]
    for day in days:
        points = [points.get(day) for points in found]
        rest = max(1 - sum(1 - point.survival for point in points if point), 0.0)
        rows.append([f"{day:g} days", *map(_incidence, points), percent(rest) if all(points) else ""])
    level = next(point.interval.level for points in found for point in points.values())
    lines = [Line(text) for text in columns(rows, align=">" * len(rows[0]))]
    lines.append(Line(f"  in parentheses: {100 * level:.0f} % interval", Style.QUIET))
    if estimate.causes[0].points:
        end = f" of no {inside(estimate.causes[0].cause)} by {estimate.causes[0].points[-1].horizon_days:g} days"
        lines += _baseline(estimate.clinical_baseline, end)
    return lines


def _incidence(point: SurvivalPoint | None) -> str:
    if point is None:
        return ""
    interval = Interval(1 - point.interval.upper, 1 - point.interval.lower, point.interval.level)
    return f"{percent(1 - point.survival)} ({range_percent(interval)})"


def _categories(estimate: CategoriesEstimate) -> list[Line]:
    shown = estimate.categories[:_MOST_CATEGORIES]
    rows = [
        [inside(of.category), "█" * round(_BAR * min(max(of.probability, 0), 1)), percent(of.probability)]
        for of in shown
    ]
    lines = [Line(text) for text in columns(rows, align="<<>")]
    return lines + more(len(estimate.categories), len(shown)) + _possible(estimate)
