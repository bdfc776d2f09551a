"""How it was made: learners, nesting, calibration, conformal sets and bounds, choice."""

from __future__ import annotations

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cards import prose
from tumorcast_training.cards.reading import Source, mapping
from tumorcast_training.conformal import LEVEL
from tumorcast_training.fitting import INNER_FOLDS
from tumorcast_training.learners.boosted import BoostedRecipe
from tumorcast_training.learners.gated import GatedRecipe


def render(source: Source) -> list[str]:
    """Section 6."""
    texts = [*_nesting(source), *_learners(source), *_answers(source), *prose.told("choice")]
    return ["## 6 Methods", "", *prose.bullets(texts), ""]


def _nesting(source: Source) -> list[str]:
    folds = mapping(source.metrics, "folds")
    known = {"folds", "repeats"} <= folds.keys()
    outer = f"{folds['folds']} folds, {folds['repeats']} times" if known else "repeated folds"
    return prose.told("nesting", outer=outer, inner=INNER_FOLDS)


def _learners(source: Source) -> list[str]:
    recipe = source.blueprint.recipe
    factors = ", ".join(f"{f:g}" for f in recipe.wide_factors)
    wide = prose.told("wide", groups=", ".join(recipe.wide_groups), factors=factors)[0] if recipe.wide_groups else ""
    by_patient = "by left-out patients, who have several rows"
    return prose.told(
        "learners",
        penalties=", ".join(f"{p:g}" for p in recipe.penalties),
        chosen_how=by_patient if source.clustered else "by leave-one-out likelihood",
        wide=wide,
        members=recipe.members,
        trees=BoostedRecipe(),
        networks=GatedRecipe(),
    )


def _answers(source: Source) -> list[str]:
    kinds, level = {e.spec.kind for e in source.endpoints}, f"{100 * LEVEL:.0f}"
    texts = []
    if kinds & {EndpointKind.BINARY, EndpointKind.ORDINAL}:
        texts += prose.told("sets", level=level)
    if EndpointKind.TIME_TO_EVENT in kinds:
        texts += prose.told("bounds", level=level)
    if EndpointKind.COMPETING_RISKS in kinds:
        texts += prose.told("competing", em_steps=source.blueprint.recipe.em_steps)
    return texts
