"""Measures a cross-validated endpoint out of fold: beside floor and baseline, by subgroup and subset, shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tumorcast_training import floors
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.cross_validation import (
    Answers,
    FoldResult,
    Run,
    SubsetScores,
    cross_validate,
    known_value,
    patterns_of,
    pooled,
)
from tumorcast_training.metrics import (
    by_subgroup,
    corrected_resampled_t,
    score_binary,
    score_survival,
)
from tumorcast_training.selection import Selection, as_json, fold_scores, summary

Array = NDArray[np.float64]
MARGIN = -0.02
SUBGROUP_SAMPLES = 300
DEALS = 20


def measure(
    blueprint: Blueprint,
    plan: EndpointPlan,
    cohort: Cohort,
    results: Sequence[FoldResult],
    subsets: Sequence[SubsetScores],
    selection: Selection,
    seed: int,
    run: Run,
    deals: int = DEALS,
) -> dict[str, Any]:
    """All figures of one endpoint for ``metrics.json``; outcomes are shuffled ``deals`` times."""
    chosen = selection.chosen
    answers = pooled(results, chosen, len(cohort))
    bounds = _pooled_bounds(results, chosen, len(cohort))
    rows = np.flatnonzero(~np.isnan(answers.values[:, 0]).reshape(len(cohort), -1).any(axis=1))
    outcome = cohort.outcomes[plan.id]

    def scored(of: NDArray[np.int64], samples: int = 1000) -> Any:
        return score_answers(plan, outcome[of], answers[of], cohort.patient_ids[of], bounds=bounds[of], samples=samples)

    return {
        "kind": str(plan.kind),
        "rows": len(cohort),
        "patients": len(set(cohort.patient_ids)),
        "events": _events(outcome),
        "chosen": chosen,
        "weights": _mean_weights(results) if chosen == "blend" else {chosen: 1.0},
        "candidates": selection.report,
        "floors": _floors(blueprint, plan, cohort, results, subsets, chosen),
        "scores": scored(rows),
        "first_visit": scored(np.intersect1d(rows, _first(cohort))) if cohort.landmark_days is not None else None,
        "baseline": _baseline(blueprint, subsets),
        "subgroups": {
            name: by_subgroup(labels[rows], lambda mask: scored(rows[mask], SUBGROUP_SAMPLES))
            for name, labels in cohort.subgroups.items()
        },
        "subsets": _subsets(blueprint, subsets),
        "shuffled": _shuffled(blueprint, plan, cohort, seed, run, deals),
        "sensitivity": _sensitivity(blueprint, plan, cohort, seed, run),
    }


def score_answers(
    plan: EndpointPlan,
    outcome: Outcome,
    answers: Answers,
    patient_ids: NDArray[np.object_],
    *,
    bounds: Array | None = None,
    samples: int = 1000,
) -> Any:
    """Scores of answers; of competing risks by cause, of ranks by threshold."""
    if isinstance(outcome, SurvivalOutcome):
        if len(plan.outcomes) == answers.values.shape[1] and answers.values.shape[1] > 1:
            return {
                cause: _score_times(plan, outcome, answers, patient_ids, samples, cause=c)
                for c, cause in enumerate(plan.outcomes, 1)
            }
        return _score_times(plan, outcome, answers, patient_ids, samples, bounds=bounds)
    value = known_value(outcome)
    sets = None if bounds is None else bounds.astype(bool)
    if isinstance(outcome, BinaryOutcome):
        return score_binary(value, answers.values[:, 1], patient_ids, prediction_sets=sets, samples=samples)
    return {
        f"at least {name}": score_binary(
            (value >= k).astype(float), answers.values[:, k:].sum(axis=1), patient_ids, samples=samples
        )
        for k, name in enumerate(plan.outcomes)
        if k
    }


def _score_times(
    plan: EndpointPlan,
    outcome: SurvivalOutcome,
    answers: Answers,
    patient_ids: NDArray[np.object_],
    samples: int,
    *,
    cause: int = 1,
    bounds: Array | None = None,
) -> Any:
    incidence = answers.values[:, cause - 1]
    alone = answers.values.shape[1] == 1
    hazard = -np.log(np.maximum(1 - incidence, 1e-9)) if alone else None
    return score_survival(
        outcome,
        answers.grid_days,
        plan.horizons_days,
        patient_ids,
        cumulative_hazard=hazard,
        cumulative_incidence=None if alone else incidence,
        cause=cause,
        lower_bound_days=bounds if alone else None,
        samples=min(samples, 1000 if len(outcome.days) < 3000 else 200),
    )


def _pooled_bounds(results: Sequence[FoldResult], candidate: str, rows: int) -> Array:
    of_repeat = [r for r in results if r.repeat == 0]
    first = of_repeat[0].bounds[candidate]
    out = np.full((rows, *first.shape[1:]), np.nan)
    for result in of_repeat:
        out[result.test] = result.bounds[candidate]
    return out


def _first(cohort: Cohort) -> NDArray[np.int64]:
    return np.flatnonzero(cohort.landmark_days == 0) if cohort.landmark_days is not None else np.arange(len(cohort))


def _events(outcome: Outcome) -> dict[str, int]:
    if isinstance(outcome, SurvivalOutcome):
        return {str(k): int((outcome.event == k).sum()) for k in range(int(outcome.event.max()) + 1)}
    value = outcome.rank if isinstance(outcome, OrdinalOutcome) else outcome.value
    return {f"{v:g}": int((value == v).sum()) for v in np.unique(value)}


def _mean_weights(results: Sequence[FoldResult]) -> dict[str, float]:
    names = sorted({name for r in results for name in r.weights})
    return {name: round(float(np.mean([r.weights.get(name, 0.0) for r in results])), 3) for name in names}


def _floors(
    blueprint: Blueprint,
    plan: EndpointPlan,
    cohort: Cohort,
    results: Sequence[FoldResult],
    subsets: Sequence[SubsetScores],
    chosen: str,
) -> dict[str, Any]:
    """Every floor of the endpoint with the paired gain over it, from the groups that the floor reads.

    Of visits, the first of each patient counts, with all groups given.
    """
    found = {}
    ids, of_input = [group.id for group in blueprint.groups], blueprint.inputs()
    for which in floors.floors_of(blueprint.cohort, plan.id):
        groups = {of_input[name][0].id for name in floors.floor_of(blueprint.cohort, plan.id, which).inputs}
        index = sum(1 << ids.index(group) for group in groups)
        ours = np.array([fold.model[index] for fold in subsets])
        if cohort.landmark_days is not None:
            ours = fold_scores(results, chosen, first_visit=True)
        scores = floors.fold_scores(cohort, plan.id, which).ravel()
        test = corrected_resampled_t(ours - scores)
        clears = bool(test and test.clears_noise)
        found[which] = {
            "groups": [name for name in ids if name in groups],
            "score": summary(scores),
            "model": summary(ours),
            "gain": as_json(test),
            "clears": clears,
        }
    return found


def _baseline(blueprint: Blueprint, subsets: Sequence[SubsetScores]) -> dict[str, Any] | None:
    """The model with the clinical baseline's groups alone, and what the other groups add."""
    ids = [group.id for group in blueprint.groups]
    if not blueprint.baseline_groups:
        return None
    index = sum(1 << ids.index(name) for name in blueprint.baseline_groups)
    alone = np.array([fold.model[index] for fold in subsets])
    gain = corrected_resampled_t(np.array([fold.model[-1] for fold in subsets]) - alone)
    return {"groups": list(blueprint.baseline_groups), "score": summary(alone), "gain_of_all": as_json(gain)}


def _subsets(blueprint: Blueprint, subsets: Sequence[SubsetScores]) -> list[dict[str, Any]]:
    """Every subset of the groups beside a model that was trained on just that subset."""
    ids = np.array([group.id for group in blueprint.groups])
    found = []
    for k, mask in enumerate(patterns_of(len(ids))[1:], 1):
        ours = np.array([fold.model[k] for fold in subsets])
        own = np.array([fold.own[k] for fold in subsets])
        found.append(
            {
                "groups": ids[mask].tolist(),
                "score": summary(ours),
                "own": summary(own),
                "difference_to_own": as_json(corrected_resampled_t(ours - own, margin=MARGIN)),
            }
        )
    return found


def _shuffled(
    blueprint: Blueprint, plan: EndpointPlan, cohort: Cohort, seed: int, run: Run, deals: int
) -> dict[str, Any]:
    """The same with outcomes dealt out to other patients: what remains is leakage, and there must be none.

    One deal may by chance go with an input in all folds alike; the mean of many with its t interval may not.
    """
    patients, index = np.unique(cohort.patient_ids.astype(str), return_inverse=True)
    if len(patients) < len(cohort):
        first = np.unique(index, return_index=True)[1]
        cohort, index = cohort[first], np.arange(len(first))
    scores = []
    for deal in range(deals):
        order = np.random.default_rng([seed, deal]).permutation(len(patients))
        dealt = replace(cohort, outcomes={plan.id: cohort.outcomes[plan.id][order[index]]}, subgroups={})
        results = cross_validate(blueprint, plan, dealt, seed, run, ("linear",), (0,), subsets=False)
        scores.append(score_within_folds(results))
    return {"score": mean_with_limits(np.array(scores)), "deals": deals}


def score_within_folds(results: Sequence[FoldResult], candidate: str = "linear") -> float:
    """Mean of the folds' scores; NaN where no fold could be scored.

    Pooled over the folds, chance would score below one half: a fold that happens to have more events than the others
    is answered by models that expect fewer (Airola et al., Computational Statistics and Data Analysis 2011, 55:1828).
    """
    scores = fold_scores(results, candidate)
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else float("nan")


def mean_with_limits(values: Array, level: float = 0.95) -> list[float] | None:
    """Mean and its Student t limits: [estimate, lower, upper]; ``None`` of fewer than two numbers.

    >>> mean_with_limits(np.array([0.4, 0.5, 0.6]))
    [0.5, 0.2516, 0.7484]
    """
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    mean, error = float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))
    reach = float(stats.t.ppf(0.5 + level / 2, len(known) - 1)) * error
    return [round(mean, 4), round(mean - reach, 4), round(mean + reach, 4)]


def _sensitivity(blueprint: Blueprint, plan: EndpointPlan, cohort: Cohort, seed: int, run: Run) -> Mapping[str, Any]:
    """Where only visits reveal the event: the linear model with its day at the visit, in the middle, in an interval."""
    outcome = cohort.outcomes[plan.id]
    if not isinstance(outcome, SurvivalOutcome):
        return {}
    seen_at_visits = (outcome.event == 1) & (outcome.event_free_days < outcome.days)
    if not seen_at_visits.any():
        return {}
    middle = np.where(seen_at_visits, (outcome.event_free_days + outcome.days) / 2, outcome.days)
    dated = {"at_the_visit": outcome.days, "middle": middle}
    found: dict[str, Any] = {}
    for name in ("at_the_visit", "middle", "interval"):
        how = plan.model_copy(update={"interval_censored": name == "interval"})
        other = cohort
        if name in dated:
            moved = SurvivalOutcome.exact(dated[name], outcome.event)
            other = replace(cohort, outcomes={**cohort.outcomes, plan.id: moved})
        again = cross_validate(blueprint, how, other, seed, run, ("linear",), (0,), subsets=False)
        answers = pooled(again, "linear", len(cohort))
        found[name] = {
            "linear": summary(np.array([r.scores["linear"] for r in again])),
            "mean_incidence": _mean_incidence(plan, answers),
        }
    return found


def _mean_incidence(plan: EndpointPlan, answers: Answers) -> dict[str, float]:
    """Mean predicted incidence of the first cause at each horizon."""
    grid = np.array(answers.grid_days)
    mean = np.nanmean(answers.values[:, 0], axis=0)
    return {f"{h:g}": round(float(np.interp(h, grid, mean)), 4) for h in plan.horizons_days}
