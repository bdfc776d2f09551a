"""The patient among those the model was trained on: how typical, who is alike, what was observed under treatments."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast_core.prognosis import Endpoint, ObservedOutcome, ObservedUnder, Prognosis, SimilarPatients, Typicality
from tumorcast_platform.render.text import Line, Style, columns, wrapped
from tumorcast_platform.render.words import (
    End,
    headings,
    inside,
    last_ends,
    listed,
    more,
    percent,
    range_percent,
)

_UNUSUAL = 0.05
_MOST_UNUSUAL = 5
_MOST_GROUPS = 3
_MOST_OUTCOMES = 3
_MOST_TREATMENTS = 8
_NO_EFFECT = (
    "What the model predicts for patients like this one who were observed under each treatment. They differed in more "
    "than the treatment: this is NOT an effect of the treatment and does not say which to choose."
)


def patient_lines(prognosis: Prognosis) -> list[Line]:
    """All that is told of the training patients; nothing where the model tells nothing."""
    parts = (
        _typicality(prognosis.typicality) if prognosis.typicality else [],
        _similar(prognosis.similar, prognosis.endpoints),
        _observed_under(prognosis.observed_under, prognosis.endpoints),
    )
    return [line for part in parts if part for line in (Line(), *part)]


def _typicality(typicality: Typicality) -> list[Line]:
    unusual = listed(map(inside, typicality.unusual_inputs[:_MOST_UNUSUAL]))
    lines = [Line("How typical the patient is", Style.HEADING)]
    if typicality.percentile < _UNUSUAL:
        text = f"More unusual than {percent(1 - typicality.percentile)} of the training patients"
        return lines + wrapped(f"{text}{f': {unusual}' if unusual else ''}.", Style.CAUTION, indent=2, hanging=4)
    text = f"Within the usual: {percent(typicality.percentile)} of the training patients are less typical"
    return lines + wrapped(f"{text}{f'; most unusual: {unusual}' if unusual else ''}.", indent=2, hanging=4)


def _similar(groups: Sequence[SimilarPatients], endpoints: Sequence[Endpoint]) -> list[Line]:
    if not groups:
        return []
    lines = [Line("Training patients who are alike", Style.HEADING)]
    for group in groups[:_MOST_GROUPS]:
        head = f"{group.patients} patients, {group.distance:.1f} SD away: {group.description}"
        lines += wrapped(head, indent=2, hanging=4)
        outcomes = (_outcome(outcome, endpoints) for outcome in group.outcomes[:_MOST_OUTCOMES])
        lines += wrapped("; ".join(outcomes), indent=4, hanging=4)
    hidden = any(len(group.outcomes) > _MOST_OUTCOMES for group in groups[:_MOST_GROUPS])
    if hidden and len(groups) <= _MOST_GROUPS:
        lines.append(Line("  … more outcomes: --json shows all", Style.QUIET))
    return lines + more(len(groups), _MOST_GROUPS)


def _outcome(outcome: ObservedOutcome, endpoints: Sequence[Endpoint]) -> str:
    name, when = headings(End(outcome.endpoint_id, outcome.horizon_days), endpoints)
    label = f"{name} {when}".rstrip()
    return f"{label} {percent(outcome.share)} ({range_percent(outcome.interval)})"


def _observed_under(rows: Sequence[ObservedUnder], endpoints: Sequence[Endpoint]) -> list[Line]:
    if not rows:
        return []
    found = (End(c.endpoint_id, c.horizon_days) for row in rows for c in row.predictions)
    ends = last_ends(found, endpoints)
    above = [headings(end, endpoints) for end in ends]
    shown = sorted(rows, key=lambda row: (not row.given, bool(row.withheld), -row.patients))[:_MOST_TREATMENTS]
    headers = [["", "", "", *(name for name, _ in above)], ["treatment", "", "patients", *(when for _, when in above)]]
    cells = [[_treatment(row), "given" * row.given, f"{row.patients}", *_predicted(row, ends)] for row in shown]
    table = columns([*headers, *cells], align="<<>" + ">" * len(ends))
    lines = [Line("Observed under each treatment", Style.HEADING)]
    lines += wrapped(_NO_EFFECT, Style.CAUTION, indent=2)
    lines += [Line(text, Style.QUIET) for text in table[:2] if text]
    for row, text in zip(shown, table[2:], strict=True):
        lines.append(Line(text, Style.QUIET if row.withheld else Style.PLAIN))
        if row.withheld:
            lines += wrapped(f"withheld: {row.withheld.code}: {row.withheld.message}", Style.QUIET, indent=4, hanging=6)
    return lines + more(len(rows), len(shown))


def _treatment(row: ObservedUnder) -> str:
    return f"{inside(row.input)}: {inside(row.category)}"


def _predicted(row: ObservedUnder, ends: Sequence[End]) -> list[str]:
    values = {(c.endpoint_id, c.horizon_days): c.value for c in row.predictions}
    return [percent(values[end]) if end in values else "" for end in ends]
