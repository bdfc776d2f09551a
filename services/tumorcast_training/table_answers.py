"""Answers for a table's rows as a table: headline numbers with their intervals, and why a row has none."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_fusion.model.tabular.links import at_days, cumulative_incidence, survival_at
from tumorcast_training.table_predictions import lower_bounds, predict_rows, prediction_sets, tabular_engine
from tumorcast_training.tables import TableCohort

Array = NDArray[np.float64]
Columns = Mapping[str, Sequence[str]]


def answer_rows(model: PrognosisModel, table: TableCohort, out: Path) -> dict[str, int]:
    """Write a row of answers for each row of a table, in its order; gives how many rows are answered.

    Columns: ``row`` (from 1), ``patient_id``, ``not_answered`` (a reason code), then the numbers of each endpoint,
    empty where the row is not answered. Raises ``InvalidInput`` where the file is there already or cannot be written.
    """
    engine = tabular_engine(model)
    predicted = predict_rows(engine, table.cohort.inputs)
    columns: dict[str, Sequence[str]] = {}
    for spec in engine.manifest.endpoints:
        columns |= _columns(spec, predicted.outputs[spec.id])
    answered = predicted.answered
    try:
        with out.open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["row", "patient_id", "not_answered", *columns])
            for i, patient in enumerate(table.cohort.patient_ids):
                values = [column[i] if answered[i] else "" for column in columns.values()]
                writer.writerow([i + 1, _harmless(str(patient)), predicted.abstains[i] or "", *values])
    except FileExistsError as e:
        raise InvalidInput("The file to write to is there already.") from e
    except OSError as e:
        raise InvalidInput("The file cannot be written there.") from e
    return {"rows": len(answered), "answered": int(answered.sum()), "not_answered": int((~answered).sum())}


def _columns(spec: EndpointSpec, output: EndpointOutput) -> Columns:
    match spec.kind:
        case EndpointKind.BINARY if output.probability is not None:
            found = {spec.id: _numbers(output.probability[0]), **_limits(spec.id, *output.probability[1:])}
            return {**found, **_sets(spec, output)}
        case EndpointKind.ORDINAL if output.categories is not None:
            named = zip(spec.outcomes, output.categories.T, strict=True)
            return {**{f"{spec.id}_{name}": _numbers(p) for name, p in named}, **_sets(spec, output)}
        case EndpointKind.COMPETING_RISKS if output.hazards is not None:
            return _incidence(spec, output)
        case _:
            return _survival(spec, output)


def _survival(spec: EndpointSpec, output: EndpointOutput) -> Columns:
    """Survival at each horizon: its limits are those of the hazard, turned round."""
    if output.hazards is None:
        return {}
    curves = [survival_at(h[:, 0], output.edges_days, spec.horizons_days) for h in output.hazards]
    found: dict[str, Sequence[str]] = {}
    for k, day in enumerate(spec.horizons_days):
        name = f"{spec.id}_at_{day:g}_days"
        found |= {name: _numbers(curves[0][:, k]), **_limits(name, curves[2][:, k], curves[1][:, k])}
    bounds = lower_bounds(output)
    return found if bounds is None else {**found, f"{spec.id}_lower_bound_days": _numbers(bounds)}


def _incidence(spec: EndpointSpec, output: EndpointOutput) -> Columns:
    """P(each cause by each horizon); its limits move the cause's own hazard, as they are served."""
    best, low, high = output.hazards if output.hazards is not None else np.zeros((3, 0, 1, 1))
    found: dict[str, Sequence[str]] = {}
    for c, cause in enumerate(spec.outcomes):
        risks = []
        for limit in (best, low, high):
            mixed = best.copy()
            mixed[:, c] = limit[:, c]
            risks.append(at_days(cumulative_incidence(mixed)[:, c], output.edges_days, spec.horizons_days))
        for k, day in enumerate(spec.horizons_days):
            name = f"{spec.id}_{cause}_by_{day:g}_days"
            found |= {name: _numbers(risks[0][:, k]), **_limits(name, risks[1][:, k], risks[2][:, k])}
    return found


def _limits(name: str, lower: Array, upper: Array) -> Columns:
    return {f"{name}_lower": _numbers(lower), f"{name}_upper": _numbers(upper)}


def _sets(spec: EndpointSpec, output: EndpointOutput) -> Columns:
    sets = prediction_sets(output)
    if sets is None:
        return {}
    rows = ["|".join(n for n, inside in zip(spec.outcomes, row, strict=True) if inside) for row in sets]
    return {f"{spec.id}_cannot_exclude": rows}


def _numbers(values: Array) -> list[str]:
    return [f"{v:.6g}" if math.isfinite(v) else "" for v in values]


def _harmless(text: str) -> str:
    """An id that a spreadsheet will not take for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
