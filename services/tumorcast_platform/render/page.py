"""One page per patient: what will happen, when, how sure, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tumorcast_core.prognosis import (
    Endpoint,
    InputStatus,
    InputUse,
    Interval,
    ProbabilityEstimate,
    Prognosis,
    SurvivalEstimate,
)
from tumorcast_core.snapshot import Issue, Severity
from tumorcast_platform.render.curve import survival_curve
from tumorcast_platform.render.text import WIDTH, Line, Style, columns, wrapped

_MOST_ISSUES = 8
_MOST_CONTRIBUTIONS = 2
"""Columns of contributions that fit beside the groups; JSON has them all."""
_STATUS_STYLE = {InputStatus.USED: Style.GOOD, InputStatus.ABSENT: Style.QUIET, InputStatus.REJECTED: Style.CAUTION}


def prognosis_page(prognosis: Prognosis) -> list[Line]:
    """All lines of the page, of at most 100 columns."""
    lines = list(_banner(prognosis.simulated))
    lines.append(Line(f"Prognosis as of {prognosis.index_date or 'an unknown day'}", Style.HEADING))
    for endpoint in prognosis.endpoints:
        lines += [Line(), *_endpoint(endpoint)]
    lines += [Line(), *_inputs(prognosis.inputs)]
    lines += _issues(prognosis.issues)
    model = prognosis.model
    lines += [Line(), *wrapped(prognosis.disclaimer)]
    lines += [Line(f"Model {model.name} {model.version}, sha256 {model.sha256}", Style.QUIET)]
    lines += [Line(f"Prognosis id {prognosis.prognosis_id}", Style.QUIET)] if prognosis.prognosis_id else []
    return [line.within(WIDTH) for line in lines]


def _banner(simulated: bool) -> Iterable[Line]:
    if simulated:
        rule = Line("═" * WIDTH, Style.ALARM)
        text = "SIMULATED: the model knows simulated patients only. Not for the care of anyone."
        yield from (rule, Line(f" {text}", Style.ALARM), rule, Line())


def _endpoint(endpoint: Endpoint) -> list[Line]:
    lines = [Line(_words(endpoint.id), Style.HEADING)]
    match endpoint.estimate:
        case ProbabilityEstimate():
            lines += _probability(endpoint.estimate)
        case SurvivalEstimate():
            lines += _survival(endpoint.estimate)
        case None:
            lines += wrapped("No answer: the model abstains. This is not a low risk.", Style.CAUTION, indent=2)
    for reason in endpoint.reasons:
        lines += wrapped(f"{reason.code}: {reason.message}", Style.CAUTION, indent=2, hanging=4)
    return lines


def _probability(estimate: ProbabilityEstimate) -> list[Line]:
    lines = [Line(f"  {_percent(estimate.probability)} ({_interval_percent(estimate.interval)})")]
    if estimate.prediction_set_level:
        lines += wrapped(_in_words(estimate.prediction_set, estimate.prediction_set_level), indent=2)
    return lines + _baseline(estimate.clinical_baseline, "")


def _in_words(outcomes: Sequence[str], level: float) -> str:
    """Say a conformal prediction set as a sentence.

    >>> _in_words(["response"], 0.9)
    'At 90 % coverage only one outcome remains: response.'
    """
    named = [_words(outcome).lower() for outcome in outcomes]
    at = f"At {100 * level:.0f} % coverage"
    match named:
        case []:
            return f"{at} no outcome fits: this patient is unlike those that the model knows."
        case [one]:
            return f"{at} only one outcome remains: {one}."
        case _:
            listed = f"{', '.join(named[:-1])} nor {named[-1]}"
            return f"Cannot tell: {at[0].lower()}{at[1:]} neither {listed} can be excluded."


def _survival(estimate: SurvivalEstimate) -> list[Line]:
    lines = [Line(f"  median {_median(estimate)}")]
    level = estimate.points[0].interval.level if estimate.points else 0.0
    header = ["after", "survival", f"{100 * level:.0f} % interval"]
    rows = [
        [f"{point.horizon_days:g} days", _percent(point.survival), _range_percent(point.interval)]
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


def _baseline(probability: float | None, of: str) -> list[Line]:
    if probability is None:
        return []
    return [Line(f"  {_percent(probability)}{of} from clinical and therapy inputs alone", Style.QUIET)]


def _inputs(inputs: Sequence[InputUse]) -> list[Line]:
    """Tabulate the input groups; contributions in percentage points of the probability that they moved."""
    ends = list(dict.fromkeys((c.endpoint_id, c.horizon_days) for use in inputs for c in use.contributions))
    ends = ends[:_MOST_CONTRIBUTIONS]
    headers = [
        ["", "", "", *(_words(endpoint_id).lower() for endpoint_id, _ in ends)],
        ["input", "modality", "", *(f"at {horizon_days:g} days" if horizon_days else "" for _, horizon_days in ends)],
    ]
    rows = [[use.group, use.modality, use.status, *(_moved(use, end) for end in ends)] for use in inputs]
    table = columns([*headers, *rows], align="<<<" + ">" * len(ends))
    lines = [Line("Inputs, and what each moved in percentage points" if ends else "Inputs", Style.HEADING)]
    lines += [Line(text, Style.QUIET) for text in table[: len(headers)] if text]
    for use, text in zip(inputs, table[len(headers) :], strict=True):
        lines.append(Line(text, _STATUS_STYLE[use.status]))
        if use.reason:
            lines += wrapped(f"{use.reason.code}: {use.reason.message}", Style.QUIET, indent=4, hanging=6)
    return lines


def _moved(use: InputUse, end: tuple[str, float]) -> str:
    value = next((c.value for c in use.contributions if (c.endpoint_id, c.horizon_days) == end), None)
    return "" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def _issues(issues: Sequence[Issue]) -> list[Line]:
    if not issues:
        return []
    order = (Severity.FATAL, Severity.ERROR, Severity.WARNING, Severity.INFORMATION)
    lines = [Line(), Line("What was noticed", Style.HEADING)]
    for issue in sorted(issues, key=lambda i: order.index(i.severity))[:_MOST_ISSUES]:
        where = " ".join(filter(None, (issue.origin, issue.timepoint)))
        text = f"{issue.severity} {f'({where}) ' if where else ''}{issue.code}: {issue.message}"
        lines += wrapped(text, Style.CAUTION if issue.blocks else Style.PLAIN, indent=2, hanging=4)
    if len(issues) > _MOST_ISSUES:
        lines.append(Line(f"  … and {len(issues) - _MOST_ISSUES} more: --json shows all", Style.QUIET))
    return lines


def _words(identifier: str) -> str:
    """Turn an identifier into words.

    >>> _words("progression_free_survival")
    'Progression-free survival'
    """
    return identifier.replace("_free_", "-free ").replace("_", " ").capitalize()


def _percent(probability: float) -> str:
    """Give a probability in whole percent, never rounded to certainty.

    >>> _percent(0.999)
    '> 99 %'
    """
    if 0 < probability < 0.005:
        return "< 1 %"
    if 0.995 <= probability < 1:
        return "> 99 %"
    return f"{100 * probability:.0f} %"


def _interval_percent(interval: Interval) -> str:
    return f"{100 * interval.level:.0f} % interval {_range_percent(interval)}"


def _range_percent(interval: Interval) -> str:
    return f"{100 * interval.lower:.0f}–{100 * interval.upper:.0f}"
