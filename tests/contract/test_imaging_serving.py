"""Deadlines, draining and kept vectors of the imaging servicer, over plain ``grpc.aio``."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode, upload
from support.imaging_servicer import BrokenEncoder, run
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    ServiceUnavailable,
)
from tumorcast_imaging.adapters.encoders import CachedEncoder, EmbeddingCache, LocalEncoder
from tumorcast_imaging.adapters.encoders.local_encoder import Waiting, encode_wanted
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Crop, Encoded, Encoder
from tumorcast_imaging.servicer import ImagingServicer

SHIPPED = ENCODERS / "ct-lesion"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(SHIPPED)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = Phantom().write(tmp_path / "in")
    Phantom().write_segmentation(folder)
    return sorted(folder.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> FolderStudyStore:
    return FolderStudyStore(tmp_path / "store")


def test_the_callers_deadline_holds(store, files):
    silent = BrokenEncoder(wait_s=60)
    servicer = ImagingServicer(store, [silent])
    for path in files:
        store.add(path)
    with pytest.raises(DeadlineExceeded):
        run(servicer, lambda stub, _: encode(stub, STUDY, Deadline.after(1.0)))
    assert silent.asked_until.left_s < 1
    assert silent.cancelled


class SlowStore(FolderStudyStore):
    """Takes its time to find a study's files, and notes which stages came after."""

    wait_s = 0.4

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        time.sleep(self.wait_s)
        return super().files(study_instance_uid)


def test_a_deadline_that_passes_while_reading_leaves_nothing_for_the_encoder(tmp_path, files):
    store, asked = SlowStore(tmp_path / "store"), BrokenEncoder(wait_s=60)
    for path in files:
        store.add(path)

    async def talk(stub, _):
        request = pb.EncodeStudyRequest(timepoint={"study_instance_uid": STUDY})
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.EncodeStudy(request, metadata=[(rpc.BUDGET_MS, "200")])
        await asyncio.sleep(1.5)
        return caught.value.code()

    assert run(ImagingServicer(store, [asked]), talk) == grpc.StatusCode.DEADLINE_EXCEEDED
    assert asked.asked_until == Deadline()


def test_a_caller_who_hangs_up_leaves_nothing_running(store, files):
    silent = BrokenEncoder(wait_s=60)
    for path in files:
        store.add(path)

    async def talk(stub, _):
        call = stub.EncodeStudy(pb.EncodeStudyRequest(timepoint={"study_instance_uid": STUDY}))
        await asyncio.wait_for(silent.asked.wait(), 20)
        call.cancel()
        await asyncio.sleep(0.3)

    run(ImagingServicer(store, [silent]), talk)
    assert silent.cancelled


def test_an_encoder_whose_own_queue_is_too_slow_is_unavailable_not_late(store, files):
    servicer = ImagingServicer(store, [BrokenEncoder(error=DeadlineExceeded())], encoder_timeout_s=5)
    for path in files:
        store.add(path)
    with pytest.raises(ServiceUnavailable, match="encoder"):
        run(servicer, lambda stub, _: encode(stub, STUDY))


def test_a_crop_whose_deadline_has_passed_is_not_computed(encoder):
    crop = Crop("ct-lesion", np.zeros((2, 48, 48, 48), np.float32), "CT")
    waiting = [Waiting(crop, Deadline.after(60)), Waiting(crop, Deadline.after(-1)), Waiting(crop, Deadline())]
    counted = CountingEncoder(encoder)
    first, late, last = encode_wanted(counted, waiting)
    assert isinstance(late, DeadlineExceeded)
    assert np.array_equal(first.vector, last.vector)
    assert counted.computed == 2


class CountingEncoder:
    """An encoder that counts what it computes."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self.computed = encoder, 0
        self.device, self.embedding_space = encoder.device, encoder.embedding_space

    def encode(self, crops: Sequence[Crop]) -> list[Any]:
        self.computed += len(crops)
        return self._encoder.encode(crops)


def test_while_draining_running_calls_end_and_new_ones_are_refused(store, files, encoder):
    slow = SlowEncoder(encoder)
    servicer = ImagingServicer(store, [slow])
    for path in files:
        store.add(path)

    async def talk(stub, health):
        running = asyncio.ensure_future(encode(stub, STUDY))
        await asyncio.wait_for(slow.asked.wait(), 20)
        draining = asyncio.ensure_future(servicer.drain(10))
        await asyncio.sleep(0)
        state = (await health.Check(health_pb2.HealthCheckRequest())).status
        with pytest.raises(ServiceUnavailable, match="shutting down"):
            await encode(stub, STUDY)
        with pytest.raises(ServiceUnavailable, match="shutting down"):
            await upload(stub, files)
        slow.go_on.set()
        return state, await running, await draining

    state, answer, drained = run(servicer, talk)
    assert state == health_pb2.HealthCheckResponse.NOT_SERVING
    assert len(answer.embeddings) == 1
    assert drained


class SlowEncoder(LocalEncoder):
    """Waits until told to go on."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        self.asked.set()
        await self.go_on.wait()
        return await super().encode(crops, deadline)


def test_a_call_that_outlives_the_drain_is_ended_and_told(store, files):
    servicer = ImagingServicer(store, [BrokenEncoder(wait_s=60)])
    for path in files:
        store.add(path)

    async def talk(stub, _):
        running = asyncio.ensure_future(encode(stub, STUDY))
        await asyncio.sleep(0.5)
        drained = await servicer.drain(0.1)
        with pytest.raises(ServiceUnavailable, match="shutting down"):
            await running
        return drained

    assert run(servicer, talk) is False


def test_a_study_encoded_before_is_not_computed_again(tmp_path, store, files, encoder):
    counted = CountingEncoder(encoder)
    counted.manifest = encoder.manifest
    cached = CachedEncoder(LocalEncoder(counted), EmbeddingCache(KeptFiles(tmp_path / "cache", 1 << 20)), "cpu")
    for path in files:
        store.add(path)

    async def talk(stub, _):
        return [await encode(stub, STUDY) for _ in range(3)]

    first, *others = run(ImagingServicer(store, [cached]), talk)
    assert counted.computed == 1
    assert all(other == first for other in others)


def test_the_budget_in_metadata_holds_without_a_grpc_deadline(store, files):
    servicer = ImagingServicer(store, [BrokenEncoder(wait_s=60)])
    for path in files:
        store.add(path)

    async def talk(stub, _):
        request = pb.EncodeStudyRequest(timepoint={"study_instance_uid": STUDY})
        await stub.EncodeStudy(request, metadata=[(rpc.BUDGET_MS, "500")])

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        run(servicer, talk)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
