"""Patients held apart from everything: the shipped model's answers for them, scored once it is chosen.

Nothing is fitted, chosen or recalibrated here; training the same model again gives the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_training import floors
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import Cohort
from tumorcast_training.cross_validation import Answers, bounds_of, scores_of
from tumorcast_training.fitting import Encoded
from tumorcast_training.measuring import score_answers
from tumorcast_training.metrics import ClusterBootstrap

Array = NDArray[np.float64]


def score_test(folder: Path, blueprint: Blueprint, train: Cohort, test: Cohort) -> dict[str, Any]:
    """Scores of the model in ``folder`` on patients of no fold, beside floors fitted on its training patients."""
    engine = TabularEngine.load(folder, manifests.load(folder))
    return {plan.id: _endpoint(engine, plan, train, test) for plan in blueprint.endpoints}


def _endpoint(engine: TabularEngine, plan: EndpointPlan, train: Cohort, test: Cohort) -> dict[str, Any]:
    cohort = test[np.flatnonzero(test.outcomes[plan.id].known())]
    encoded = Encoded.of(cohort, engine.design)
    how = engine.spec.endpoints[plan.id]
    answers = Answers.of_link(plan, engine.blends[plan.id].link(encoded.z, encoded.present), how.edges_days)
    bounds = bounds_of(answers, how.conformal_threshold) if how.conformal_level else None
    return {
        "scores": score_answers(plan, cohort.outcomes[plan.id], answers, cohort.patient_ids, bounds=bounds),
        "floors": _floors(plan, train, cohort, answers.risk),
    }


def _floors(plan: EndpointPlan, train: Cohort, test: Cohort, risk: Array) -> Mapping[str, Any]:
    """Each floor's score, and the model's paired difference to it by bootstrap over patients."""
    outcome = test.outcomes[plan.id]
    bootstrap = ClusterBootstrap(test.patient_ids)

    def scored(weights: Array | None, of: Array) -> Array:
        return scores_of(outcome, of, weights)

    found = {}
    known = train[np.flatnonzero(train.outcomes[plan.id].known())]
    for which in floors.floors_of(train.name, plan.id):
        theirs = floors.predict(floors.floor_of(train.name, plan.id, which), known, test, plan.id)
        found[which] = {
            "score": bootstrap.interval(partial(scored, of=theirs)),
            "difference": bootstrap.difference(partial(scored, of=risk), partial(scored, of=theirs)),
        }
    return found
