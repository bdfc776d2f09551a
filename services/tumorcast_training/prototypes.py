"""Prototypes: groups of at least ten training patients who are alike, with what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from tumorcast_fusion.model.manifest import Observed, Prototype
from tumorcast_fusion.model.tabular import Gaussian
from tumorcast_fusion.model.tabular.design import Design
from tumorcast_fusion.model.tabular.similar import FEWEST_PATIENTS
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cohorts import BinaryOutcome, Cohort, SurvivalOutcome
from tumorcast_training.metrics import clopper_pearson, risk_by
from tumorcast_training.metrics.resampling import ClusterBootstrap

Array = NDArray[np.float64]
MOST = 8
_PATIENTS_EACH = 40
_NOTHING_APART = 0.05
_MOSTLY, _RARELY = 0.5, 0.1


def fit_prototypes(
    blueprint: Blueprint, cohort: Cohort, design: Design, z: Array, gaussian: Gaussian, seed: int
) -> tuple[tuple[Prototype, ...], Array]:
    """Cluster the training rows on completed columns; groups of fewer than ten patients join their nearest.

    Of fewer than ten patients there is no group.
    """
    patients = len(set(cohort.patient_ids))
    if patients < FEWEST_PATIENTS or not z.shape[1]:
        return (), np.zeros((0, z.shape[1]))
    filled, _ = gaussian.complete(z, np.ones(z.shape[1], dtype=bool))
    count = int(np.clip(patients // _PATIENTS_EACH, 1, MOST))
    label = KMeans(count, n_init=4, random_state=seed).fit_predict(filled)
    label = _merged(label, filled, cohort.patient_ids)
    groups = [np.flatnonzero(label == k) for k in np.unique(label)]
    groups.sort(key=lambda rows: (-len(rows), int(rows[0])))
    centers = np.stack([filled[rows].mean(axis=0) for rows in groups])
    found = tuple(
        Prototype(
            id=f"group-{k + 1}",
            patients=len(set(cohort.patient_ids[rows])),
            description=_description(design, centers[k]),
            outcomes=tuple(o for plan in blueprint.endpoints for o in _outcomes(plan, cohort, rows, seed)),
            treatments=_treatments(blueprint, cohort.inputs, rows, cohort.patient_ids),
        )
        for k, rows in enumerate(groups)
    )
    return found, centers


def _merged(label: NDArray[np.int64], z: Array, patient_ids: NDArray[np.object_]) -> NDArray[np.int64]:
    """Join every group of too few patients to the nearest other."""
    label = label.copy()
    while True:
        names = np.unique(label)
        sizes = {k: len(set(patient_ids[label == k])) for k in names}
        small = min(names, key=lambda k: sizes[k])
        if sizes[small] >= FEWEST_PATIENTS or len(names) == 1:
            return label
        centers = {k: z[label == k].mean(axis=0) for k in names if k != small}
        mine = z[label == small].mean(axis=0)
        label[label == small] = min(centers, key=lambda k: float(((centers[k] - mine) ** 2).sum()))


def _description(design: Design, center: Array, most: int = 3) -> str:
    """What sets a group apart: the columns in which its center lies farthest from the cohort's.

    A number is said to be high or low; a category to be had mostly or rarely, more or less often.
    """
    said = []
    for place in np.argsort(-np.abs(center), kind="stable"):
        if abs(center[place]) < _NOTHING_APART:
            break
        column = design.columns[int(place)]
        name = column.inputs[0].replace("_", " ")
        if column.kind == "category":
            how_often = _how_often(column.mean + center[place] * column.sd, more=center[place] > 0)
            said.append(f"{how_often} {name} {column.category.replace('_', ' ')}")
        elif column.kind == "value":
            said.append(f"{'high' if center[place] > 0 else 'low'} {name}")
        if len(said) == most:
            break
    return ", ".join(said) or "like the whole cohort"


def _how_often(share: float, *, more: bool) -> str:
    """In words how many of a group have a category, beside the cohort.

    >>> [_how_often(share, more=more) for share, more in ((0.7, True), (0.3, True), (0.3, False), (0.02, False))]
    ['mostly', 'more often', 'less often', 'rarely']
    """
    if more:
        return "mostly" if share > _MOSTLY else "more often"
    return "rarely" if share < _RARELY else "less often"


def _outcomes(plan: EndpointPlan, cohort: Cohort, rows: NDArray[np.int64], seed: int) -> Sequence[Observed]:
    outcome = cohort.outcomes[plan.id][rows]
    known = outcome.known()
    if len(set(cohort.patient_ids[rows][known])) < FEWEST_PATIENTS:
        return []
    if isinstance(outcome, BinaryOutcome):
        happened, of = int(outcome.value[known].sum()), int(known.sum())
        low, high = clopper_pearson(happened, of)
        return [Observed(endpoint=plan.id, share=_short(happened / of), lower=_short(low), upper=_short(high))]
    if not isinstance(outcome, SurvivalOutcome):
        return []
    days, event = outcome.days[known], outcome.event[known]
    weights = ClusterBootstrap(cohort.patient_ids[rows][known], 200, seed).weights()
    found = []
    for horizon in plan.horizons_days:
        if horizon > days.max():
            continue
        free = 1 - float(risk_by(days, event, horizon)[0])
        low, high = np.nanpercentile(1 - risk_by(days, event, horizon, weights=weights), [2.5, 97.5])
        found.append(
            Observed(endpoint=plan.id, share=_short(free), lower=_short(low), upper=_short(high), horizon_days=horizon)
        )
    return found


def _treatments(
    blueprint: Blueprint, inputs: pd.DataFrame, rows: NDArray[np.int64], patient_ids: NDArray[np.object_]
) -> Mapping[str, int]:
    """Patients of a group under each treatment; counts below ten are not told apart from none."""
    name = blueprint.therapy_input
    if not name or name not in inputs:
        return {}
    given = inputs[name].to_numpy()[rows]
    counts = {str(c): len(set(patient_ids[rows][given == c])) for c in sorted({g for g in given if isinstance(g, str)})}
    return {c: n for c, n in counts.items() if n >= FEWEST_PATIENTS}


def _short(x: float) -> float:
    return float(f"{float(x):.4g}")
