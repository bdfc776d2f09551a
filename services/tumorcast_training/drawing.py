"""The figure of a cross-validated endpoint: what its plots are drawn from, out of fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import Cohort, SurvivalOutcome
from tumorcast_training.cross_validation import (
    Answers,
    FoldResult,
    SubsetScores,
    known_value,
    pooled,
    pooled_baseline,
)
from tumorcast_training.plots import (
    BinaryPredictions,
    Heading,
    Predictions,
    TimedPredictions,
    evaluation_figure,
    subgroup_estimates,
)


def figure_of(
    blueprint: Blueprint,
    plan: EndpointPlan,
    cohort: Cohort,
    results: Sequence[FoldResult],
    subsets: Sequence[SubsetScores],
    metrics: Mapping[str, Any],
) -> bytes:
    """Calibration, decision curve, risk groups and subgroups as SVG; of competing risks, the first cause."""
    answers = pooled(results, metrics["chosen"], len(cohort))
    predictions = _predictions(plan, cohort, answers, pooled_baseline(subsets, len(cohort)))
    first = plan.outcomes[0]

    def of_first(scores: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = scores.get(first, scores)
        return found

    parts = {name: {k: of_first(v) for k, v in labels.items()} for name, labels in metrics["subgroups"].items()}
    score = "Harrell C" if answers.grid_days else "AUC"
    event = plan.outcomes[1] if not answers.grid_days else first if len(plan.outcomes) and first != "no" else "event"
    heading = Heading(blueprint.name, plan.id, event.replace("_", " "), score)
    return evaluation_figure(predictions, subgroup_estimates(of_first(metrics["scores"]), parts), heading)


def _predictions(plan: EndpointPlan, cohort: Cohort, answers: Answers, baseline: Answers) -> Predictions:
    outcome = cohort.outcomes[plan.id]
    if not isinstance(outcome, SurvivalOutcome):
        happened = np.where(np.isnan(known_value(outcome)), np.nan, known_value(outcome) > 0)
        risks = [1 - found.values[:, 0] for found in (answers, baseline)]
        return BinaryPredictions(happened, risks[0], cohort.patient_ids, risks[1])
    horizon = plan.horizons_days[len(plan.horizons_days) // 2]
    risks = [found.incidence_at(horizon) for found in (answers, baseline)]
    return TimedPredictions(outcome.days, outcome.event, risks[0], horizon, cohort.patient_ids, baseline=risks[1])
