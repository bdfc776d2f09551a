"""Every shipped model of tables gives one answer, served over gRPC or asked in process.

That a row of a table gives it too is held by ``tests/unit/training/test_table_predictions.py``.
"""

import numpy as np
import pytest

from support.fusion_served import ask
from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.catalog import entry
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.model import SHIPPED, ModelStore
from tumorcast_fusion.model.prognosis_model import PrognosisModel
from tumorcast_fusion.model.tabular.engine import TabularEngine

STORE = ModelStore(SHIPPED)
MODELS = [name for name in STORE.names if STORE.get(name).manifest.engine == "tabular"]


def patient(model: PrognosisModel, seed: int) -> dict[str, float | str]:
    """Inputs near the middle of the training cohort's, a third of them missing."""
    rng = np.random.default_rng(seed)
    values: dict[str, float | str] = {}
    for name, (group, feature) in model.manifest.inputs().items():
        known = entry(feature)
        if rng.random() < 1 / 3:
            continue
        if known.categories:
            usable = [c for c in known.categories if model.engine.design.usable(name, c)]
            values[name] = str(rng.choice(usable))
        elif feature in group.scaling:
            low, high = group.scaling[feature].low, group.scaling[feature].high
            middle = np.clip(group.scaling[feature].mean * rng.uniform(0.8, 1.2), low, high)
            values[name] = float(round(middle)) if known.integer else float(middle)
    return values


def snapshot(model: PrognosisModel, values: dict[str, float | str]) -> PatientSnapshot:
    inputs = model.manifest.inputs()
    made = (entry(inputs[n][1]).make(value, timepoint=inputs[n][0].timepoint) for n, value in values.items())
    return PatientSnapshot(patient_id="p", index_date="2026-01-01", features=tuple(made))


@pytest.mark.parametrize("name", MODELS)
def test_served_and_in_process_answers_agree(name: str) -> None:
    model = STORE.get(name)
    assert isinstance(model, PrognosisModel)
    assert isinstance(model.engine, TabularEngine)
    for seed in range(4):
        values = patient(model, seed)
        request = pb.PredictPrognosisRequest(model=name, snapshot=wire.snapshot_to(snapshot(model, values)))
        served = wire.prognosis_from(ask(SHIPPED, lambda s: s.PredictPrognosis, request).prognosis)
        direct = model.predict(snapshot(model, values))
        assert served.endpoints == direct.endpoints
        assert served.inputs == direct.inputs
        assert (served.typicality, served.similar, served.observed_under) == (
            direct.typicality,
            direct.similar,
            direct.observed_under,
        )
