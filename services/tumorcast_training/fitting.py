"""Fits one endpoint of a blueprint to rows of a cohort: every learner, calibrated and blended inside those rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tumorcast_fusion.model.manifest import Column
from tumorcast_fusion.model.tabular import Blend, Design, LinkCalibration, Part, pattern_index
from tumorcast_fusion.model.tabular.blend import Predictor, best_link
from tumorcast_training.blueprint import Blueprint, EndpointPlan, edges_of
from tumorcast_training.cohorts import Cohort, SurvivalOutcome
from tumorcast_training.learners import (
    BoostedRecipe,
    GatedRecipe,
    LinearRecipe,
    Target,
    TrainingSet,
    fit_boosted,
    fit_gated,
    fit_linear,
)

Array = NDArray[np.float64]
LEARNERS = ("linear", "boosted", "gated")
INNER_FOLDS = 3
_WEIGHT_STEPS = 10
_BAGGED = 5


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows of a cohort as predictors read them."""

    design: Design
    z: Array
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, cohort: Cohort, design: Design) -> Encoded:
        """Encode a cohort's inputs."""
        values = {name: cohort.inputs[name].to_numpy() for name in cohort.inputs}
        return cls(design, design.matrix(values, len(cohort)), design.present(values, len(cohort)))


def training_set(
    blueprint: Blueprint, plan: EndpointPlan, cohort: Cohort, columns: Sequence[Column] | None = None
) -> TrainingSet:
    """Columns (fitted to these rows unless given), and the endpoint's target; rows of unknown outcome must be gone."""
    manifest = blueprint.manifest(cohort.inputs)
    fitted = columns if columns is not None else blueprint.fit_columns(cohort.inputs)
    encoded = Encoded.of(cohort, Design.of(manifest, fitted))
    outcome = cohort.outcomes[plan.id]
    edges = edges_of(plan, outcome) if isinstance(outcome, SurvivalOutcome) else ()
    if isinstance(outcome, SurvivalOutcome) and not plan.interval_censored:
        outcome = SurvivalOutcome.exact(outcome.days, outcome.event)
    target = Target.of(plan.kind, outcome, plan.outcomes, edges)
    weight = np.ones(len(cohort))
    return TrainingSet(encoded.design, encoded.z, encoded.present, weight, cohort.patient_ids, target)


def fit_learner(
    name: str, data: TrainingSet, recipe: LinearRecipe, seed: int, patterns: Collection[int] | None = None
) -> Predictor:
    """Fit one learner; the linear one to every subset of the groups, or to just these.

    Bootstrap members, which only the shipped model needs, are fitted where ``recipe`` has some.
    """
    if name == "linear":
        return fit_linear(data, recipe, seed, patterns)
    if name == "boosted":
        return fit_boosted(data, seed, BoostedRecipe(members=_BAGGED if recipe.members else 1))
    return fit_gated(data, seed, GatedRecipe(members=_BAGGED if recipe.members else 1))


@dataclass(frozen=True, eq=False)
class InnerLinks:
    """Links of every learner for the training rows, each by learners that had not seen the patient."""

    links: Mapping[str, Array]


def inner_links(data: TrainingSet, recipe: LinearRecipe, learners: Sequence[str], seed: int) -> InnerLinks:
    """Cross-fitted links inside the training rows."""
    fold = data.inner_folds(INNER_FOLDS, seed)
    out = {name: np.zeros((len(data.z), data.target.causes, data.target.points)) for name in learners}
    for k in range(INNER_FOLDS):
        train, test = data[np.flatnonzero(fold != k)], np.flatnonzero(fold == k)
        patterns = {int(p) for p in pattern_index(data.present[test])}
        for name in learners:
            predictor = fit_learner(name, train, recipe, seed, patterns)
            out[name][test] = best_link(name, predictor.links(data.z[test], data.present[test]))
    return InnerLinks(out)


def calibration_of(link: Array, target: Target, weight: Array) -> LinkCalibration:
    """Intercept and slope per cause that fit cross-fitted links best."""
    causes, points = link.shape[1:]
    reference = np.zeros((causes, points)) if target.reached is not None else link.mean(axis=0)
    intercepts, slopes = np.zeros(causes), np.ones(causes)
    for c in range(causes):
        one = Target(target.kind, target.reached, target.periods[c : c + 1], target.edges_days)

        def loss(theta: Array, c: int = c, one: Target = one) -> float:
            moved = reference[c] + theta[0] + theta[1] * (link[:, c] - reference[c])
            return one.deviance(moved[:, None], weight) + 1e-6 * float(theta @ theta)

        intercepts[c], slopes[c] = _best_line(loss)
    return LinkCalibration(intercepts, slopes, reference)


def _best_line(loss: Callable[[Array], float]) -> tuple[float, float]:
    """Intercept and slope of least loss; a slope below zero says nothing, so the best intercept without it."""
    how = {"xatol": 1e-4, "fatol": 1e-8, "maxiter": 300}
    found = minimize(loss, [0.0, 1.0], method="Nelder-Mead", options=how)
    if found.x[1] >= 0:
        return float(found.x[0]), float(found.x[1])
    level = minimize(lambda t: loss(np.array([t[0], 0.0])), [0.0], method="Nelder-Mead", options=how)
    return float(level.x[0]), 0.0


def weights_of(links: Mapping[str, Array], target: Target, weight: Array) -> dict[str, float]:
    """Weights in tenths, adding up to one, that make the blended cross-fitted link most likely."""
    names = list(links)
    best, chosen = np.inf, {names[0]: 1.0}
    for tenths in _compositions(_WEIGHT_STEPS, len(names)):
        shares = np.array(tenths) / _WEIGHT_STEPS
        deviance = target.deviance(np.sum([s * links[n] for s, n in zip(shares, names, strict=True)], axis=0), weight)
        if deviance < best - 1e-12:
            best, chosen = deviance, {n: float(s) for s, n in zip(shares, names, strict=True) if s > 0}
    return chosen


def _compositions(total: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to share ``total`` among ``parts``, the first parts' largest first.

    >>> _compositions(1, 2)
    [(1, 0), (0, 1)]
    """
    if parts == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total, -1, -1) for rest in _compositions(total - first, parts - 1)]


@dataclass(frozen=True, eq=False)
class FittedEndpoint:
    """Every learner alone (calibrated) and the blend, fitted to the same rows."""

    data: TrainingSet
    parts: Mapping[str, Part]
    weights: Mapping[str, float]
    inner: InnerLinks

    def blend(self, candidate: str) -> Blend:
        """A learner alone, or ``blend``."""
        if candidate != "blend":
            return Blend([self.parts[candidate]])
        return Blend([Part(n, self.parts[n].predictor, w, self.parts[n].calibration) for n, w in self.weights.items()])

    def inner_link(self, candidate: str) -> Array:
        """The candidate's cross-fitted, calibrated link of the training rows."""
        shares = {candidate: 1.0} if candidate != "blend" else self.weights
        out: Array = np.sum([w * self.parts[n].calibration(self.inner.links[n]) for n, w in shares.items()], axis=0)
        return out


def fit_endpoint(
    data: TrainingSet,
    recipe: LinearRecipe,
    seed: int,
    learners: Sequence[str] = LEARNERS,
    patterns: Collection[int] | None = None,
) -> FittedEndpoint:
    """Fit, calibrate and weigh all learners; everything is chosen inside these rows.

    ``patterns`` are the subsets of the groups that will be asked for; all, unless given.
    """
    bare = LinearRecipe(**{**recipe.__dict__, "members": 0})
    inner = inner_links(data, bare, learners, seed)
    parts = {}
    for name in learners:
        predictor = fit_learner(name, data, recipe, seed, patterns)
        causes, points = data.target.causes, data.target.points
        fitted = calibration_of(inner.links[name], data.target, data.weight)
        none = LinkCalibration.none(causes, points)
        parts[name] = Part(name, predictor, 1.0, none if name == "linear" else fitted)
    calibrated = {name: parts[name].calibration(link) for name, link in inner.links.items()}
    weights = weights_of(calibrated, data.target, data.weight)
    return FittedEndpoint(data, parts, weights, inner)
