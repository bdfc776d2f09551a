"""What a call and an upload cost through HAProxy and through Ray Serve's own proxy, side by side: ``make bench``."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode
from support.imaging_client import upload as send
from support.imaging_on_ray import Service, imaging_service
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(400)]
CALLS, AT_ONCE, UPLOADS, STUDIES = 300, 32, 5, 20
CHUNK = bytes(1 << 20)
CHUNKS = 64


def test_haproxy_is_faster_than_the_proxy_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {}
    for name, on in (("HAProxy", 1), ("Ray Serve's own", 0)):
        (folder := tmp_path / name).mkdir()
        began = time.perf_counter()
        with imaging_service(folder, HAPROXY=on) as service:
            table[name] = {"start, s": time.perf_counter() - began, **measured(service)}
            table[name] |= studies(service, tmp_path / f"{name} in")
    with capsys.disabled():
        print("\n" + " " * 28 + "".join(f"{name:>18}" for name in table))  # noqa: T201
        for row in table["HAProxy"]:
            print(f"{row:<28}" + "".join(f"{column[row]:18.1f}" for column in table.values()))  # noqa: T201
    haproxy, own = table.values()
    assert haproxy["empty call p50, ms"] < own["empty call p50, ms"]
    assert haproxy["EncodeStudy, kept, ms"] < haproxy["EncodeStudy, computed, ms"]
    assert haproxy["64 MiB upload, ms"] < own["64 MiB upload, ms"]


def measured(service: Service) -> dict[str, float]:
    async def all_of_it() -> dict[str, float]:
        options = rpc.channel_options()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}", options=options) as channel:
            health, imaging = health_pb2_grpc.HealthStub(channel), pb_grpc.ImagingServiceStub(channel)
            await calls(health, 50, 1)
            one_by_one, _ = await calls(health, CALLS, 1)
            _, together_s = await calls(health, 4 * CALLS, AT_ONCE)
            uploads = [await upload(imaging) for _ in range(UPLOADS)]
            return {
                "empty call p50, ms": 1000 * statistics.median(one_by_one),
                "empty calls a second": 4 * CALLS / together_s,
                "64 MiB upload, ms": 1000 * statistics.median(uploads),
            }

    return asyncio.run(all_of_it())


def studies(service: Service, folder: Path) -> dict[str, float]:
    """Milliseconds of EncodeStudy, its vector taken from the cache or computed."""
    Phantom().write_segmentation(Phantom().write(folder))
    service.imaging(lambda stub: send(stub, sorted(folder.iterdir())))
    kept, computed = [], []

    async def both(stub: Any) -> None:
        for turn in range(2 * STUDIES + 2):
            if turn % 2 == 0:
                for entry in (service.folder / "cache").glob("*/*"):
                    entry.unlink()
            began = time.perf_counter()
            await encode(stub, STUDY)
            (kept if turn % 2 else computed).append(time.perf_counter() - began)

    service.imaging(both)
    return {
        "EncodeStudy, computed, ms": 1000 * statistics.median(computed[1:]),
        "EncodeStudy, kept, ms": 1000 * statistics.median(kept[1:]),
    }


async def calls(health: Any, number: int, at_once: int) -> tuple[list[float], float]:
    """Seconds of each call, and of all together."""
    taken: list[float] = []

    async def some() -> None:
        for _ in range(number // at_once):
            began = time.perf_counter()
            await health.Check(health_pb2.HealthCheckRequest())
            taken.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return taken, time.perf_counter() - began


async def upload(imaging: Any) -> float:
    """Seconds of an upload of one file that is no DICOM: all of it is received and written, none is read."""

    async def pieces() -> AsyncIterator[pb.UploadStudyRequest]:
        yield pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=CHUNKS * len(CHUNK)))
        for _ in range(CHUNKS):
            yield pb.UploadStudyRequest(chunk=CHUNK)

    began = time.perf_counter()
    answer = await imaging.UploadStudy(pieces())
    assert [refusal.code for refusal in answer.refusals] == ["NOT_DICOM"]
    return time.perf_counter() - began
