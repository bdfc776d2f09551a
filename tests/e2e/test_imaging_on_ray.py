"""The imaging service as it runs: ``python -m tumorcast_imaging.app`` on a real Ray."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode, pieces, upload
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc, wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ServiceUnavailable, StudyNotFound
from tumorcast_core.snapshot import Timepoint
from tumorcast_imaging.adapters import FolderStudyStore
from tumorcast_imaging.model import SHIPPED as ENCODERS
from tumorcast_imaging.model import Encoder, encode_study
from tumorcast_imaging.ray_runtime import free_port

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]
SHIPPED = ENCODERS / "ct-lesion"
START_S = 90


@dataclass
class Service:
    """The running service: its process, its port, its store and its log."""

    process: subprocess.Popen[bytes]
    port: int
    store: Path
    log: Path

    def talk(self, conversation: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
                return await conversation(channel)

        return asyncio.run(run())

    def imaging(self, conversation: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        return self.talk(lambda channel: conversation(pb_grpc.ImagingServiceStub(channel)))

    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]

    def encoder_replicas(self) -> list[psutil.Process]:
        return [p for p in self.processes() if "encoder-ct-lesion" in " ".join(p.cmdline())]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("imaging")
    port = free_port()
    environment = os.environ | {
        "TUMORCAST_IMAGING_PORT": str(port),
        "TUMORCAST_IMAGING_STUDY_ROOT": str(folder / "store"),
        "TUMORCAST_IMAGING_ENCODER_TIMEOUT_S": "20",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tumorcast_imaging.app"], env=environment, stdout=log, stderr=log
        )
    running = Service(process, port, folder / "store", folder / "log")
    try:
        _wait_until(lambda: b"serves gRPC" in running.log.read_bytes(), START_S, running)
        yield running
    finally:
        family = running.processes() if process.poll() is None else []
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        for left in psutil.wait_procs(family, timeout=5)[1]:
            left.kill()


def _wait_until(condition: Callable[[], bool], seconds: float, service: Service) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert service.process.poll() is None, service.log.read_text()
        assert time.monotonic() < end, service.log.read_text()
        time.sleep(0.2)


@pytest.fixture(scope="module")
def uploaded(service: Service, tmp_path_factory: pytest.TempPathFactory) -> pb.UploadStudyResponse:
    folder = Phantom().write(tmp_path_factory.mktemp("in"))
    Phantom().write_segmentation(folder)
    return service.imaging(lambda stub: upload(stub, sorted(folder.iterdir())))


def test_upload_and_encode_equal_the_same_work_in_process(service: Service, uploaded):
    assert uploaded.studies[0].instances == 13
    answer = service.imaging(lambda stub: encode(stub, STUDY))
    encoder = Encoder.load(SHIPPED)
    expected = encode_study(FolderStudyStore(service.store), Timepoint("baseline", study_instance_uid=STUDY), [encoder])
    assert tuple(map(wire.feature_from, answer.features)) == expected.features
    found = wire.embedding_from(answer.embeddings[0])
    assert found.embedding_space == encoder.embedding_space
    assert np.abs(found.vector - expected.embeddings[0].vector).max() < 1e-2


def test_many_calls_at_once_give_one_vector(service: Service, uploaded):
    async def many(stub):
        return await asyncio.gather(*(encode(stub, STUDY) for _ in range(8)))

    vectors = [wire.embedding_from(answer.embeddings[0]).vector for answer in service.imaging(many)]
    assert np.ptp(np.stack(vectors), axis=0).max() < 1e-5


def test_errors_arrive_with_their_reason(service: Service):
    with pytest.raises(StudyNotFound):
        service.imaging(lambda stub: encode(stub, "1.2.3"))


def test_health_is_told(service: Service):
    async def check(channel):
        return await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    assert service.talk(check).status == health_pb2.HealthCheckResponse.SERVING


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


def test_a_deadline_ends_the_call(service: Service, uploaded):
    started = time.monotonic()
    with pytest.raises((DeadlineExceeded, ServiceUnavailable)):
        service.imaging(lambda stub: encode(stub, STUDY, Deadline.after(0.005)))
    assert time.monotonic() - started < 3


def test_every_socket_listens_on_loopback_only(service: Service):
    listening = [
        connection.laddr.ip
        for process in service.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


def test_a_killed_encoder_recovers_and_nothing_hangs_meanwhile(service: Service, uploaded):
    for replica in service.encoder_replicas():
        replica.kill()
    answered, end = False, time.monotonic() + 90
    while not answered and time.monotonic() < end:
        started = time.monotonic()
        try:
            answer = service.imaging(lambda stub: encode(stub, STUDY, Deadline.after(25)))
            answered = len(answer.embeddings) == 1
        except (ServiceUnavailable, DeadlineExceeded):
            time.sleep(0.5)
        assert time.monotonic() - started < 27
    assert answered


def test_logs_hold_no_patient_data(service: Service, uploaded):
    assert b"PHANTOM-1" not in service.log.read_bytes()


def test_sigterm_leaves_no_process_behind(service: Service):
    family = service.processes()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
