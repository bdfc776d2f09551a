"""What was found, endpoint by endpoint."""

from __future__ import annotations

from tumorcast_training.cards import comparisons, groups
from tumorcast_training.cards.markdown import NOT_COMPUTED, count, estimate, p_value, table, words
from tumorcast_training.cards.reading import (
    Endpoint,
    Figures,
    Source,
    by_part,
    horizon_near_a_year,
    known,
    mapping,
    test_scores,
)
from tumorcast_training.cards.verdicts import contains, coverage, intervals_tested, miscalibrations

_HORIZON_FIGURES = ("auc", "brier", "observed_to_expected", "calibration_slope", "calibration_intercept")


def render(source: Source) -> list[str]:
    """Section 7: every endpoint, then the test set."""
    lines = ["## 7 Results", "", "Out of fold, so of no patient that a model had seen; [estimate, 95 % interval].", ""]
    for place, endpoint in enumerate(source.endpoints, 1):
        lines += [f"### 7.{place} {words(endpoint.spec.id).capitalize()}", ""]
        lines += _endpoint(source, endpoint) if endpoint.figures else [f"{NOT_COMPUTED.capitalize()}.", ""]
    return [*lines, *_test_set(source)]


def _endpoint(source: Source, endpoint: Endpoint) -> list[str]:
    plot = source.plots.get(endpoint.spec.id)
    picture = [f"![Calibration, decision curve, risk groups and subgroups of {words(endpoint.spec.id)}]({plot})", ""]
    lines = [*comparisons.render(endpoint), *(picture if plot else [])]
    parts = endpoint.scored
    for part, scores in parts:
        lines += [f"#### {words(part).capitalize()}", ""] if part else []
        lines += scores_of(scores)
    if not parts:
        lines += ["Scores out of fold: not computed.", ""]
    lines += _first_visit(endpoint)
    return [*lines, *groups.subgroups(endpoint), *groups.subsets(endpoint), *_checks(endpoint)]


def scores_of(scores: Figures) -> list[str]:
    """Discrimination, calibration, coverage and net benefit of one dictionary of scores."""
    lines = [", ".join(f"{count(scores.get(name))} {name}" for name in ("rows", "patients", "events")) + ".", ""]
    figures = _of_times(scores) if "harrell_c" in scores else _of_probability(scores)
    lines += table(("figure", "estimate", "reads"), figures)
    if "harrell_c" in scores:
        lines += _horizons(scores)
    lines += _calibration_verdict(scores)
    lines += _net_benefit(scores)
    reasons = {name: why for name, why in mapping(scores, "reasons").items() if scores.get(name) is None}
    told = "; ".join(f"{words(name)}: {why}" for name, why in sorted(reasons.items()))
    return [*lines, *([f"Not computed: {told}.", ""] if told else [])]


def _of_probability(scores: Figures) -> list[tuple[str, str, str]]:
    null = mapping(scores, "ece_null")
    beside = (
        f"under perfect calibration below {null['percentile_95']:.3f} in 95 of 100; {p_value(null.get('p'))}"
        if null.get("percentile_95") is not None
        else "no null: rows are not independent, or too few"
    )
    return [
        ("AUC", estimate(scores.get("auc")), "0.5 is a coin"),
        ("Brier score", estimate(scores.get("brier")), "0 is perfect"),
        ("scaled Brier score", estimate(scores.get("scaled_brier")), "0 says no more than the event rate"),
        ("calibration slope", estimate(scores.get("calibration_slope")), _contains(scores.get("calibration_slope"), 1)),
        (
            "calibration intercept",
            estimate(scores.get("calibration_intercept")),
            _contains(scores.get("calibration_intercept"), 0),
        ),
        ("calibration error (ECE)", estimate(scores.get("ece")), beside),
        *_covered(scores),
    ]


def _of_times(scores: Figures) -> list[tuple[str, str, str]]:
    d = mapping(scores, "d_calibration")
    return [
        ("Harrell's C", estimate(scores.get("harrell_c")), "0.5 is a coin"),
        ("Uno's C", estimate(scores.get("uno_c")), _until(scores.get("uno_until_days"))),
        (
            "integrated Brier score",
            estimate(scores.get("integrated_brier")),
            _until(scores.get("integrated_brier_until_days")),
        ),
        (
            "D-calibration",
            p_value(d.get("p")) if d else NOT_COMPUTED,
            "a small p refutes calibration of the whole curve",
        ),
        *_covered(scores),
    ]


def _until(days: float | None) -> str:
    return f"until day {days:g}" if isinstance(days, int | float) else ""


def _contains(interval: object, target: float) -> str:
    return {True: f"contains {target:g}", False: f"**excludes {target:g}**", None: f"{target:g} if calibrated"}[
        contains(interval, target)
    ]


def _covered(scores: Figures) -> list[tuple[str, str, str]]:
    of = coverage(scores)
    if not of:
        return []
    nominal = of.get("nominal", 0.9)
    size = (
        f"mean size {of['mean_size']:.2f}, undecided {of.get('undecided', 0):.0%}"
        if of.get("mean_size") is not None
        else f"median bound {of['median_days']:.0f} days" if of.get("median_days") is not None else ""
    )  # fmt: skip
    verdict = {True: f"contains {nominal:g}", False: f"**excludes {nominal:g}**", None: ""}[of.get("contains_nominal")]
    what = "prediction sets hold the outcome" if mapping(scores, "prediction_sets") else "outlive their lower bound"
    return [(f"coverage: {what}", estimate(of.get("coverage")), "; ".join(filter(None, (verdict, size))))]


def _horizons(scores: Figures) -> list[str]:
    rows = [
        (day, *(estimate(one.get(name)) for name in _HORIZON_FIGURES))
        for day, one in mapping(scores, "horizons").items()
        if isinstance(one, dict)
    ]
    header = ("day", "AUC(t)", "Brier", "observed / expected", "calibration slope", "intercept")
    return table(header, rows) if rows else []


def _calibration_verdict(scores: Figures) -> list[str]:
    found, tested = miscalibrations(scores), intervals_tested(scores)
    chance = f" Of {tested} intervals of slope and intercept, chance alone lets one in twenty exclude its target."
    return [f"**Calibration is off:** {'; '.join(found)}.{chance if tested > 2 else ''}", ""] if found else []


def _net_benefit(scores: Figures) -> list[str]:
    day, horizon = horizon_near_a_year(scores)
    rows = (horizon or scores).get("net_benefit") or []
    if not rows:
        return []
    header = ("act at a risk of", "model", "treat all", "gain over the better of all and none")
    when = f" by day {day}" if day else ""
    told = table(
        header,
        (
            (f"{100 * r['threshold']:.0f} %", *(estimate(r.get(k)) for k in ("model", "treat_all", "gain")))
            for r in rows
            if "threshold" in r
        ),
    )
    return [f"Net benefit{when}, in true positives per patient:", "", *told]


def _first_visit(endpoint: Endpoint) -> list[str]:
    parts = by_part(endpoint.figures.get("first_visit"), endpoint.spec)
    if not parts:
        return []
    rows = [
        (words(part) or words(endpoint.spec.id), count(s.get("patients")), estimate(s.get("harrell_c") or s.get("auc")))
        for part, s in parts
    ]
    return ["From the first visit only:", "", *table(("", "patients", endpoint.score_name), rows)]


def _checks(endpoint: Endpoint) -> list[str]:
    return [*comparisons.shuffled(endpoint), *comparisons.sensitivity(endpoint), *comparisons.abstained(endpoint)]


def _test_set(source: Source) -> list[str]:
    found = test_scores(source)
    if not found:
        return ["### Test set", "", "There is no test set apart from the published folds.", ""]
    lines = ["### Test set", "", "Held back, and scored once, for the model chosen on the published folds.", ""]
    for endpoint, parts in found:
        for part, scores in parts:
            lines += [f"#### {words(endpoint.spec.id).capitalize()}{f', {words(part)}' if part else ''}, test set", ""]
            lines += scores_of(scores)
        lines += _test_floors(mapping(mapping(source.metrics, "test"), endpoint.spec.id))
    return lines


def _test_floors(found: Figures) -> list[str]:
    """The floors on the same patients, with the model's paired difference."""
    floors = mapping(found, "floors")
    rows = [
        (f"`{name}`", estimate(known(of.get("score"))), estimate(known(of.get("difference"))))
        for name in floors
        if (of := mapping(floors, name))
    ]
    if not rows:
        return []
    return ["Plain ridge floors on the same patients:", "", *table(("floor", "score", "model minus floor"), rows)]
