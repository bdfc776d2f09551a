"""What EncodeStudy over gRPC adds to the same work in process, for a study of 300 slices of 512 × 512: ``make bench``.

Warm, in turns, and without the cache of embeddings: every call reads, measures, cuts and encodes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from support.dicom_factory import STUDY, Phantom
from support.imaging_client import encode
from support.imaging_on_ray import imaging_service
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core.snapshot import Timepoint
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import SHIPPED, Encoder, encode_study
from tumorcast_imaging.wire import encode_response

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TESTS = Path(__file__).parents[1]
WARM, ROUNDS = 3, 40
MOST = 1.10


@dataclass(frozen=True)
class LargePhantom(Phantom):
    """The ellipsoid in a volume of 79 million voxels, made with less memory."""

    shape: tuple[int, int, int] = (300, 512, 512)
    spacing_mm: tuple[float, float, float] = (1.25, 0.75, 0.75)
    semi_axes_mm: tuple[float, float, float] = (25.0, 30.0, 22.0)

    @property
    def mask(self) -> NDArray[np.bool_]:
        size = zip(self.shape, self.center, self.spacing_mm, self.semi_axes_mm, strict=True)
        k, r, c = (((np.arange(n, dtype=np.float32) - at) * step / axis) ** 2 for n, at, step, axis in size)
        return np.asarray(k[:, None, None] + r[:, None] + c <= 1)

    @property
    def array(self) -> NDArray[np.int16]:
        noise = np.random.default_rng(self.pixel_seed).integers(-20, 20, self.shape, np.int16)
        return np.where(self.mask, np.int16(60), np.int16(-80)) + noise


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study") / "store"
    LargePhantom().write(root / STUDY)
    LargePhantom().write_segmentation(root / STUDY)
    return root


def test_over_plain_grpc(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plain_service(store) as port:
        compare("plain grpc.aio", port, store, capsys)


@pytest.mark.ray
def test_over_ray_serve(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with imaging_service(tmp_path, STUDY_STORE=store, CACHE_MIB=0) as service:
        compare("Ray Serve", service.port, store, capsys)


def compare(name: str, port: int, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Time both in turns, print one line, and hold the median to ``MOST``; the answers must be the same."""
    seconds: dict[str, list[float]] = {"here": [], "there": []}
    with in_process(store) as here, over_grpc(port) as there:
        for turn in range(WARM + ROUNDS):
            answers: dict[str, Any] = {}
            for place, work in (("here", here), ("there", there))[:: 1 if turn % 2 else -1]:
                began = time.perf_counter()
                answers[place] = work()
                if turn >= WARM:
                    seconds[place].append(time.perf_counter() - began)
            assert encode_response(answers["here"]) == answers["there"]
    inside, outside = np.array(seconds["here"]), np.array(seconds["there"])
    low, median, high = np.quantile(outside / inside, [0.1, 0.5, 0.9])
    with capsys.disabled():
        print(  # noqa: T201
            f"\nEncodeStudy over {name}: {1000 * np.median(outside):.0f} ms, in process "
            f"{1000 * np.median(inside):.0f} ms; ratio {median:.3f} (10–90 %: {low:.3f}–{high:.3f}), "
            f"of the fastest {outside.min() / inside.min():.3f}"
        )
    assert median <= MOST


@contextmanager
def in_process(store: Path) -> Iterator[Callable[[], Any]]:
    threads, encoder = torch.get_num_threads(), Encoder.load(SHIPPED / "ct-lesion")
    torch.set_num_threads(1)  # as in the service
    try:
        studies, timepoint = FolderStudyStore(store), Timepoint("baseline", study_instance_uid=STUDY)
        yield lambda: encode_study(studies, timepoint, [encoder])
    finally:
        torch.set_num_threads(threads)


@contextmanager
def over_grpc(port: int) -> Iterator[Callable[[], Any]]:
    with asyncio.Runner() as runner:

        async def connect() -> grpc.aio.Channel:
            return grpc.aio.insecure_channel(f"127.0.0.1:{port}")

        channel = runner.run(connect())
        stub = pb_grpc.ImagingServiceStub(channel)
        yield lambda: runner.run(encode(stub, STUDY))
        runner.run(channel.close())


@contextmanager
def plain_service(store: Path) -> Iterator[int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "support.run_imaging", str(store)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)
