"""What is wrong with a release, as a page: each cause in a sentence, its evidence, the next step, the runbook."""

from __future__ import annotations

import textwrap

from tumorcast_platform.cluster.diagnosis import Diagnosis, Finding, Weight
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.render.platform_status import context_of
from tumorcast_platform.render.text import WIDTH, Line, Style, wrapped

_STYLES = {Weight.BROKEN: Style.ALARM, Weight.WORSE: Style.CAUTION, Weight.NOTE: Style.PLAIN}


def diagnosis_page(snapshot: ReleaseSnapshot, diagnosis: Diagnosis) -> list[Line]:
    """All lines of the page; commands are not broken, so that they can be copied."""
    lines = [_heading(diagnosis), Line(context_of(snapshot), Style.QUIET)]
    for number, finding in enumerate(diagnosis.findings, 1):
        lines += [Line(), *_finding(number, finding)]
    for state in diagnosis.unexplained:
        pods = f"{state.ready} of {state.wanted} pods ready"
        text = f"{state.service} is {state.health} ({state.detail or pods}), and nothing that was read says why."
        lines += [Line(), *wrapped(text[:1].upper() + text[1:], Style.ALARM)]
    if diagnosis.unexplained:
        command = f"kubectl --namespace {snapshot.namespace} get events --sort-by=.metadata.creationTimestamp"
        lines += [Line(f"    {command}", Style.HEADING)]
    looked_at = ", ".join(diagnosis.looked_at) or "nothing"
    lines += [Line(), *wrapped(f"Looked at {looked_at}.", Style.QUIET)]
    for kind, why in sorted(diagnosis.unread.items()):
        lines += wrapped(f"Not read: {kind}. {why}", Style.CAUTION, hanging=2)
    return lines


def _heading(diagnosis: Diagnosis) -> Line:
    if diagnosis.nothing_there and diagnosis.unread:
        return Line("Nothing of this release could be read.", Style.ALARM)
    if diagnosis.nothing_there:
        return Line("Nothing of this release is there. Its name and namespace: helm list --all-namespaces", Style.ALARM)
    if diagnosis.well and not diagnosis.findings:
        where = " in what could be read" if diagnosis.unread else ""
        return Line(f"Nothing wrong was found{where}.", Style.GOOD)
    broken = sum(f.weight is Weight.BROKEN for f in diagnosis.findings)
    count = len(diagnosis.findings) + len(diagnosis.unexplained)
    findings = "One thing is" if count == 1 else f"{count} things are"
    worst = " broken" if broken == count else " not as it should be" if count == 1 else " not as they should be"
    beside = f"; {broken} of them broken" if 0 < broken < count else ""
    return Line(f"{findings}{worst}{beside}.", Style.PLAIN if diagnosis.well else Style.ALARM)


def _finding(number: int, finding: Finding) -> list[Line]:
    lines = wrapped(f"{number}. {finding.cause}", _STYLES[finding.weight], hanging=3)
    for evidence in finding.evidence:
        lines += _quoted(f"{evidence.where}: {evidence.told}")
    for step in finding.steps:
        if step.startswith("$ "):
            lines.append(Line(f"     {step[2:]}", Style.HEADING))
        elif step.startswith(("or ", "then ")):
            lines += wrapped(step, indent=5)
        else:
            lines += wrapped(f"→ {step}", indent=3, hanging=5)
    if finding.runbook:
        lines.append(Line(f"   More: charts/runbooks/{finding.runbook}.md", Style.QUIET))
    return lines


def _quoted(told: str) -> list[Line]:
    """What an object says, without a break inside a name."""
    lines = textwrap.wrap(
        told, WIDTH, initial_indent="   ", subsequent_indent="     ", break_on_hyphens=False, break_long_words=False
    )
    return list(map(Line, lines))


def diagnosis_document(diagnosis: Diagnosis) -> dict[str, object]:
    """The same for ``--json``."""
    return {
        "well": diagnosis.well,
        "findings": [
            {
                "code": f.code,
                "weight": f.weight.name.lower(),
                "cause": f.cause,
                "evidence": [{"where": e.where, "told": e.told} for e in f.evidence],
                "steps": [step.removeprefix("$ ") for step in f.steps],
                "runbook": f.runbook,
                "about": sorted(f.about),
            }
            for f in diagnosis.findings
        ],
        "unexplained": [state.service for state in diagnosis.unexplained],
        "looked_at": list(diagnosis.looked_at),
        "unread": diagnosis.unread,
    }
