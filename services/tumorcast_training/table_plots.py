"""Figures of an evaluation: per endpoint and cause, calibration, decision curve, risk groups and subgroups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_training.metrics import RiskCurves
from tumorcast_training.plots import (
    BinaryPredictions,
    Heading,
    Predictions,
    TimedPredictions,
    evaluation_figure,
    subgroup_estimates,
    write_plots,
)
from tumorcast_training.questions import Chance, Question, Time, questions_of
from tumorcast_training.table_evaluation import Options, without_groups
from tumorcast_training.table_predictions import (
    hazards,
    incidence,
    outputs_of,
    predict_rows,
    probabilities,
    rows_of,
    tabular_engine,
)
from tumorcast_training.tables import TableCohort

Array = NDArray[np.float64]
_HOW = "rows of the table given"


def plot(
    model: PrognosisModel, table: TableCohort, document: Mapping[str, Any], options: Options, folder: Path
) -> tuple[Path, ...]:
    """Write a figure per endpoint that was scored, ``<endpoint>.svg`` or ``<endpoint>-<cause>.svg``."""
    engine = tabular_engine(model)
    cohort = without_groups(table.cohort, engine, options.without)
    predicted = predict_rows(engine, cohort.inputs)
    mask = predicted.present & np.isin(engine.design.groups, engine.manifest.baseline_groups)
    baseline = outputs_of(engine, predicted.z, mask)
    rows, figures = predicted.answered, {}
    for spec in engine.manifest.endpoints:
        if spec.id not in document["endpoints"]:
            continue
        found = document["endpoints"][spec.id]
        for question in questions_of(spec, cohort.outcomes[spec.id], cohort.patient_ids):
            alone = rows_of(baseline[spec.id], rows) if mask.any() else None
            drawn = _predictions(question, spec, rows_of(predicted.outputs[spec.id], rows), alone, rows)
            estimates = subgroup_estimates(_of(found["scores"], question), _subgroups(found["subgroups"], question))
            heading = Heading(model.ref.name, spec.id, question.name or spec.id, question.figure, _HOW)
            name = f"{spec.id}-{question.name.replace(' ', '-')}" if question.name else spec.id
            figures[name] = evaluation_figure(drawn, estimates, heading)
    return write_plots(folder, figures)


def _predictions(
    question: Question,
    spec: EndpointSpec,
    output: EndpointOutput,
    alone: EndpointOutput | None,
    rows: NDArray[np.bool_],
) -> Predictions:
    if isinstance(question, Chance):
        chance, beside = (_chance(question, o) for o in (output, alone))
        return BinaryPredictions(question.value[rows], _known(chance), question.patients[rows], beside)
    if not isinstance(question, Time):
        raise TypeError("a question is about a chance or a time")
    day = spec.horizons_days[-1] if spec.horizons_days else output.edges_days[-1]
    risk, beside = (_risk(question, o, day) for o in (output, alone))
    outcome = question.outcome[rows]
    return TimedPredictions(
        outcome.days, outcome.event, _known(risk), day, question.patients[rows], question.cause, beside
    )


def _chance(question: Chance, output: EndpointOutput | None) -> Array | None:
    return None if output is None else probabilities(output)[:, question.at_least :].sum(axis=1).clip(0, 1)


def _risk(question: Time, output: EndpointOutput | None, day: float) -> Array | None:
    if output is None:
        return None
    values = incidence(output)[:, question.cause - 1] if question.competing else hazards(output)[:, 0]
    return RiskCurves.of(np.array(output.edges_days), values, is_hazard=not question.competing).risk_at(day)


def _known(values: Array | None) -> Array:
    if values is None:
        raise ValueError("there are no predictions")
    return values


def _of(found: Mapping[str, Any], question: Question) -> Mapping[str, Any]:
    chosen: Mapping[str, Any] = found[question.name] if question.name else found
    return chosen


def _subgroups(found: Mapping[str, Any], question: Question) -> Mapping[str, Any]:
    return {name: _of(labels, question) for name, labels in found.items()}
