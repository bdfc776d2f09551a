"""What beats what: learners, floors and the clinical baseline; shuffled outcomes and sensitivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_training.cards.markdown import NOT_COMPUTED, count, estimate, gain, table, words
from tumorcast_training.cards.reading import Endpoint, discrimination, mapping
from tumorcast_training.cards.verdicts import clears, contains, selection

_VERDICTS = {True: "clears noise", False: "**does not clear noise**", None: "not tested"}


def render(endpoint: Endpoint) -> list[str]:
    """Which learner is shipped, and what stands beside it on the same folds."""
    figures = endpoint.figures
    candidates = mapping(figures, "candidates")
    rows = [
        (name, estimate(of.get("score")), gain(mapping(of, "gain_over_linear")) if name != "linear" else "")
        for name, of in candidates.items()
        if isinstance(of, Mapping)
    ]
    weights = {name: w for name, w in mapping(figures, "weights").items() if isinstance(w, int | float)}
    blended = f" Weights: {', '.join(f'{name} {w:g}' for name, w in weights.items())}." if len(weights) > 1 else ""
    learners = [
        f"{endpoint.score_name} by fold (mean ± spread), gains paired by fold with their one-sided 95 % bound:",
        "",
    ]
    return [
        f"{selection(endpoint)}{blended}",
        "",
        *([*learners, *table(("learner", endpoint.score_name, "gain over linear"), rows)] if rows else []),
        *_beside(endpoint),
    ]


def _beside(endpoint: Endpoint) -> list[str]:
    rows = [
        (f"floor: ridge, {words(name)}", estimate(of.get("score")), gain(mapping(of, "gain")), _VERDICTS[clears(of)])
        for name, of in endpoint.floors
    ]
    baseline, added = mapping(endpoint.figures, "baseline"), endpoint.baseline_gain
    if baseline:
        groups = ", ".join(baseline.get("groups") or ())
        name = f"clinical baseline: {groups}" if groups else "clinical baseline"
        rows.append((name, estimate(baseline.get("score")), gain(added), _VERDICTS[clears({"gain": added})]))
    header = ("beside it", endpoint.score_name, "gain of the shipped model", "verdict")
    first = "first_visit" in endpoint.figures and endpoint.figures["first_visit"] is not None
    note = ["Floors are compared on first visits.", ""] if first and endpoint.floors else []
    return [*table(header, rows), *note] if rows else ["Floor and clinical baseline: not computed.", ""]


def shuffled(endpoint: Endpoint) -> list[str]:
    """The score with outcomes dealt out at random: what is above chance would be leakage."""
    found = mapping(endpoint.figures, "shuffled")
    interval = found.get("score") or discrimination(found)
    if not interval:
        return ["Shuffled outcomes: not computed.", ""]
    verdict = {True: "contains 0.5, as it must", False: "**excludes 0.5: something leaks**", None: "no interval"}
    return [f"With shuffled outcomes the score is {estimate(interval)}: {verdict[contains(interval, 0.5)]}.", ""]


def sensitivity(endpoint: Endpoint) -> list[str]:
    """The same under other choices: how an event that only visits reveal is dated."""
    found = {name: of for name, of in mapping(endpoint.figures, "sensitivity").items() if isinstance(of, Mapping)}
    if not found:
        return []
    days = sorted({day for of in found.values() for day in mapping(of, "mean_incidence")}, key=float)
    rows = [(words(name), *_choice(of, days)) for name, of in found.items()]
    header = ("event dated", f"{endpoint.score_name}, linear", *(f"mean risk by day {day}" for day in days))
    return ["Sensitivity: only visits reveal the event, so its day is a choice.", "", *table(header, rows)]


def _choice(of: Mapping[str, Any], days: list[str]) -> list[str]:
    incidence = mapping(of, "mean_incidence")
    score = of.get("linear") or of.get("score")
    told = (incidence.get(day) for day in days)
    return [estimate(score), *(f"{100 * x:.1f} %" if isinstance(x, int | float) else NOT_COMPUTED for x in told)]


def abstained(endpoint: Endpoint) -> list[str]:
    """How often no answer was given, and why."""
    found = endpoint.figures.get("abstained")
    if found is None:
        return []
    if not isinstance(found, Mapping):
        return [f"Abstained: {count(found)} rows.", ""]
    reasons = found.get("reasons")
    why = (
        ", ".join(f"{n:,} {words(str(code)).lower()}" for code, n in reasons.items())
        if isinstance(reasons, Mapping)
        else ""
    )
    return [f"Abstained: {count(found.get('rows', found.get('count')))} rows{f' ({why})' if why else ''}.", ""]
