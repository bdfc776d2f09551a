"""What a model of tables answers for the rows of a cohort, all at once: numbers and silence as they are served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest
from tumorcast_fusion.model.outputs import EndpointOutput, day_of_survival, kept_outcomes
from tumorcast_fusion.model.tabular.abstaining import NO_USABLE_INPUT, UNLIKE, far_outside, unlike_training
from tumorcast_fusion.model.tabular.design import Design, missing
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_fusion.model.tabular.links import cumulative_incidence

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Column = NDArray[np.float64] | NDArray[np.object_]
_ROWS_AT_ONCE = 4096
_WHAT_TO_GIVE = {
    "neural": "The model reads images and notes beside tables: evaluate it on a folder of patients with --data.",
    "growth": "The model forecasts the sum of diameters from dated scans: a table of one row a patient has none.",
}


@dataclass(frozen=True, eq=False)
class RowPredictions:
    """Answers for n rows: ``outputs`` by endpoint, groups ``present`` (n, groups), why a row is not answered (n,).

    ``abstains`` holds a reason code, or ``None`` where the row is answered; outputs are computed for all rows alike.
    ``unseen`` counts values per input whose category the model has not seen; they were not used.
    """

    outputs: Mapping[str, EndpointOutput]
    present: Mask
    abstains: NDArray[np.object_]
    unseen: Mapping[str, int]
    z: Array

    @property
    def answered(self) -> Mask:
        """Rows that are answered."""
        return np.array([reason is None for reason in self.abstains], dtype=bool)

    def reasons(self) -> dict[str, int]:
        """How many rows are not answered, by reason."""
        codes, counts = np.unique([reason for reason in self.abstains if reason is not None], return_counts=True)
        return {str(code): int(count) for code, count in zip(codes, counts, strict=True)}


def tabular_model(model: PrognosisModel | GrowthModel) -> PrognosisModel:
    """A model of tables as it is; raises ``InvalidInput`` that says what another kind of model needs."""
    if not isinstance(model, PrognosisModel) or not isinstance(model.engine, TabularEngine):
        raise InvalidInput(_WHAT_TO_GIVE.get(model.manifest.engine, "The model reads no tables."))
    return model


def tabular_engine(model: PrognosisModel) -> TabularEngine:
    """The engine of a model of tables; raises as ``tabular_model``."""
    engine: TabularEngine = tabular_model(model).engine  # type: ignore[assignment]
    return engine


def predict_rows(engine: TabularEngine, inputs: pd.DataFrame) -> RowPredictions:
    """Predict every row of inputs by input name (float64 with NaN, or object with ``None``), in catalog units."""
    usable, unseen = _usable(inputs, engine.design)
    rows = len(inputs)
    z, present = engine.design.matrix(usable, rows), engine.design.present(usable, rows)
    unlike = unlike_training(engine.typical, z, _far(usable, engine.manifest, rows))
    abstains = np.full(rows, None, dtype=object)
    abstains[unlike] = UNLIKE.code
    abstains[~present.any(axis=1)] = NO_USABLE_INPUT.code
    return RowPredictions(outputs_of(engine, z, present), present, abstains, unseen, z)


def outputs_of(engine: TabularEngine, z: Array, present: Mask) -> dict[str, EndpointOutput]:
    """Outputs for rows of columns (n, columns), a few thousand at a time; ``present`` (n, groups)."""
    parts = [engine.outputs_of(z[rows], present[rows]) for rows in _chunks(len(z))]
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _usable(inputs: pd.DataFrame, design: Design) -> tuple[dict[str, Column], dict[str, int]]:
    """The inputs without categories that the model has not seen, and how many those were."""
    usable: dict[str, Column] = {}
    unseen: dict[str, int] = {}
    for name in map(str, inputs):
        values: Column = inputs[name].to_numpy()
        if values.dtype == object:
            stated = ~missing(values)
            known = {v for v in set(values[stated]) if design.usable(name, v)}
            strange = stated & np.array([v not in known for v in values], dtype=bool)
            if strange.any():
                values = values.copy()
                values[strange] = None
                unseen[name] = int(strange.sum())
        usable[name] = values
    return usable, unseen


def _far(inputs: Mapping[str, Column], manifest: Manifest, rows: int) -> Mask:
    far = np.zeros(rows, dtype=bool)
    for name, (group, feature) in manifest.inputs().items():
        scaling = group.scaling.get(feature)
        if name in inputs and scaling is not None and not entry(feature).categories:
            far |= far_outside(inputs[name].astype(float), scaling)
    return far


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + _ROWS_AT_ONCE) for start in range(0, max(rows, 1), _ROWS_AT_ONCE))


def _joined(parts: Sequence[EndpointOutput]) -> EndpointOutput:
    first = parts[0]
    return EndpointOutput(
        probability=_along(1, [p.probability for p in parts]),
        categories=_along(0, [p.categories for p in parts]),
        hazards=_along(1, [p.hazards for p in parts]),
        edges_days=first.edges_days,
        level=first.level,
        threshold=first.threshold,
    )


def _along(axis: int, arrays: Sequence[Array | None]) -> Array | None:
    given = [a for a in arrays if a is not None]
    return np.concatenate(given, axis=axis) if given else None


def rows_of(output: EndpointOutput, rows: Mask) -> EndpointOutput:
    """The output for some of its rows."""
    return EndpointOutput(
        probability=None if output.probability is None else output.probability[:, rows],
        categories=None if output.categories is None else output.categories[rows],
        hazards=None if output.hazards is None else output.hazards[:, rows],
        edges_days=output.edges_days,
        level=output.level,
        threshold=output.threshold,
    )


def probabilities(output: EndpointOutput) -> Array:
    """P(each outcome), (n, outcomes), of a binary or ordinal endpoint."""
    if output.probability is not None:
        return np.stack([1 - output.probability[0], output.probability[0]], axis=1)
    if output.categories is None:
        raise ValueError("the endpoint is about times")
    return output.categories


def prediction_sets(output: EndpointOutput) -> Mask | None:
    """Which outcomes cannot be excluded, (n, outcomes), at least the likeliest; ``None`` where there are no sets."""
    if not output.level:
        return None
    return kept_outcomes(probabilities(output), output.threshold)


def hazards(output: EndpointOutput) -> Array:
    """Cumulative hazards (n, causes, T) of an endpoint about times."""
    if output.hazards is None:
        raise ValueError("the endpoint is not about times")
    best: Array = output.hazards[0]
    return best


def incidence(output: EndpointOutput) -> Array:
    """Cumulative incidence of each cause (n, causes, T)."""
    return cumulative_incidence(hazards(output))


def lower_bounds(output: EndpointOutput) -> Array | None:
    """The day that a patient outlives with the conformal level, (n,); the end of follow-up where it lies beyond."""
    if not output.level:
        return None
    days = [day_of_survival(row[0], output.edges_days, output.threshold) for row in hazards(output)]
    return np.array([output.edges_days[-1] if day is None else day for day in days])


def headline(output: EndpointOutput, spec: EndpointSpec) -> Array:
    """The number that an answer is led by, (n,): P(outcome), or P(no event) by the last horizon."""
    last = [spec.horizons_days[-1] if spec.horizons_days else output.edges_days[-1]] if spec.about_times else []
    shown: Array = output.headline(last)[:, -1]
    return shown
