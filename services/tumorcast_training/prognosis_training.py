"""Trains a model of tables: cross-validates every learner, chooses one, fits it, measures it, writes its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.manifest import BlendPart, Column, Manifest, TabularEndpoint
from tumorcast_fusion.model.tabular import Blend, Design, Gaussian
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_fusion.model.tabular.similar import SimilarGroups
from tumorcast_fusion.model.tabular.typicality import TypicalPatients
from tumorcast_training import aggregates
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import Cohort
from tumorcast_training.conformal import conformal_threshold
from tumorcast_training.cross_validation import BLEND, Answers, Run, cross_validate, cross_validate_subsets, pooled
from tumorcast_training.drawing import figure_of
from tumorcast_training.fitting import LEARNERS, Encoded, fit_endpoint, training_set
from tumorcast_training.held_back import score_test
from tumorcast_training.learners.target import patient_folds
from tumorcast_training.measuring import DEALS, measure
from tumorcast_training.parallel import in_turn
from tumorcast_training.plots import write_plots
from tumorcast_training.prototypes import fit_prototypes
from tumorcast_training.publishing import PLOTS, publish, write_metrics
from tumorcast_training.selection import Selection, select

Array = NDArray[np.float64]
Told = Callable[[str], None]
_TYPICALITY_FOLDS = 10


@dataclass(frozen=True, eq=False)
class TrainedEndpoint:
    """The shipped blend of one endpoint, how it answers, and its score on every fold for every subset of the groups."""

    blend: Blend
    how: TabularEndpoint
    scores: Array
    selection: Selection
    metrics: Mapping[str, Any]
    figure: bytes
    headline: Array


def train(
    blueprint: Blueprint,
    cohort: Cohort,
    out: Path,
    *,
    seed: int = 0,
    run: Run | None = None,
    told: Told = lambda _: None,
    learners: Sequence[str] = LEARNERS,
    test: Cohort | None = None,
    deals: int = DEALS,
) -> Path:
    """Train, measure and write ``out/models/<name>``; the same seed gives the same bytes.

    ``learners`` are the candidates, the simplest among them; of several, their blend is one more. ``test`` are patients
    of no fold, for whom the finished model's answers are scored. ``deals``: how often outcomes are shuffled to look for
    leakage.
    """
    run = run or in_turn
    folder = out / "models" / blueprint.name
    columns = blueprint.fit_columns(cohort.inputs)
    manifest = blueprint.manifest(cohort.inputs, columns)
    design = Design.of(manifest)
    encoded = Encoded.of(cohort, design)
    gaussian = Gaussian.fit(encoded.z)
    trained = {
        plan.id: train_endpoint(blueprint, plan, cohort, columns, seed, run, told, learners, deals)
        for plan in blueprint.endpoints
    }
    prototypes, centers = fit_prototypes(blueprint, cohort, design, encoded.z, gaussian, seed)
    manifest = _finished(manifest, trained, prototypes)
    engine = TabularEngine(
        manifest,
        design,
        {name: found.blend for name, found in trained.items()},
        TypicalPatients.fit(encoded.z, gaussian, patient_folds(cohort.patient_ids, _TYPICALITY_FOLDS, seed)),
        SimilarGroups(prototypes, centers),
        {name: found.scores for name, found in trained.items()},
    )
    folder.mkdir(parents=True, exist_ok=True)
    for old in manifests.weight_files(folder):
        old.unlink(missing_ok=True)
    manifests.dump(manifest, folder)
    engine.save(folder)
    document = {
        "model": blueprint.name,
        "seed": seed,
        "cohort": _described(blueprint, cohort),
        "folds": {"repeats": cohort.folds.shape[1], "folds": int(cohort.folds.max()) + 1},
        "endpoints": {name: dict(found.metrics) for name, found in trained.items()},
        "command": f"tumorcast train {blueprint.name} --data DIR --out DIR --seed {seed}",
    }
    if test is not None:
        document["test"] = score_test(folder, blueprint, cohort, test)
    write_metrics(folder, document)
    features = {name: feature for name, (_, feature) in blueprint.inputs().items()}
    kept = aggregates.training_aggregates(cohort, features, {name: found.headline for name, found in trained.items()})
    aggregates.write(kept, folder)
    write_plots(folder / PLOTS, {name: found.figure for name, found in trained.items()})
    publish(folder, blueprint)
    return folder


def train_endpoint(
    blueprint: Blueprint,
    plan: EndpointPlan,
    everyone: Cohort,
    columns: Sequence[Column],
    seed: int,
    run: Run,
    told: Told,
    learners: Sequence[str] = LEARNERS,
    deals: int = DEALS,
) -> TrainedEndpoint:
    """Cross-validate all candidates of one endpoint, choose one, fit it to all rows and measure it out of fold."""
    cohort = everyone[np.flatnonzero(everyone.outcomes[plan.id].known())]
    told(f"{plan.id}: cross-validating")
    results = cross_validate(blueprint, plan, cohort, seed, run, learners)
    selection = select(results)
    told(f"{plan.id}: {selection.chosen} is shipped; fitting it to all {len(cohort)} rows")
    data = training_set(blueprint, plan, cohort, columns)
    needed = learners if selection.chosen == BLEND else (selection.chosen,)
    fitted = fit_endpoint(data, blueprint.recipe, seed, needed)
    blend = fitted.blend(selection.chosen)
    inner = Answers.of_link(plan, fitted.inner_link(selection.chosen), data.target.edges_days)
    threshold, level = conformal_threshold(inner, cohort.outcomes[plan.id])
    how = TabularEndpoint(
        parts=tuple(BlendPart(learner=part.learner, weight=part.weight) for part in blend.parts),
        edges_days=data.target.edges_days,
        conformal_level=level,
        conformal_threshold=threshold,
        score="AUC" if plan.kind is EndpointKind.BINARY else "C",
    )
    told(f"{plan.id}: every subset of the groups")
    subsets = cross_validate_subsets(blueprint, plan, cohort, results, run, selection.chosen)
    told(f"{plan.id}: measuring")
    metrics = measure(blueprint, plan, cohort, results, subsets, selection, seed, run, deals)
    scores = np.stack([fold.model for fold in subsets], axis=1)
    figure = figure_of(blueprint, plan, cohort, results, subsets, metrics)
    headline = np.full(len(everyone), np.nan)
    headline[everyone.outcomes[plan.id].known()] = pooled(results, selection.chosen, len(cohort)).headline(plan)
    return TrainedEndpoint(blend, how, scores, selection, metrics, figure, headline)


def _finished(manifest: Manifest, trained: Mapping[str, TrainedEndpoint], prototypes: Sequence[Any]) -> Manifest:
    if manifest.tabular is None:
        raise ValueError("the manifest says nothing of tables")
    tabular = manifest.tabular.model_copy(
        update={"endpoints": {name: found.how for name, found in trained.items()}, "prototypes": tuple(prototypes)}
    )
    return manifest.model_copy(update={"tabular": tabular})


def _described(blueprint: Blueprint, cohort: Cohort) -> dict[str, Any]:
    missing = {
        name: round(float(cohort.inputs[name].isna().mean()), 4) if name in cohort.inputs else 1.0
        for name in blueprint.inputs()
    }
    return {
        "rows": len(cohort),
        "patients": len(set(cohort.patient_ids)),
        "notes": list(cohort.notes),
        "missing": missing,
    }
