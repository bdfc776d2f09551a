"""An encoder gets a second replica under load and loses it afterwards; the same service behind Serve's own proxy."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode, upload
from support.imaging_on_ray import Service, imaging_service
from tumorcast_core import wire
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ResourceExhausted

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]
SCALED = {"max_replicas": 2, "target_ongoing": 0.1, "upscale_delay_s": 1, "downscale_delay_s": 3}
"""A pass takes milliseconds, reading its study a hundred: of twelve calls at once few are at the encoder."""
SETTINGS = {
    "HAPROXY": 0,
    "CACHE_MIB": 0,
    "ENCODERS_SCALING": json.dumps({"ct-lesion": SCALED}),
    "MAX_CONCURRENT_CALLS": 16,
    "MAX_QUEUED_CALLS": 16,
    "STUDIES_AT_ONCE": 16,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with imaging_service(tmp_path_factory.mktemp("imaging"), **SETTINGS) as running:
        folder = Phantom().write(tmp_path_factory.mktemp("in"))
        Phantom().write_segmentation(folder)
        running.imaging(lambda stub: upload(stub, sorted(folder.iterdir())))
        yield running


async def answer(stub, deadline_s: float) -> str:
    try:
        found = await encode(stub, STUDY, Deadline.after(deadline_s))
    except (ResourceExhausted, DeadlineExceeded) as e:
        return e.reason
    return wire.embedding_from(found.embeddings[0]).vector.tobytes().hex()


def test_every_socket_listens_on_loopback_only(service: Service):
    listening = service.listening()
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}
    assert "haproxy" not in {process.name() for process in service.processes()}


def test_a_flood_is_refused_by_name_and_callers_who_left_leave_no_queue(service: Service):
    async def flood(stub):
        return Counter(await asyncio.gather(*(answer(stub, 0.4) for _ in range(200))))

    counted = service.imaging(flood)
    refused = counted.pop("RESOURCE_EXHAUSTED", 0) + counted.pop("DEADLINE_EXCEEDED", 0)
    assert refused > 0
    assert len(counted) <= 1  # one vector, if any
    started = time.monotonic()
    assert len(service.imaging(lambda stub: answer(stub, 20))) > 100
    assert time.monotonic() - started < 3


def test_an_encoder_is_doubled_under_load_and_halved_again(service: Service):
    assert len(service.replicas("encoder-ct-lesion")) == 1

    async def until(stub, condition, at_once: int, seconds: float) -> set[str]:
        end, answers = time.monotonic() + seconds, set()
        while not condition():
            assert time.monotonic() < end, service.log.read_text()
            answers |= set(await asyncio.gather(*(answer(stub, 30) for _ in range(at_once))))
            await asyncio.sleep(0 if at_once else 0.5)
        return answers

    async def conversation(stub):
        vectors = await until(stub, lambda: len(service.replicas("encoder-ct-lesion")) == 2, 12, 60)
        vectors |= set(await asyncio.gather(*(answer(stub, 30) for _ in range(12))))
        await until(stub, lambda: len(service.replicas("encoder-ct-lesion")) == 1, 0, 90)
        return vectors | {await answer(stub, 30)}

    (vector,) = service.imaging(conversation)
    assert np.isfinite(np.frombuffer(bytes.fromhex(vector), np.float32)).all()
