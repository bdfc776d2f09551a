"""A row of a table is answered as the same patient's snapshot is, to the last digit that matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.tabular import cohort, load_trained, snapshot_of, trained
from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    EndpointStatus,
    Estimate,
    ProbabilityEstimate,
    SurvivalEstimate,
)
from tumorcast_fusion.model import ModelStore, PrognosisModel
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_fusion.model.store import SHIPPED as MODELS
from tumorcast_fusion.model.tabular.links import survival_at
from tumorcast_training.cohorts import Cohort
from tumorcast_training.table_predictions import (
    hazards,
    incidence,
    lower_bounds,
    predict_rows,
    prediction_sets,
    probabilities,
    rows_of,
    tabular_engine,
)

SHIPPED = [name for name in ModelStore().names if manifests.load(MODELS / name).engine == "tabular"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> PrognosisModel:
    return load_trained(tmp_path_factory.mktemp("tiny"))


def numbers(estimate: Estimate, horizons: tuple[float, ...]) -> dict[str, object]:
    match estimate:
        case ProbabilityEstimate():
            return {"p": [estimate.probability], "set": estimate.prediction_set}
        case CategoriesEstimate():
            return {"p": [c.probability for c in estimate.categories], "set": estimate.prediction_set}
        case SurvivalEstimate():
            return {"p": [p.survival for p in estimate.points], "bound": [estimate.lower_bound_days or -1.0]}
        case CompetingRisksEstimate():
            return {"p": [p.survival for cause in estimate.causes for p in cause.points]}
    raise AssertionError(horizons)


def of_row(output: EndpointOutput, model: PrognosisModel, endpoint: str) -> dict[str, object]:
    spec = next(s for s in model.manifest.endpoints if s.id == endpoint)
    if not spec.about_times:
        sets, p = prediction_sets(output), probabilities(output)[0]
        names = spec.outcomes
        kept = () if sets is None else tuple(name for name, inside in zip(names, sets[0], strict=True) if inside)
        return {"p": [p[1]] if len(names) == 2 else list(p), "set": kept}
    days = spec.horizons_days
    if hazards(output).shape[1] == 1:
        bound = lower_bounds(output)
        survival = survival_at(hazards(output)[0, 0], output.edges_days, days)
        return {"p": list(survival), "bound": [-1.0 if bound is None else bound[0]]}
    edges = np.concatenate([[0.0], output.edges_days])
    risks = [np.interp(days, edges, np.concatenate([[0.0], cause])) for cause in incidence(output)[0]]
    return {"p": [1 - r for risk in risks for r in risk]}


def assert_same(model: PrognosisModel, patients: Cohort) -> None:
    found = predict_rows(tabular_engine(model), patients.inputs)
    for row in range(len(patients)):
        served = model.predict(snapshot_of(patients, row, model.manifest))
        one = np.arange(len(patients)) == row
        for endpoint in served.endpoints:
            abstained = endpoint.status is EndpointStatus.ABSTAINED
            assert (found.abstains[row] is not None) == abstained
            if endpoint.estimate is None:
                assert found.abstains[row] == endpoint.reasons[0].code
                continue
            here = of_row(rows_of(found.outputs[endpoint.id], one), model, endpoint.id)
            there = numbers(endpoint.estimate, ())
            assert here.pop("set", ()) == there.pop("set", ())
            for name, values in there.items():
                assert here[name] == pytest.approx(values, abs=1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.7, 0.95])
def test_rows_are_answered_as_snapshots_are(tiny: PrognosisModel, missing: float) -> None:
    assert_same(tiny, cohort(12, seed=int(100 * missing), missing=missing))


def test_rows_with_wild_values_and_strange_categories_are_answered_as_snapshots_are(tiny: PrognosisModel) -> None:
    patients = cohort(8, seed=5, missing=0.2)
    inputs = patients.inputs.copy()
    inputs["albumin"] = [0.6, 6.9, 3.8, 3.8, np.nan, 3.8, 3.8, 3.8]
    inputs["functional_tumor_volume_t0"] = [1.0, 1.0, 1500.0, 1.0, np.nan, 1.0, 900.0, 5.0]
    inputs["immunotherapy_cancer_type"] = ["breast", None, "melanoma", "ovarian", None, "renal", "breast", "breast"]
    strange = replace(patients, inputs=inputs)
    found = predict_rows(tabular_engine(tiny), inputs)
    assert found.unseen == {"immunotherapy_cancer_type": 4}
    assert set(found.reasons()) == {"UNLIKE_TRAINING_PATIENTS"}
    assert_same(tiny, strange)


def test_a_row_without_any_input_is_not_answered(tiny: PrognosisModel) -> None:
    nobody = cohort(3, missing=1.0)
    found = predict_rows(tabular_engine(tiny), nobody.inputs)
    assert found.reasons() == {"NO_USABLE_INPUT": 3}
    assert_same(tiny, nobody)


def test_the_order_of_the_rows_and_their_number_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, patients = trained(), cohort(30, seed=3)
    whole = predict_rows(engine, patients.inputs)
    monkeypatch.setattr("tumorcast_training.table_predictions._ROWS_AT_ONCE", 7)
    back = predict_rows(engine, patients.inputs.iloc[::-1].reset_index(drop=True))
    for endpoint, output in whole.outputs.items():
        assert output.headline([200.0]) == pytest.approx(back.outputs[endpoint].headline([200.0])[::-1], abs=1e-12)


def test_models_of_other_kinds_say_what_they_need() -> None:
    with pytest.raises(InvalidInput, match="--data"):
        tabular_engine(ModelStore().get("simulated"))


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("seed", range(3))
def test_shipped_models_answer_rows_as_snapshots(name: str, seed: int) -> None:
    model = ModelStore().get(name)
    assert_same(model, random_rows(model, 8, seed))


def random_rows(model: PrognosisModel, rows: int, seed: int) -> Cohort:
    """Rows of plausible values, of which a random share is missing."""
    import pandas as pd

    from tumorcast_core.catalog import entry

    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for name, (group, feature) in model.manifest.inputs().items():
        known, scaling = entry(feature), group.scaling.get(feature)
        gone = rng.random(rows) < rng.random()
        if known.categories:
            values = rng.choice(np.array(known.categories, dtype=object), rows)
            columns[name] = np.where(gone, None, values)
            continue
        low, high = (scaling.low, scaling.high) if scaling else (max(known.range[0], 0.0), min(known.range[1], 1.0))
        drawn = rng.uniform(low, high, rows)
        columns[name] = np.where(gone, np.nan, np.round(drawn) if known.integer else drawn)
    blank = cohort(rows)
    return replace(blank, inputs=pd.DataFrame(columns))
