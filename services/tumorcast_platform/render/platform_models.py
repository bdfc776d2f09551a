"""Pages about versions of models: what a store holds, its records, and how a shadow compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tumorcast_platform.render.text import Line, Style, columns, wrapped


def store_page(models: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The models of a store, each with the version that answers and the others."""
    if not models:
        return [Line("The store is empty.")]
    rows = [["model", "answers", "shadow", "generation", "versions"]]
    for model in models:
        versions = ", ".join(model["versions"]) or "none"
        rows.append([model["name"], model["active"], model["shadow"] or "–", str(model["generation"] or "–"), versions])
    return [Line(text) for text in columns(rows, align="<<<><", indent=0)]


def history_page(records: Sequence[Mapping[str, Any]], unreadable: Sequence[int]) -> list[Line]:
    """The records of a model, newest first."""
    lines = [Line(f"Record {number} cannot be read.", Style.ALARM) for number in unreadable]
    if not records:
        return [*lines, Line("There is no record: the shipped version answers.")]
    for record in reversed(records):
        shadow = f", shadow {record['shadow']}" if record["shadow"] else ""
        lines.append(Line(f"{record['number']}: {record['active']}{shadow}", Style.HEADING))
        lines += wrapped(f"{record['at'][:19]} by {record['by'] or 'unknown'}", Style.QUIET, indent=3)
        if record["reason"]:
            lines += wrapped(record["reason"], indent=3)
        if evidence := _evidence(record["evidence"]):
            lines += wrapped(evidence, indent=3)
    return lines


def _evidence(evidence: Mapping[str, Any]) -> str:
    if evidence.get("forced"):
        return "Forced: without a shadow's report."
    if "scored" in evidence:
        return f"{evidence['scored']} calls compared, {evidence.get('failed', 0)} failed."
    if "rolled_back_from" in evidence:
        return f"Rolled back from {evidence['rolled_back_from']}."
    return ""


def shadow_page(document: Mapping[str, Any]) -> list[Line]:
    """How a shadow compares, and what speaks against its promotion."""
    lines = [_replica(replica) for replica in document["replicas"]]
    if document["shadow"] is None:
        return [*lines, Line("No replica has a shadow of this model.")]
    lines += [
        Line(f"answers  {document['active']}", Style.HEADING),
        Line(f"shadow   {document['shadow']}", Style.HEADING),
        Line(
            f"{document['scored']} calls compared, {document['failed']} failed, {document['dropped']} not asked for"
            f" want of time; the shadow takes {_number(document['time_ratio'], '.2f')} times as long"
        ),
    ]
    rows = [
        [
            "endpoint",
            "compared",
            "mean",
            "shift",
            "5 %",
            "95 %",
            "tau",
            "flips",
            "abstained: active alone",
            "shadow alone",
        ]
    ]
    rows += [_row(name, found) for name, found in document["endpoints"].items()]
    lines += [Line(text) for text in columns(rows, align="<>>>>>>>>>", indent=0)]
    lines += [Line("Nothing speaks against promoting it.", Style.GOOD)] if not document["objections"] else []
    for objection in document["objections"]:
        lines += wrapped(objection, Style.CAUTION, hanging=2)
    return lines


def _row(name: str, found: Mapping[str, Any]) -> list[str]:
    return [
        name,
        str(found["compared"]),
        _number(found["active_mean"], ".3f"),
        _number(found["mean_difference"], "+.3f"),
        _number(found["difference_p05"], "+.3f"),
        _number(found["difference_p95"], "+.3f"),
        _number(found["kendall_tau"], ".2f"),
        str(found["flips"]),
        str(found["active_abstained"]),
        str(found["shadow_abstained"]),
    ]


def _replica(replica: Mapping[str, Any]) -> Line:
    if replica["failure"]:
        return Line(f"{replica['name']}: {replica['failure']}", Style.CAUTION)
    if not replica["counted"]:
        return Line(f"{replica['name']}: follows other versions, not counted", Style.CAUTION)
    return Line(f"{replica['name']}: {replica['scored']} calls compared", Style.QUIET)


def _number(value: float | None, how: str) -> str:
    return "–" if value is None else f"{value:{how}}"
