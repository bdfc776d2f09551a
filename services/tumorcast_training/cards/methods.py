"""How it was made: learners, nesting, calibration, conformal sets and bounds, choice."""

from __future__ import annotations

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cards.reading import Source, mapping
from tumorcast_training.conformal import LEVEL
from tumorcast_training.fitting import INNER_FOLDS
from tumorcast_training.learners.boosted import BoostedRecipe
from tumorcast_training.learners.gated import GatedRecipe


def render(source: Source) -> list[str]:
    """Section 6."""
    return [
        "## 6 Methods",
        "",
        *(f"- {line}" for line in (*_nesting(source), *_learners(source), *_answers(source), *_choice())),
        "",
    ]


def _nesting(source: Source) -> list[str]:
    folds = mapping(source.metrics, "folds")
    outer = f"{folds['folds']} folds, {folds['repeats']} times" if {"folds", "repeats"} <= folds.keys() else "repeated folds"
    return [
        f"**Nested cross-validation.** Outer: {outer}, by patient. All that is fitted (clipping, scaling, categories seen, "
        "completion of gaps, penalties, calibration, weights, conformal thresholds) is fitted to the training folds alone.",
        f"**Inside** each training set, {INNER_FOLDS} folds by patient give answers by learners that had not seen the patient; "
        "calibration, weights and conformal thresholds are fitted to these.",
    ]


def _learners(source: Source) -> list[str]:
    recipe, trees, networks = source.blueprint.recipe, BoostedRecipe(), GatedRecipe()
    penalties = ", ".join(f"{p:g}" for p in recipe.penalties)
    wide = (
        f" Columns of {', '.join(recipe.wide_groups)} are shrunk harder by one of {', '.join(f'{f:g}' for f in recipe.wide_factors)}."
        if recipe.wide_groups
        else ""
    )
    how = "by left-out patients, who have several rows" if source.clustered else "by leave-one-out likelihood"
    return [
        f"**linear.** Ridge logistic regression, and for times ridge regression of discrete-time hazards, one per subset of the "
        f"groups; penalty of {penalties}, chosen {how}.{wide} {recipe.members} bootstrap samples of patients give the intervals.",
        f"**boosted.** XGBoost, {trees.rounds} trees of depth {trees.depth}, learning rate {trees.learning_rate:g}, "
        f"{trees.members} members, whole groups taken out at random; the recipe is fixed, not tuned.",
        f"**gated.** {networks.members} small fusion networks (an encoder per group, learned tokens for absent groups, gates), "
        f"{networks.steps} steps, whole groups and single values dropped at random; the recipe is fixed, not tuned.",
        "**blend.** All three, weighted in tenths on the scale of log odds or log cumulative hazards by inner likelihood.",
    ]


def _answers(source: Source) -> list[str]:
    kinds = {e.spec.kind for e in source.endpoints}
    lines = [
        "**Calibration.** Intercept and slope of the boosted and gated links, fitted to inner answers. The linear learner's "
        "penalty is its calibration.",
    ]
    if kinds & {EndpointKind.BINARY, EndpointKind.ORDINAL}:
        lines.append(
            f"**Prediction sets** at {100 * LEVEL:.0f} %: split conformal on 1 - p(outcome) (Sadinle, Lei and Wasserman 2019)."
        )
    if EndpointKind.TIME_TO_EVENT in kinds:
        lines.append(
            f"**Lower bounds** that {100 * LEVEL:.0f} % outlive: conformal, weighted for censoring (Gui et al. 2024)."
        )
    if EndpointKind.COMPETING_RISKS in kinds:
        lines.append(
            "**Competing risks.** Cause-specific discrete-time hazards give cumulative incidences that add up with survival "
            "to one. Where only visits reveal the event, it is spread over the interval between visits by "
            f"{source.blueprint.recipe.em_steps} steps of expectation and maximization (linear learner)."
        )
    return lines


def _choice() -> list[str]:
    return [
        "**What is shipped.** The simplest wins: linear, unless another's gain on the outer folds clears noise (one-sided 5 %, "
        "paired by fold, corrected for overlapping training sets: Nadeau and Bengio 2003; Holm over candidates).",
        "**Figures.** AUC; Brier score; calibration error in ten equal-mass bins beside its null (its distribution were the "
        "predictions perfectly calibrated); slope and intercept of logistic recalibration; for times Harrell's and Uno's C, "
        "AUC(t), Brier(t) weighted for censoring, slope and intercept on pseudo-values, observed over expected events, "
        "D-calibration; net benefit; coverage. Pooled out of fold over the first repeat; 95 % intervals by 1,000 bootstrap "
        "samples of patients (200 where there are thousands of rows).",
        "**Class imbalance.** Nothing is resampled or reweighted: it would spoil calibration.",
    ]
