"""The fusion service over real gRPC gives what the model gives in process."""

from pathlib import Path

import pytest

from support.fusion import full_snapshot, write_tiny_model
from support.fusion_served import ask
from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.errors import HorizonOutOfRange, MalformedRequest, UnknownModel
from tumorcast_fusion.model import ModelStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path)


def test_served_and_in_process_agree_to_the_bit(folder: Path) -> None:
    request = pb.PredictPrognosisRequest(model="tiny", snapshot=wire.snapshot_to(full_snapshot()))
    served = wire.prognosis_from(ask(folder, lambda s: s.PredictPrognosis, request).prognosis)
    direct = ModelStore(folder).get("tiny").predict(full_snapshot())
    assert served.endpoints == direct.endpoints
    assert served.inputs == direct.inputs
    assert served.model == direct.model


def test_an_unknown_model_is_not_found(folder: Path) -> None:
    with pytest.raises(UnknownModel):
        ask(folder, lambda s: s.PredictPrognosis, pb.PredictPrognosisRequest(model="none"))


def test_a_horizon_beyond_follow_up_is_refused(folder: Path) -> None:
    with pytest.raises(HorizonOutOfRange):
        ask(folder, lambda s: s.PredictPrognosis, pb.PredictPrognosisRequest(model="tiny", horizons_days=[9999]))


def test_a_broken_embedding_is_refused(folder: Path) -> None:
    snapshot = wire.snapshot_to(full_snapshot())
    snapshot.embeddings[0].data = b"123"
    with pytest.raises(MalformedRequest):
        ask(folder, lambda s: s.PredictPrognosis, pb.PredictPrognosisRequest(model="tiny", snapshot=snapshot))


def test_models_are_described(folder: Path) -> None:
    (model,) = ask(folder, lambda s: s.ListModels, pb.ListModelsRequest()).models
    assert model == ask(folder, lambda s: s.GetModel, pb.GetModelRequest(name="tiny")).model
    assert model.simulated
    assert [group.id for group in model.groups] == ["ct", "labs", "notes", "clinical"]
    assert list(model.endpoints[1].horizons_days) == [56, 112]
