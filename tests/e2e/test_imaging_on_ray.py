"""The imaging service as it runs: ``python -m tumorcast_imaging.app`` on a real Ray."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode, pieces, upload
from support.imaging_on_ray import Service, imaging_service
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted, ServiceUnavailable, StudyNotFound
from tumorcast_core.snapshot import Timepoint
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Encoder, encode_study

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
SHIPPED = ENCODERS / "ct-lesion"
FEW = {"MAX_CONCURRENT_CALLS": 16, "MAX_QUEUED_CALLS": 16, "STUDIES_AT_ONCE": 16}
"""Small enough that a test can flood them, and no study waits for another, so that all reach the encoder at once."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with imaging_service(tmp_path_factory.mktemp("imaging"), ENCODER_TIMEOUT_S=25, **FEW) as running:
        yield running


@pytest.fixture(scope="module")
def uploaded(service: Service, tmp_path_factory: pytest.TempPathFactory) -> pb.UploadStudyResponse:
    folder = Phantom().write(tmp_path_factory.mktemp("in"))
    Phantom().write_segmentation(folder)
    return service.imaging(lambda stub: upload(stub, sorted(folder.iterdir())))


def vector_of(answer: pb.EncodeStudyResponse) -> np.ndarray:
    (embedding,) = answer.embeddings
    return wire.embedding_from(embedding).vector


@pytest.fixture(scope="module")
def vector(service: Service, uploaded: pb.UploadStudyResponse) -> np.ndarray:
    """What the undisturbed service says."""
    return vector_of(service.imaging(lambda stub: encode(stub, STUDY)))


def forget(service: Service) -> None:
    """Empty the cache, so that the encoder has to be asked."""
    for entry in (service.folder / "cache").glob("*/*"):
        entry.unlink()


def health_of(service: Service) -> int:
    async def check(channel):
        return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)

    return service.talk(check).status


def test_upload_and_encode_equal_the_same_work_in_process(service: Service, uploaded):
    assert uploaded.studies[0].instances == 13
    answer = service.imaging(lambda stub: encode(stub, STUDY))
    encoder = Encoder.load(SHIPPED)
    expected = encode_study(FolderStudyStore(service.store), Timepoint("baseline", study_instance_uid=STUDY), [encoder])
    assert tuple(map(wire.feature_from, answer.features)) == expected.features
    found = wire.embedding_from(answer.embeddings[0])
    assert found.embedding_space == encoder.embedding_space
    assert np.abs(found.vector - expected.embeddings[0].vector).max() < 1e-2


def test_a_vector_that_is_computed_again_is_the_one_that_was_kept(service: Service, vector):
    assert np.array_equal(vector_of(service.imaging(lambda stub: encode(stub, STUDY))), vector)
    forget(service)
    assert np.array_equal(vector_of(service.imaging(lambda stub: encode(stub, STUDY))), vector)


def test_many_calls_at_once_give_one_vector(service: Service, vector):
    forget(service)

    async def many(stub):
        return await asyncio.gather(*(encode(stub, STUDY) for _ in range(8)))

    assert all(np.array_equal(vector_of(answer), vector) for answer in service.imaging(many))


def test_errors_arrive_with_their_reason(service: Service):
    with pytest.raises(StudyNotFound):
        service.imaging(lambda stub: encode(stub, "1.2.3"))


def test_health_is_told(service: Service):
    assert health_of(service) == health_pb2.HealthCheckResponse.SERVING


def test_a_refused_file_is_told(service: Service):
    async def send(stub):
        return await rpc.call(
            stub.UploadStudy, pieces([("note.txt", b"Not an image.")]), Deadline.after(20), service="imaging"
        )

    assert [r.code for r in service.imaging(send).refusals] == ["NOT_DICOM"]


def test_an_upload_that_is_broken_off_leaves_no_half_file(service: Service, tmp_path: Path):
    content = sorted(Phantom(study="1.2.9").write(tmp_path).iterdir())[0].read_bytes()

    async def broken(stub):
        async def endless():
            yield pb.UploadStudyRequest(file=pb.UploadFile())
            yield pb.UploadStudyRequest(chunk=content)
            await asyncio.sleep(60)

        call = stub.UploadStudy(endless())
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.sleep(2)

    service.imaging(broken)
    assert not (service.store / "1.2.9").exists()
    assert not list((service.store / ".incoming").iterdir())


def test_a_deadline_ends_the_call_as_what_it_is(service: Service, uploaded):
    forget(service)  # what is kept is answered in less
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        service.imaging(lambda stub: encode(stub, STUDY, Deadline.after(0.005)))
    assert time.monotonic() - started < 3


def test_the_budget_in_metadata_ends_the_call_as_well(service: Service, uploaded):
    forget(service)

    async def go(stub):
        request = pb.EncodeStudyRequest(timepoint={"study_instance_uid": STUDY})
        await stub.EncodeStudy(request, metadata=[(rpc.BUDGET_MS, "5")])

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        service.imaging(go)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_flood_is_refused_by_name_and_leaves_the_service_healthy(service: Service, vector):
    forget(service)

    async def one(stub):
        try:
            return vector_of(await encode(stub, STUDY, Deadline.after(20)))
        except (ResourceExhausted, DeadlineExceeded) as e:
            return e.reason

    async def flood(stub):
        return await asyncio.gather(*(one(stub) for _ in range(200)))

    answers = service.imaging(flood)
    counted = Counter(answer if isinstance(answer, str) else "OK" for answer in answers)
    assert counted["OK"] >= 16, counted
    assert counted["RESOURCE_EXHAUSTED"] > 0, counted
    assert all(np.array_equal(answer, vector) for answer in answers if not isinstance(answer, str))
    assert health_of(service) == health_pb2.HealthCheckResponse.SERVING
    assert np.array_equal(vector_of(service.imaging(lambda stub: encode(stub, STUDY))), vector)


def test_a_flood_of_uploads_is_refused_by_name(service: Service):
    async def held_open():
        yield pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=13))
        await asyncio.sleep(4)
        yield pb.UploadStudyRequest(chunk=b"Not an image.")

    async def one(stub):
        try:
            answer = await rpc.call(stub.UploadStudy, held_open(), Deadline.after(25), service="imaging")
        except ResourceExhausted as e:
            return e.reason
        return answer.refusals[0].code

    async def flood(stub):
        return await asyncio.gather(*(one(stub) for _ in range(60)))

    counted = Counter(service.imaging(flood))
    assert set(counted) == {"NOT_DICOM", "RESOURCE_EXHAUSTED"}, counted
    assert counted["NOT_DICOM"] >= 16


def test_every_socket_listens_on_loopback_only(service: Service):
    listening = service.listening()
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


def test_haproxy_answers_the_calls(service: Service):
    names = Counter(process.name() for process in service.processes())
    assert names["haproxy"] >= 1


async def until_asked(replicas: list[psutil.Process], busy_s: float) -> None:
    """Wait until the replicas have computed so long, so that a kill hits them at work."""
    before = sum(sum(p.cpu_times()[:2]) for p in replicas)
    end = time.monotonic() + 10
    while sum(sum(p.cpu_times()[:2]) for p in replicas) - before < busy_s and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("deployment", ["encoder-ct-lesion", "ingress"])
def test_a_replica_killed_under_calls_costs_no_answer_and_no_wrong_vector(service: Service, vector, deployment, caplog):
    """Twelve calls, the replica killed by pid while it works on them: all are answered, with the vector of before."""
    forget(service)
    killed = service.replicas(deployment)
    assert len(killed) == 1

    async def calls(stub):
        running = [asyncio.ensure_future(encode(stub, STUDY, Deadline.after(60), idempotent=True)) for _ in range(12)]
        await until_asked(killed, 0.02)
        killed[0].kill()
        return await asyncio.gather(*running, return_exceptions=True)

    answers = service.imaging(calls)
    told = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(error, ServiceUnavailable | DeadlineExceeded) for error in told), told
    vectors = [vector_of(answer) for answer in answers if not isinstance(answer, Exception)]
    assert all(np.array_equal(found, vector) for found in vectors)
    assert len(vectors) == 12, told
    assert [p.pid for p in service.replicas(deployment)] != [killed[0].pid]
    assert ("is called again" in caplog.text) == (deployment == "ingress")  # an encoder's death is the ingress's affair


def test_logs_hold_no_patient_data(service: Service, uploaded):
    assert b"PHANTOM-1" not in service.log.read_bytes()


def test_sigterm_lets_calls_end_refuses_new_ones_and_leaves_no_process(service: Service, vector, tmp_path: Path):
    """Studies are being encoded and one is being uploaded when SIGTERM comes; all of it is answered."""
    forget(service)
    folder = Phantom(study="1.2.10").write(tmp_path)
    files = [path.read_bytes() for path in sorted(folder.iterdir())]
    family, states = service.processes(), []

    async def slowly():
        for number, content in enumerate(files):
            yield pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=len(content)))
            yield pb.UploadStudyRequest(chunk=content)
            if number == 2:
                service.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.25)

    async def conversation(stub):
        running = asyncio.ensure_future(rpc.call(stub.UploadStudy, slowly(), Deadline.after(30), service="imaging"))
        await asyncio.sleep(0.4)
        encoding = [asyncio.ensure_future(encode(stub, STUDY)) for _ in range(6)]
        await asyncio.sleep(1.6)
        with pytest.raises(ServiceUnavailable):
            await encode(stub, STUDY)
        answers = await asyncio.gather(*encoding)
        assert all(np.array_equal(vector_of(answer), vector) for answer in answers)
        return await running

    async def talk(channel):
        answer = asyncio.ensure_future(conversation(pb_grpc.ImagingServiceStub(channel)))
        await asyncio.sleep(2)
        states.append((await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())).status)
        return await answer

    answer = service.talk(talk)
    assert answer.studies[0].instances == len(files)
    assert states == [health_pb2.HealthCheckResponse.NOT_SERVING]
    assert service.process.wait(30) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert b"imaging has drained" in service.log.read_bytes()
