"""How good the model is in parts: groups of patients, and subsets of the inputs."""

from __future__ import annotations

from typing import Any

from tumorcast_training.cards.markdown import estimate, few, table, words
from tumorcast_training.cards.reading import Endpoint, Figures, by_part, discrimination, horizon_near_a_year, mapping
from tumorcast_training.cards.verdicts import MARGIN

_MOST_SUBSETS = 15


def subgroups(endpoint: Endpoint) -> list[str]:
    """Score and calibration in every label of every subgroup."""
    rows = []
    for name, labels in mapping(endpoint.figures, "subgroups").items():
        for label, scores in labels.items() if isinstance(labels, dict) else ():
            if isinstance(scores, dict):
                rows.append(_subgroup(endpoint, f"{words(name)}: {words(str(label))}", scores))
    if not rows:
        return ["Subgroups: not computed.", ""]
    calibration = "observed / expected" if endpoint.spec.about_times else "calibration intercept"
    header = ("patients", "n", "events", endpoint.score_name, "calibration slope", calibration)
    return [
        "By group of patients (a group with too few events is only counted, below five not even that):",
        "",
        *table(header, rows),
    ]


def _subgroup(endpoint: Endpoint, name: str, scores: Figures) -> tuple[str, ...]:
    parts = by_part(scores, endpoint.spec) if "reason" not in scores else []
    first: Figures = parts[0][1] if parts else scores
    counted = (name, *(few(first.get(key)) for key in ("rows", "events")))
    if "reason" in first:
        return (*counted, str(first["reason"]), "", "")
    near = horizon_near_a_year(first)[1] if endpoint.spec.about_times else first
    second = near.get("observed_to_expected") if endpoint.spec.about_times else near.get("calibration_intercept")
    return (*counted, estimate(discrimination(first)), estimate(near.get("calibration_slope")), estimate(second))


def subsets(endpoint: Endpoint) -> list[str]:
    """The score with only some groups given, beside a model that was trained on just these."""
    found = [s for s in endpoint.figures.get("subsets") or [] if isinstance(s, dict)]
    if not found:
        return ["Subsets of the groups: not computed.", ""]
    shown = sorted(_chosen(found), key=lambda s: len(s["groups"]))
    equal = all(mapping(s, "difference_to_own").get("mean") == 0 for s in found)
    same = " Every subset has a linear model of its own, which is that very model." if equal else ""
    header = ("given", endpoint.score_name, "trained on just these", "difference (one-sided 95 % bound)")
    lower = [b for s in found if isinstance(b := mapping(s, "difference_to_own").get("lower"), int | float)]
    worst = f" The lowest bound of all {len(lower)} is {min(lower):+.3f}; {MARGIN:g} was allowed." if lower else ""
    rest = f" {len(found) - len(shown)} further subsets stand in `metrics.json`." if len(shown) < len(found) else ""
    return [
        f"With only some groups given, {endpoint.score_name} by fold (mean ± spread).{same}{worst}{rest}",
        "",
        *table(header, map(_subset, shown)),
    ]


def _chosen(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All where they are few; else each group alone, all but one, all, and the worst."""
    if len(found) <= _MOST_SUBSETS:
        return found
    most = max(len(s["groups"]) for s in found)
    worst = min(found, key=lambda s: mapping(s, "difference_to_own").get("lower") or 0.0)
    return [s for s in found if len(s["groups"]) in (1, most - 1, most) or s is worst]


def _subset(one: Figures) -> tuple[str, ...]:
    test = mapping(one, "difference_to_own")
    mean, lower = test.get("mean"), test.get("lower")
    difference = (
        "not computed" if mean is None else f"{mean:+.3f}" + (f" (above {lower:+.3f})" if lower is not None else "")
    )
    return (
        " + ".join(one.get("groups") or ["nothing"]),
        estimate(one.get("score")),
        estimate(one.get("own")),
        difference,
    )
