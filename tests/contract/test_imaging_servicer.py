"""The imaging servicer keeps its contract over plain ``grpc.aio``, without Ray."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2

from support.dicom_factory import SERIES, STUDY, Phantom
from support.imaging_client import encode, pieces, upload
from support.imaging_servicer import BrokenEncoder, run
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    MalformedRequest,
    ResourceExhausted,
    ServiceUnavailable,
    StudyNotFound,
    UnknownModel,
)
from tumorcast_core.snapshot import Timepoint
from tumorcast_imaging.adapters.encoders import LocalEncoder
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.dicom import Limits
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Encoder, encode_study
from tumorcast_imaging.servicer import SERVICE, ImagingServicer

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


@pytest.fixture
def servicer(store, encoder) -> ImagingServicer:
    return ImagingServicer(store, [LocalEncoder(encoder)])


def test_an_uploaded_study_is_encoded_as_in_process(servicer, store, encoder, files):
    async def talk(stub, _):
        return await upload(stub, files), await encode(stub, STUDY)

    uploaded, answer = run(servicer, talk)
    (study,) = uploaded.studies
    assert (study.study_instance_uid, study.instances, study.date) == (STUDY, 13, "2026-03-04")
    assert list(study.segmentation_uids) == [f"{SERIES}.900"]
    assert not uploaded.refusals
    expected = encode_study(store, Timepoint("baseline", study_instance_uid=STUDY), [encoder])
    assert tuple(map(wire.feature_from, answer.features)) == expected.features
    found, wanted = wire.embedding_from(answer.embeddings[0]), expected.embeddings[0]
    assert np.array_equal(found.vector, wanted.vector)
    assert found.embedding_space == encoder.embedding_space
    assert (answer.patient_id, answer.date, list(answer.issues)) == ("PHANTOM-1", "2026-03-04", [])


def test_an_unknown_study_is_not_found(servicer):
    with pytest.raises(StudyNotFound):
        run(servicer, lambda stub, _: encode(stub, "1.2.3"))


def test_a_study_uid_that_is_a_path_is_not_found(servicer):
    with pytest.raises(StudyNotFound):
        run(servicer, lambda stub, _: encode(stub, "../../etc"))


def test_a_request_without_study_is_refused(servicer):
    with pytest.raises(MalformedRequest):
        run(servicer, lambda stub, _: encode(stub, ""))


def test_an_unknown_encoder_is_told(servicer, files, store):
    with pytest.raises(UnknownModel):
        run(servicer, lambda stub, _: encode(stub, STUDY, encoders=["pet-lesion"]))


def test_a_file_that_is_not_dicom_is_refused_beside_the_good_ones(servicer, files):
    named = [("note.txt", b"Not an image."), *((path.name, path.read_bytes()) for path in files)]

    async def talk(stub, _):
        return await rpc.call(stub.UploadStudy, pieces(named), Deadline.after(30), service="imaging")

    answer = run(servicer, talk)
    assert answer.studies[0].instances == 13
    (refusal,) = answer.refusals
    assert (refusal.position, refusal.label, refusal.code) == (0, "note.txt", "NOT_DICOM")


def test_a_file_that_is_too_large_is_refused_and_the_next_one_is_stored(tmp_path, encoder, files):
    small = files[0].read_bytes()
    store = FolderStudyStore(tmp_path / "small", limits=Limits(max_file_bytes=len(small) + 10))
    named = [("large", bytes(len(small) + 100_000)), ("small", small)]

    async def talk(stub, _):
        return await rpc.call(stub.UploadStudy, pieces(named), Deadline.after(30), service="imaging")

    answer = run(ImagingServicer(store, []), talk)
    assert [(r.position, r.code) for r in answer.refusals] == [(0, "PAYLOAD_TOO_LARGE")]
    assert answer.studies[0].instances == 1


def test_a_file_shorter_than_announced_is_refused(servicer, store, files):
    async def short() -> AsyncIterator[pb.UploadStudyRequest]:
        content = files[0].read_bytes()
        yield pb.UploadStudyRequest(file=pb.UploadFile(label="cut", size_bytes=len(content)))
        yield pb.UploadStudyRequest(chunk=content[:-50])

    async def talk(stub, _):
        return await rpc.call(stub.UploadStudy, short(), Deadline.after(30), service="imaging")

    assert [r.code for r in run(servicer, talk).refusals] == ["INVALID_INPUT"]
    with pytest.raises(StudyNotFound):
        store.files(STUDY)


@pytest.mark.parametrize(
    "stream",
    [[pb.UploadStudyRequest(chunk=b"x")], [pb.UploadStudyRequest()]],
    ids=["a chunk without a file", "an empty piece"],
)
def test_a_stream_out_of_order_is_refused(servicer, stream):
    async def talk(stub, _):
        return await rpc.call(stub.UploadStudy, iter(stream), Deadline.after(30), service="imaging")

    with pytest.raises(MalformedRequest):
        run(servicer, talk)


def test_a_full_store_ends_the_upload(tmp_path, files):
    full = ImagingServicer(FolderStudyStore(tmp_path / "full", min_free_bytes=1 << 62), [])
    with pytest.raises(ResourceExhausted):
        run(full, lambda stub, _: upload(stub, files))


def test_an_upload_that_is_broken_off_leaves_no_half_file(tmp_path, servicer, store, files):
    async def endless() -> AsyncIterator[pb.UploadStudyRequest]:
        yield pb.UploadStudyRequest(file=pb.UploadFile())
        yield pb.UploadStudyRequest(chunk=files[0].read_bytes()[:-50])
        await asyncio.sleep(60)

    async def talk(stub, _):
        call = stub.UploadStudy(endless())
        await asyncio.sleep(0.3)
        call.cancel()
        await asyncio.sleep(0.3)

    run(servicer, talk)
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_dead_encoder_is_unavailable_with_a_reason(store, files):
    servicer = ImagingServicer(store, [BrokenEncoder(error=ServiceUnavailable("An image encoder does not answer."))])
    for path in files:
        store.add(path)
    with pytest.raises(ServiceUnavailable, match="encoder"):
        run(servicer, lambda stub, _: encode(stub, STUDY))


def test_a_silent_encoder_is_unavailable_and_not_waited_for(store, files):
    servicer = ImagingServicer(store, [BrokenEncoder(wait_s=60)], encoder_timeout_s=0.2)
    for path in files:
        store.add(path)
    with pytest.raises(ServiceUnavailable, match="encoder"):
        run(servicer, lambda stub, _: encode(stub, STUDY))


def test_an_unexpected_failure_is_an_incident_without_its_text(store, files, caplog):
    servicer = ImagingServicer(store, [BrokenEncoder(error=RuntimeError("PHANTOM-1 secret"))])
    for path in files:
        store.add(path)

    async def talk(stub, _):
        await stub.EncodeStudy(pb.EncodeStudyRequest(timepoint={"study_instance_uid": STUDY}))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        run(servicer, talk)
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()


def test_health_is_told_for_the_service_and_refused_for_others(servicer):
    async def talk(_, health):
        names = ("", SERVICE)
        states = [(await health.Check(health_pb2.HealthCheckRequest(service=name))).status for name in names]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health.Check(health_pb2.HealthCheckRequest(service="other"))
        return states, caught.value.code()

    states, code = run(servicer, talk)
    assert states == [health_pb2.HealthCheckResponse.SERVING] * 2
    assert code == grpc.StatusCode.NOT_FOUND
