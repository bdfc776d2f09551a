"""An evaluation of a model of tables as a page of text: every figure with its 95 % interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tumorcast_platform.render.text import Line, Style, columns, wrapped

Document = Mapping[str, Any]
_NAMES = {
    "auc": "AUC",
    "harrell_c": "C (Harrell)",
    "uno_c": "C (Uno)",
    "brier": "Brier score",
    "integrated_brier": "integrated Brier score",
    "ece": "calibration error (ECE)",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "observed_to_expected": "observed / expected",
}
_OF_HORIZON = ("auc", "observed_to_expected", "calibration_slope")
_SUBSETS = 12


def evaluation_page(found: Document) -> list[Line]:
    """The whole evaluation; subsets of groups come last, the best first."""
    model = found["model"]
    head = f"{model['name']} {model['version']} on {found['rows']} rows of {found['patients']} patients"
    lines = [Line(head, Style.HEADING)]
    for warning in found["warnings"]:
        lines += wrapped(f"{warning['code']}: {warning['message']}", Style.CAUTION, indent=2, hanging=4)
    if abstained := found["abstained"]["rows"]:
        reasons = ", ".join(f"{code} {count}" for code, count in found["abstained"]["reasons"].items())
        lines += wrapped(f"Not answered, and not in the scores: {abstained} rows ({reasons})", indent=2, hanging=4)
    lines += _columns(found)
    for name, endpoint in found["endpoints"].items():
        lines += [Line(), *_endpoint(name, endpoint)]
    return lines


def _columns(found: Document) -> list[Line]:
    read = found["columns"]["read"]
    inputs = sum(column["role"] == "input" for column in read.values())
    lacking, unread = (len(found["columns"][key]) for key in ("absent", "not_read"))
    lines = [Line(f"  Columns: {inputs} inputs read, {lacking} of the model's absent, {unread} others not read")]
    for name, column in read.items():
        if column["refused"]:
            reasons = ", ".join(f"{code} {count}" for code, count in column["refused"].items())
            lines += wrapped(f"refused in {name}: {reasons}", Style.CAUTION, indent=4, hanging=6)
    groups = ", ".join(f"{group} {of_it['rows']}" for group, of_it in found["groups"].items())
    return [*lines, *wrapped(f"Rows that have any input of a group: {groups}", indent=2, hanging=4)]


def _endpoint(name: str, endpoint: Document) -> Iterator[Line]:
    yield Line(f"{name} ({endpoint['kind']})", Style.HEADING)
    beside = endpoint["baseline"]
    for question, scores in _each(endpoint["scores"]):
        title = f"  {question}: " if question else "  "
        yield Line(f"{title}{scores['rows']} rows, {scores['events']} events")
        alone = _of(beside["scores"], question) if beside else None
        gain = _of(beside["gain_over_it"], question) if beside else None
        yield from _scores(scores, alone, gain)
        for group, labels in endpoint["subgroups"].items():
            yield from _subgroup(group, _of(labels, question) if question else labels)
        yield from _subsets(endpoint.get("subsets", ()), question)


def _scores(scores: Document, alone: Document | None, gain: Document | None) -> Iterator[Line]:
    header = ["", "model", *(["clinical baseline"] if alone else [])]
    rows = [
        [_NAMES[key], figure(scores[key]), *([figure(alone.get(key))] if alone else [])]
        for key in _NAMES
        if key in scores
    ]
    yield from _table([header, *rows])
    for key, interval in (gain or {}).items():
        yield Line(f"    gain over the baseline, {_NAMES[key]}, same rows: {figure(interval, signed=True)}")
    if null := scores.get("ece_null"):
        told = "within" if null["within"] else "ABOVE"
        yield Line(f"    ECE is {told} the 95th percentile of perfect calibration, {null['percentile_95']:.3f}")
    for key, what in (("prediction_sets", "prediction sets"), ("lower_bounds", "lower bounds")):
        if (found := scores.get(key)) and found["coverage"]:
            yield Line(f"    {what} of {found['nominal']:.0%} cover {figure(found['coverage'])}")
    if horizons := {day: of_it for day, of_it in scores.get("horizons", {}).items() if of_it.get("brier")}:
        names = [_NAMES[key] for key in _OF_HORIZON]
        yield from _table(
            [["by day", *names], *([d, *(figure(h.get(k)) for k in _OF_HORIZON)] for d, h in horizons.items())]
        )


def _subgroup(name: str, labels: Document) -> Iterator[Line]:
    yield Line(f"    by {name}", Style.QUIET)
    for label, scores in labels.items():
        told = scores["reason"] if "reason" in scores else figure(scores.get("auc") or scores.get("harrell_c"))
        yield Line(f"      {label}: {told}, {scores['rows']} rows, {scores['events']} events")


def _subsets(subsets: Sequence[Document], question: str) -> Iterator[Line]:
    if not subsets:
        return
    yield Line("    from some groups only", Style.QUIET)
    rows = []
    for subset in subsets:
        ((key, score),) = _of(subset["score"], question).items()
        loss = _of(subset["loss_to_all_groups"], question)[key]
        rows.append(
            (score, [" + ".join(subset["groups"]), str(subset["rows"]), figure(score), figure(loss, signed=True)])
        )
    ordered = sorted(rows, key=lambda row: -(row[0] or [0.0])[0])
    if len(ordered) > _SUBSETS:
        yield Line(f"      the best {_SUBSETS} of {len(ordered)}; --json has all", Style.QUIET)
        ordered = ordered[:_SUBSETS]
    yield from _table([["groups", "rows", "score", "lost to all groups"], *(cells for _, cells in ordered)], indent=6)


def _each(scores: Document) -> list[tuple[str, Document]]:
    return [("", scores)] if "rows" in scores else list(scores.items())


def _of(found: Document, question: str) -> Document:
    chosen: Document = found[question] if question else found
    return chosen


def _table(rows: Sequence[Sequence[str]], indent: int = 4) -> list[Line]:
    return [Line(text) for text in columns(rows, align="<" + ">" * (len(rows[0]) - 1), indent=indent, gap=2)]


def figure(values: Sequence[float] | None, *, signed: bool = False) -> str:
    """An estimate with its interval.

    >>> figure([0.8123, 0.77, 0.85]), figure([0.0123, -0.02, 0.05], signed=True), figure(None)
    ('0.812 (0.770 to 0.850)', '+0.012 (-0.020 to +0.050)', 'not known')
    """
    if values is None:
        return "not known"
    sign = "+" if signed else ""
    estimate, lower, upper = (f"{v:{sign}.3f}" for v in values)
    return f"{estimate} ({lower} to {upper})"
