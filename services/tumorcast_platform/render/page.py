"""One page per patient: what will happen, when, how sure, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tumorcast_core.prognosis import Prognosis
from tumorcast_core.snapshot import Issue, Severity
from tumorcast_platform.render.endpoints import endpoint_lines
from tumorcast_platform.render.inputs import input_lines
from tumorcast_platform.render.patients import patient_lines
from tumorcast_platform.render.text import WIDTH, Line, Style, wrapped
from tumorcast_platform.render.words import more

_MOST_ISSUES = 8


def prognosis_page(prognosis: Prognosis) -> list[Line]:
    """All lines of the page, of at most 100 columns."""
    lines = list(_banner(prognosis.simulated))
    lines.append(Line(f"Prognosis as of {prognosis.index_date or 'an unknown day'}", Style.HEADING))
    for endpoint in prognosis.endpoints:
        lines += [Line(), *endpoint_lines(endpoint)]
    lines += [Line(), *input_lines(prognosis.inputs, prognosis.endpoints)]
    lines += patient_lines(prognosis)
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


def _issues(issues: Sequence[Issue]) -> list[Line]:
    if not issues:
        return []
    order = (Severity.FATAL, Severity.ERROR, Severity.WARNING, Severity.INFORMATION)
    lines = [Line(), Line("What was noticed", Style.HEADING)]
    for issue in sorted(issues, key=lambda i: order.index(i.severity))[:_MOST_ISSUES]:
        where = " ".join(filter(None, (issue.origin, issue.timepoint)))
        text = f"{issue.severity} {f'({where}) ' if where else ''}{issue.code}: {issue.message}"
        lines += wrapped(text, Style.CAUTION if issue.blocks else Style.PLAIN, indent=2, hanging=4)
    return lines + more(len(issues), _MOST_ISSUES)
