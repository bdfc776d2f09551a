"""Fits the linear predictor: ridge coefficients for every subset of the groups and for bootstrap samples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model.tabular import Gaussian, LinearPredictor
from tumorcast_training.learners.fading import Fading, fade, fade_of
from tumorcast_training.learners.ridge import PersonPeriods, RidgeFit, fit_hazards, fit_logistic
from tumorcast_training.learners.target import TrainingSet

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_CLUSTER_FOLDS = 3


@dataclass(frozen=True)
class LinearRecipe:
    """How to fit: candidate penalties, bootstrap members beside the estimate, steps of interval-censored EM.

    ``wide_factors`` multiply the penalty of columns of ``wide_groups`` (each is tried with every penalty): a hundred
    radiomics columns deserve another one than five clinical ones. ``fewest_patients``: a subset is fitted to the rows
    that have all its groups where they are of so many, else to all rows, gaps filled. Where one of ``exact_groups`` is
    not in the subset, rows that have it do not count as such.
    """

    penalties: tuple[float, ...] = (1, 3, 10, 30, 100, 300, 1000)
    members: int = 24
    em_steps: int = 2
    wide_groups: tuple[str, ...] = ()
    wide_factors: tuple[float, ...] = (1.0,)
    fewest_patients: int = 150
    exact_groups: tuple[str, ...] = ()


def fit_linear(
    data: TrainingSet, recipe: LinearRecipe, seed: int, patterns: Collection[int] | None = None
) -> LinearPredictor:
    """Fit every subset of the groups, or just those of ``patterns``; the same seed gives the same coefficients."""
    fitter = _Fitter(data, recipe)
    groups = len(data.design.groups)
    target = data.target
    shape = (recipe.members + 1, data.design.patterns, target.causes)
    coefficients = np.zeros((*shape, data.z.shape[1]))
    offsets, slopes = np.zeros((*shape, target.points)), np.ones((*shape, target.points))
    rng = np.random.default_rng(seed)
    resampled = [data.bootstrap_weights(rng) for _ in range(recipe.members)]
    for pattern, present, split in fitter.patterns(sorted(patterns) if patterns is not None else range(2**groups)):
        wanted, rows, x = fitter.rows_of(present, split=split)
        for cause in range(target.causes):
            choice = fitter.choose(x, rows, wanted, cause)
            estimate, fading = None, None
            for m, weight in enumerate([data.weight, *resampled]):
                fit = fitter.fit(x, rows, wanted, cause, choice, weight[rows], estimate)
                estimate = estimate or fit
                coefficients[m, pattern, cause, wanted] = fit.coefficients
                offsets[m, pattern, cause] = fit.offsets
                if target.periods and x.shape[1]:
                    fading = fitter.fading(fit, x, rows, cause, weight[rows], fading if m else None)
                    offsets[m, pattern, cause], slopes[m, pattern, cause] = fading.offsets, fading.slopes
    odds = target.reached is not None
    return LinearPredictor(data.design, coefficients, offsets, slopes, fitter.gaussian, shrinks=odds)


@dataclass(frozen=True)
class _Choice:
    l2: float
    factor: float


class _Fitter:
    def __init__(self, data: TrainingSet, recipe: LinearRecipe) -> None:
        self.data, self.recipe = data, recipe
        self.gaussian = Gaussian.fit(data.z, weight=data.weight)
        wide = [data.design.groups.index(g) for g in recipe.wide_groups]
        self._wide: Mask = np.asarray(data.design.needs[:, wide].any(axis=1))
        self._chosen: dict[int, _Choice] = {}
        self._patient = np.unique(data.patient_ids.astype(str), return_inverse=True)[1]

    def patterns(self, subsets: Iterable[int]) -> Iterator[tuple[int, Mask, bool]]:
        """Each subset of the groups by number, and once more for the rows in which the design's split holds."""
        design = self.data.design
        groups = len(design.groups)
        for pattern in subsets:
            present = (pattern >> np.arange(groups)) & 1 == 1
            yield pattern, present, False
            if design.split is not None and design.available(present)[design.split]:
                yield pattern + 2**groups, present, True

    def rows_of(self, present: Mask, *, split: bool = False) -> tuple[Mask, NDArray[np.int64], Array]:
        """Columns of a subset, the rows it is fitted to, and their completed columns.

        With ``split`` these are the rows in which the design's split holds, whatever else they have.
        """
        data, recipe = self.data, self.recipe
        wanted = data.design.available(present)
        whole = (data.present | ~present).all(axis=1)
        if split:
            whole = data.design.split_holds(data.z, data.present)
        for name in recipe.exact_groups:
            g = data.design.groups.index(name)
            whole &= present[g] | ~data.present[:, g]
        enough = len(np.unique(self._patient[whole])) >= recipe.fewest_patients
        rows = np.flatnonzero(whole) if enough else np.arange(len(data.z))
        filled, _ = self.gaussian.complete(data.z[rows], wanted)
        return wanted, rows, filled[:, wanted]

    def choose(self, x: Array, rows: NDArray[np.int64], wanted: Mask, cause: int) -> _Choice:
        """The penalty with the best leave-one-out likelihood; by left-out patients where they have several rows."""
        if not x.shape[1]:
            return _Choice(1.0, 1.0)
        if self.data.clustered:
            if cause not in self._chosen:
                self._chosen[cause] = self._by_folds(cause)
            return self._chosen[cause]
        factors = self.recipe.wide_factors if self._wide[wanted].any() else (1.0,)
        candidates = [_Choice(l2, f) for l2 in self.recipe.penalties for f in factors]
        weight = self.data.weight[rows]
        fits = [self.fit(x, rows, wanted, cause, c, weight) for c in candidates]
        target = self.data.target[rows]
        scores = [target.part_deviance(cause, f.leave_one_out, f.offsets, weight) for f in fits]
        return candidates[int(np.argmin(scores))]

    def _by_folds(self, cause: int) -> _Choice:
        """The penalty that predicts left-out patients best, of all columns and rows."""
        wanted = np.ones(self.data.z.shape[1], dtype=bool)
        x, _ = self.gaussian.complete(self.data.z, wanted)
        fold = self.data.inner_folds(_CLUSTER_FOLDS, seed=0)
        target, weight = self.data.target, self.data.weight
        scores = []
        candidates = self.recipe.penalties[::2][1:] or self.recipe.penalties
        for l2 in candidates:
            total = 0.0
            for k in range(_CLUSTER_FOLDS):
                train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
                fit = self.fit(x[train], train, wanted, cause, _Choice(l2, 1.0), weight[train])
                total += target[test].part_deviance(cause, x[test] @ fit.coefficients, fit.offsets, weight[test])
            scores.append(total)
        return _Choice(candidates[int(np.argmin(scores))], 1.0)

    def fit(
        self,
        x: Array,
        rows: NDArray[np.int64],
        wanted: Mask,
        cause: int,
        choice: _Choice,
        weight: Array,
        near: RidgeFit | None = None,
    ) -> RidgeFit:
        """Fit one subset and cause; columns of wide groups are shrunk harder by making them smaller.

        A bootstrap member starts ``near`` the estimate, and takes the place of interval-censored events from it.
        """
        scale = np.where(self._wide[wanted], 1 / np.sqrt(choice.factor), 1.0)
        target = self.data.target
        if target.reached is not None:
            found = fit_logistic(x * scale, target.reached[rows], choice.l2, weight)
        else:
            start = None if near is None else RidgeFit(near.coefficients / scale, near.offsets, near.leave_one_out)
            found = self._hazards(x * scale, target.periods[cause][rows], choice.l2, weight, start)
        return RidgeFit(found.coefficients * scale, found.offsets, found.leave_one_out)

    def fading(
        self,
        fit: RidgeFit,
        x: Array,
        rows: NDArray[np.int64],
        cause: int,
        weight: Array,
        known: Fading | None,
    ) -> Fading:
        """How the effect of the linear part changes over time; a bootstrap member takes it as ``known``."""
        periods = self.data.target.periods[cause][rows]
        if periods.window.any():
            periods = periods.reallocated(x @ fit.coefficients, fit.offsets)
        edges = np.asarray(self.data.target.edges_days)
        if known is not None:
            return fade(x @ fit.coefficients, periods, weight, edges, known.rate)
        return fade_of(fit.leave_one_out, x @ fit.coefficients, periods, weight, edges)

    def _hazards(
        self, x: Array, periods: PersonPeriods, l2: float, weight: Array, near: RidgeFit | None = None
    ) -> RidgeFit:
        if near is not None:
            placed = periods.reallocated(x @ near.coefficients, near.offsets) if periods.window.any() else periods
            return fit_hazards(x, placed, l2, weight, near.coefficients)
        found = fit_hazards(x, periods, l2, weight)
        if periods.window.any():
            for _ in range(self.recipe.em_steps):
                periods = periods.reallocated(x @ found.coefficients, found.offsets)
                found = fit_hazards(x, periods, l2, weight, found.coefficients)
        return found
