"""Every learner of one endpoint on the published folds, with everything fitted inside the training part of each.

One task is one fold: it returns out-of-fold answers of every candidate, with all groups and with every subset of them,
and scores of a model that was trained on each subset alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.outputs import kept_outcomes
from tumorcast_fusion.model.tabular import Blend, Design, pattern_index
from tumorcast_fusion.model.tabular.links import (
    at_days,
    categories,
    cumulative_hazards,
    cumulative_incidence,
    probability,
    survival_at,
)
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.conformal import conformal_threshold
from tumorcast_training.fitting import LEARNERS, Encoded, FittedEndpoint, fit_endpoint, training_set
from tumorcast_training.learners import TrainingSet, fit_linear
from tumorcast_training.metrics import auc, harrell_c

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
GRID_POINTS = 48
BLEND = "blend"


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers for n rows: probabilities of the outcomes (n, K), or cumulative incidence of each cause on a grid.

    ``values`` (n, causes, grid); the grid is the same in all folds, so that folds can be pooled.
    """

    kind: EndpointKind
    values: Array
    grid_days: tuple[float, ...] = ()

    @classmethod
    def of_link(cls, plan: EndpointPlan, link: Array, edges_days: Sequence[float]) -> Answers:
        """What links (n, causes, points) mean."""
        if plan.kind is EndpointKind.BINARY:
            p = probability(link)
            return cls(plan.kind, np.stack([1 - p, p], axis=1))
        if plan.kind is EndpointKind.ORDINAL:
            return cls(plan.kind, categories(link))
        days = tuple(float(d) for d in np.linspace(0, plan.follow_up_days, GRID_POINTS + 1)[1:])
        hazards = cumulative_hazards(link)
        if hazards.shape[1] == 1:
            return cls(plan.kind, 1 - survival_at(hazards, edges_days, days), days)
        return cls(plan.kind, at_days(cumulative_incidence(hazards), edges_days, days), days)

    @property
    def risk(self) -> Array:
        """One number a row that orders them: P(outcome), expected rank, or the mean incidence of the first cause."""
        if self.grid_days:
            out: Array = self.values[:, 0].mean(axis=1)
            return out
        ranks: Array = self.values @ np.arange(self.values.shape[1])
        return ranks

    def headline(self, plan: EndpointPlan) -> Array:
        """The number that an answer leads with, (n,).

        P(at least the second outcome), or the probability of no event of the first cause by the last horizon.
        """
        if not self.grid_days:
            chance: Array = 1 - self.values[:, 0]
            return chance
        return 1 - self.incidence_at(plan.horizons_days[-1])

    def incidence_at(self, day: float) -> Array:
        """Incidence of the first cause by a day, (n,)."""
        grid = (0.0, *self.grid_days)
        return np.array([np.interp(day, grid, (0.0, *row)) for row in self.values[:, 0]])

    def __getitem__(self, rows: NDArray[np.int64]) -> Answers:
        return replace(self, values=self.values[rows])


def score(outcome: Outcome, risk: Array) -> float:
    """AUC; Harrell's C of the first cause (Wolbers 2009 where others compete); of ranks, C over all ordered pairs."""
    return float(scores_of(outcome, risk)[0])


def scores_of(outcome: Outcome, risk: Array, weights: Array | None = None) -> Array:
    """The same in each bootstrap sample with row weights (b, n), (b,)."""
    if isinstance(outcome, SurvivalOutcome):
        return harrell_c(outcome.days, outcome.event, risk, weights=weights)
    if isinstance(outcome, OrdinalOutcome):
        return harrell_c(-outcome.rank, np.ones(len(risk), dtype=np.int64), risk, weights=weights)
    return auc(outcome.value, risk, weights)


@dataclass(frozen=True, eq=False)
class FoldModel:
    """A candidate fitted on one fold's training part, with the columns and intervals that were fitted there."""

    blend: Blend
    design: Design
    edges_days: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FoldTask:
    """One fold of one repeat of a cohort with known outcomes.

    ``fitted`` is a candidate as it was fitted on the other folds, to be scored for every subset of the groups.
    """

    blueprint: Blueprint
    plan: EndpointPlan
    cohort: Cohort
    repeat: int
    fold: int
    seed: int
    learners: tuple[str, ...] = LEARNERS
    subsets: bool = True
    fitted: FoldModel | None = None


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold gives, by candidate."""

    repeat: int
    fold: int
    test: NDArray[np.int64]
    answers: Mapping[str, Answers]
    scores: Mapping[str, float]
    first_visit_scores: Mapping[str, float]
    weights: Mapping[str, float]
    thresholds: Mapping[str, float]
    bounds: Mapping[str, Array]
    models: Mapping[str, FoldModel]


@dataclass(frozen=True, eq=False)
class SubsetScores:
    """Scores of one fold for every subset of the groups, (2^groups,); NaN where nothing could be scored.

    ``own`` are those of linear models that were trained on just that subset; ``baseline`` are the answers for the held
    out rows ``test`` from the clinical baseline's groups alone, NaN where a patient has none of them.
    """

    repeat: int
    test: NDArray[np.int64]
    model: Array
    own: Array
    baseline: Answers


def run_fold(task: FoldTask) -> FoldResult:
    """Fit on the other folds, answer for this one."""
    train, test = task.cohort.sides(task.repeat, task.fold)
    data, there = training_set(task.blueprint, task.plan, task.cohort[train]), task.cohort[test]
    seed = 100 * task.seed + 10 * task.repeat + task.fold
    new = Encoded.of(there, data.design)
    asked = None if task.subsets else {int(p) for p in pattern_index(new.present)}
    fitted = fit_endpoint(data, replace(task.blueprint.recipe, members=0), seed, task.learners, asked)
    candidates = (*task.learners, *([BLEND] if len(task.learners) > 1 else []))
    outcome = there.outcomes[task.plan.id]
    edges = data.target.edges_days
    answers = {
        name: Answers.of_link(task.plan, fitted.blend(name).link(new.z, new.present), edges) for name in candidates
    }
    first = _first_visits(there)
    thresholds = {name: _threshold(task, fitted, name, train) for name in candidates}
    return FoldResult(
        repeat=task.repeat,
        fold=task.fold,
        test=test,
        answers=answers,
        scores={name: score(outcome, found.risk) for name, found in answers.items()},
        first_visit_scores={name: score(outcome[first], found.risk[first]) for name, found in answers.items()},
        weights=fitted.weights,
        thresholds={name: level for name, (level, _) in thresholds.items()},
        bounds={name: bounds_of(found, thresholds[name][0]) for name, found in answers.items()},
        models={name: FoldModel(fitted.blend(name), data.design, edges) for name in candidates if task.subsets},
    )


def run_subsets(task: FoldTask) -> SubsetScores:
    """Score the fitted candidate for every subset of the groups, beside models that never saw more than the subset."""
    if task.fitted is None:
        raise ValueError("nothing was fitted")
    train, test = task.cohort.sides(task.repeat, task.fold)
    data, there = training_set(task.blueprint, task.plan, task.cohort[train]), task.cohort[test]
    new = Encoded.of(there, task.fitted.design)
    outcome = there.outcomes[task.plan.id]
    return SubsetScores(
        repeat=task.repeat,
        test=test,
        model=_subset_scores(task, task.fitted, new, outcome),
        own=_own_scores(task, data, new, outcome),
        baseline=_baseline_answers(task, task.fitted, new),
    )


def _baseline_answers(task: FoldTask, fitted: FoldModel, new: Encoded) -> Answers:
    mask = np.array([group in task.blueprint.baseline_groups for group in new.design.groups])
    present = new.present & mask
    answers = Answers.of_link(task.plan, fitted.blend.link(new.z, present), fitted.edges_days)
    given = present.any(axis=1).reshape(-1, *[1] * (answers.values.ndim - 1))
    return replace(answers, values=np.where(given, answers.values, np.nan))


def _first_visits(cohort: Cohort) -> NDArray[np.int64]:
    if cohort.landmark_days is None:
        return np.arange(len(cohort))
    return np.flatnonzero(cohort.landmark_days == 0)


def _threshold(task: FoldTask, fitted: FittedEndpoint, name: str, train: NDArray[np.int64]) -> tuple[float, float]:
    """Conformal threshold from cross-fitted answers of the training rows, and its level."""
    inner = Answers.of_link(task.plan, fitted.inner_link(name), fitted.data.target.edges_days)
    return conformal_threshold(inner, task.cohort[train].outcomes[task.plan.id])


def bounds_of(answers: Answers, threshold: float) -> Array:
    """Sets that hold each outcome (n, K), or lower bounds in days (n,)."""
    if not answers.grid_days:
        return kept_outcomes(answers.values, threshold).astype(float)
    return day_of(1 - answers.values.sum(axis=1), answers.grid_days, threshold)


def day_of(survival: Array, grid_days: Sequence[float], level: float) -> Array:
    """Day at which each survival curve (n, grid) falls to a level; the end of the grid if it does not."""
    curve = np.concatenate([np.ones((len(survival), 1)), survival], axis=1)
    days = np.concatenate([[0.0], grid_days])
    below = curve <= level
    at = np.where(below.any(axis=1), below.argmax(axis=1), len(days) - 1)
    before = np.maximum(at - 1, 0)
    rows = np.arange(len(curve))
    drop = np.maximum(curve[rows, before] - curve[rows, at], 1e-12)
    share = np.where(below.any(axis=1), np.clip((curve[rows, before] - level) / drop, 0, 1), 1.0)
    out: Array = days[before] + share * (days[at] - days[before])
    return out


def patterns_of(groups: int) -> Mask:
    """All subsets of the groups, (2^groups, groups); bit g of a row's number says whether group g is in it."""
    masks: Mask = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1 == 1
    return masks


def _subset_scores(task: FoldTask, fitted: FoldModel, new: Encoded, outcome: Outcome) -> Array:
    """The candidate's score when only these groups of every patient are given."""
    masks = patterns_of(len(new.design.groups))
    scores = np.full(len(masks), np.nan)
    for k, mask in enumerate(masks[1:], 1):
        rows = np.flatnonzero((new.present & mask).any(axis=1))
        if not len(rows):
            continue
        link = fitted.blend.link(new.z[rows], new.present[rows] & mask)
        scores[k] = score(outcome[rows], Answers.of_link(task.plan, link, fitted.edges_days).risk)
    scores[0] = 0.5
    return scores


def _own_scores(task: FoldTask, data: TrainingSet, new: Encoded, outcome: Outcome) -> Array:
    """Scores of linear models that never saw more than the subset: columns, completion and penalty are its own."""
    masks = patterns_of(len(data.design.groups))
    recipe = replace(task.blueprint.recipe, members=0)
    if data.clustered:
        recipe = replace(recipe, penalties=(float(np.median(recipe.penalties)),))
    scores = np.full(len(masks), np.nan)
    scores[0] = 0.5
    for k, mask in enumerate(masks[1:], 1):
        kept = np.flatnonzero(data.design.available(mask))
        train = np.flatnonzero((data.present & mask).any(axis=1))
        rows = np.flatnonzero((new.present & mask).any(axis=1))
        if not len(train) or not len(rows):
            continue
        design = Design(tuple(data.design.columns[i] for i in kept), data.design.groups, data.design.group_of_input)
        alone = replace(data[train], design=design, z=data.z[np.ix_(train, kept)], present=data.present[train] & mask)
        here = new.present[rows] & mask
        patterns = {int(p) for p in pattern_index(here)}
        predictor = fit_linear(alone, recipe, 0, patterns)
        link = predictor.links(new.z[np.ix_(rows, kept)], here)[0]
        scores[k] = score(outcome[rows], Answers.of_link(task.plan, link, data.target.edges_days).risk)
    return scores


Run = Callable[[Callable[[FoldTask], Any], Sequence[FoldTask]], list[Any]]
"""Does a piece of work for every task, side by side or in turn, and gives the results in the tasks' order."""


def cross_validate(
    blueprint: Blueprint,
    plan: EndpointPlan,
    cohort: Cohort,
    seed: int,
    run: Run,
    learners: Sequence[str] = LEARNERS,
    repeats: Sequence[int] | None = None,
    *,
    subsets: bool = True,
) -> list[FoldResult]:
    """All folds of all repeats; the cohort's rows must have known outcomes.

    Without ``subsets`` only what the patients of a fold ask for is fitted, and no models are kept.
    """
    task = FoldTask(blueprint, plan, cohort, 0, 0, seed, tuple(learners), subsets)
    return run(run_fold, _folds_of(task, repeats))


def cross_validate_subsets(
    blueprint: Blueprint,
    plan: EndpointPlan,
    cohort: Cohort,
    results: Sequence[FoldResult],
    run: Run,
    candidate: str,
) -> list[SubsetScores]:
    """The candidate's scores for every subset of the groups, on all folds that it was fitted in."""
    tasks = [
        FoldTask(blueprint, plan, cohort.in_fold(r.repeat, r.fold), r.repeat, r.fold, 0, fitted=r.models[candidate])
        for r in results
    ]
    return run(run_subsets, tasks)


def _folds_of(task: FoldTask, repeats: Sequence[int] | None) -> list[FoldTask]:
    folds = task.cohort.all_folds(repeats)
    return [replace(task, cohort=task.cohort.in_fold(r, k), repeat=r, fold=k) for r, k in folds]


def pooled(results: Sequence[FoldResult], candidate: str, rows: int, repeat: int = 0) -> Answers:
    """Out-of-fold answers of one repeat in the cohort's order; NaN for rows in no fold."""
    return _gathered([(r.test, r.answers[candidate]) for r in results if r.repeat == repeat], rows)


def pooled_baseline(subsets: Sequence[SubsetScores], rows: int, repeat: int = 0) -> Answers:
    """The clinical baseline's out-of-fold answers of one repeat, in the cohort's order."""
    return _gathered([(s.test, s.baseline) for s in subsets if s.repeat == repeat], rows)


def _gathered(parts: Sequence[tuple[NDArray[np.int64], Answers]], rows: int) -> Answers:
    first = parts[0][1]
    values = np.full((rows, *first.values.shape[1:]), np.nan)
    for where, answers in parts:
        values[where] = answers.values
    return replace(first, values=values)


def known_value(outcome: Outcome) -> Array:
    """The outcome as a rank, (n,)."""
    if isinstance(outcome, BinaryOutcome):
        return outcome.value
    if isinstance(outcome, OrdinalOutcome):
        return outcome.rank
    raise TypeError("a time has no rank")
