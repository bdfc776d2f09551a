"""What the settings say about replicas and queues is checked before anything starts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.settings import Resources, Scaling, Settings

SCALED = {"min_replicas": 1, "max_replicas": 4, "target_ongoing": 8}


def test_scaling_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("TUMORCAST_IMAGING_INGRESS_SCALING", json.dumps(SCALED))
    monkeypatch.setenv("TUMORCAST_IMAGING_ENCODERS_SCALING", json.dumps({"ct-lesion": SCALED}))
    settings = Settings()
    assert settings.ingress_scaling == settings.scaling_of("ct-lesion") == Scaling(**SCALED)
    assert settings.scaling_of("pet-lesion") is None


def test_an_encoder_of_its_own_comes_before_all_encoders():
    own, every = Scaling(**SCALED), Scaling(max_replicas=2, target_ongoing=1)
    settings = Settings(encoder_scaling=every, encoders_scaling={"ct-lesion": own})
    assert (settings.scaling_of("ct-lesion"), settings.scaling_of("other")) == (own, every)


@pytest.mark.parametrize(
    "wrong",
    [
        SCALED | {"min_replicas": 5},
        SCALED | {"min_replicas": 0},
        SCALED | {"target_ongoing": 0},
        SCALED | {"max_replica": 5},
        SCALED | {"target_ongoing": 1000},
        {"max_replicas": 2},
    ],
    ids=["bounds", "none", "target", "unknown key", "more than is taken", "no target"],
)
def test_a_scaling_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        Settings(ingress_scaling=wrong)


@given(st.integers(1, 1 << 24), st.integers(8, 256))
def test_a_replica_takes_at_least_a_full_batch(batch_voxels, edge):
    settings = Settings(batch_voxels=batch_voxels)
    assert settings.ongoing_crops(edge**3) >= max(batch_voxels // edge**3, 1)


def test_fewer_crops_than_a_full_batch_are_refused():
    settings = Settings(max_ongoing_crops=8)
    assert settings.ongoing_crops(64**3) == 8
    with pytest.raises(InvalidInput, match="at least 64"):
        settings.ongoing_crops(32**3)


def test_an_encoder_without_resources_of_its_own_has_those_of_every_encoder():
    own = {"ct-lesion": Resources(num_gpus=0.25, threads=2)}
    settings = Settings(encoder_num_cpus=0.5, encoder_num_gpus=0, encoder_threads=3, encoders_resources=own)
    assert settings.resources_of("ct-lesion") == Resources(num_cpus=0.5, num_gpus=0.25, threads=2)
    assert settings.resources_of("sarcoma") == Resources(num_cpus=0.5, num_gpus=0, threads=3)
    assert (settings.device_of("ct-lesion"), settings.device_of("sarcoma")) == ("cuda", "cpu")


def test_an_encoder_may_stay_on_the_processor_where_the_others_have_gpus():
    settings = Settings(encoder_num_gpus=1, encoders_resources={"small": Resources(num_gpus=0)})
    assert (settings.device_of("small"), settings.device_of("large")) == ("cpu", "cuda")


@pytest.mark.parametrize("wrong", [{"num_gpus": 1.5}, {"num_gpus": -1}, {"num_gpu": 1}, {"threads": -1}])
def test_resources_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValidationError):
        Settings(encoders_resources={"ct-lesion": wrong})


def test_encoders_in_the_ingress_have_no_resources_of_their_own():
    with pytest.raises(ValidationError, match="of their own"):
        Settings(encoder_placement="ingress", encoders_resources={"ct-lesion": {"num_cpus": 1}})
