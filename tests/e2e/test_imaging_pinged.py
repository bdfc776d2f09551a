"""The gateway asks every second whether imaging is still there; neither proxy of Ray Serve takes that for an attack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.imaging_on_ray import imaging_service
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc

pytestmark = pytest.mark.ray
LONG_S = 7


async def slow_upload() -> AsyncIterator[pb.UploadStudyRequest]:
    await asyncio.sleep(LONG_S)
    yield pb.UploadStudyRequest(end=True)


@pytest.mark.parametrize("haproxy", ["true", "false"])
def test_a_call_without_data_for_seconds_is_not_cut_off_for_its_pings(tmp_path: Path, haproxy: str) -> None:
    async def go(port: int) -> None:
        options = rpc.channel_options(ours=True)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            stored = await pb_grpc.ImagingServiceStub(channel).UploadStudy(slow_upload(), timeout=LONG_S + 20)
            assert not stored.studies

    with imaging_service(tmp_path, HAPROXY=haproxy, ENCODER_PLACEMENT="ingress") as running:
        asyncio.run(go(running.port))
