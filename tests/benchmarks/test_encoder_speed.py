"""How near the encoder comes to the machine's own matrix product, at the same precision and threads: ``make bench``.

The peak is the fastest product of square matrices, over several sizes and over every library that torch brings for it:
MKL's float32 product ran at half of oneDNN's speed on an AMD EPYC, and would have made a peak that is easy to reach.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tumorcast_imaging.model import SHIPPED, Crop, Encoder
from tumorcast_imaging.model.forward import native_bf16

pytestmark = pytest.mark.slow
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SIZES = (512, 1024, 1536) if DEVICE.type == "cpu" else (4096, 8192)
CROPS = 1 if DEVICE.type == "cpu" else 4
"""Crops of one forward pass."""
ROUNDS, PASSES = 10, 6
LEAST_SHARE = 0.5


@dataclass
class Row:
    """One line of the table: seconds of every pass, and rates in FLOP a second."""

    precision: str
    threads: int
    flop: int
    peak: float
    seconds: np.ndarray

    @property
    def best_share(self) -> float:
        """What both reach when nothing else runs: the fastest pass over the fastest product."""
        return self.flop / float(self.seconds.min()) / self.peak

    def __str__(self) -> str:
        low, median, high = np.quantile(self.seconds, [0.05, 0.5, 0.95])
        rate = self.flop / median
        return (
            f"| {self.precision} | {self.threads} | {1000 * median / CROPS:.2f} ({1000 * low / CROPS:.2f}–"
            f"{1000 * high / CROPS:.2f}) | {rate / 1e9:.0f} | {self.peak / 1e9:.0f} | {rate / self.peak:.0%} | "
            f"{self.best_share:.0%} |"
        )


def test_the_encoder_reaches_half_of_the_matmul_peak(capsys: pytest.CaptureFixture[str]) -> None:
    precisions = ("float32", "bf16") if native_bf16(DEVICE) else ("float32",)
    threads = sorted({1, os.cpu_count() or 1}) if DEVICE.type == "cpu" else [torch.get_num_threads()]
    rows = [measured(precision, count) for precision in precisions for count in threads]
    with capsys.disabled():
        print(f"\n\nct-lesion on {DEVICE.type}, {CROPS} crop(s) a pass; 5–95 % of {ROUNDS * PASSES} passes\n")  # noqa: T201
        print("| precision | threads | ms a crop | GFLOP/s | matmul peak | share of it | best of both |")  # noqa: T201
        print("|---|---|---|---|---|---|---|")  # noqa: T201
        print(*rows, sep="\n")  # noqa: T201
    # one crop cannot keep many cores busy, so only one thread, the default, is held to it
    assert all(row.best_share >= LEAST_SHARE for row in rows if row.threads == 1)


def measured(precision: str, threads: int) -> Row:
    """Products and passes in turn, so that a neighbor on the machine disturbs both."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        encoder = Encoder.load(SHIPPED / "ct-lesion", precision=precision, device=DEVICE.type)
        crops = noise(encoder)
        products = list(matmuls(torch.bfloat16 if precision == "bf16" else torch.float32))
        encoder.encode(crops)
        peak, passes = 0.0, []
        for _ in range(ROUNDS):
            peak = max(peak, *(flop / seconds(product) for flop, product in products))
            passes += [seconds(lambda: encoder.encode(crops)) for _ in range(PASSES)]
        return Row(precision, threads, CROPS * flop_of(encoder), peak, np.array(passes))
    finally:
        torch.set_num_threads(before)


def matmuls(dtype: torch.dtype) -> Iterator[tuple[int, Callable[[], object]]]:
    """(floating point operations, product) of every size and library, warm."""
    for n in SIZES:
        a, b = torch.randn(n, n, device=DEVICE), torch.randn(n, n, device=DEVICE)
        low_a, low_b = a.to(dtype), b.to(dtype)
        kinds: list[Callable[[], object]] = [lambda x=low_a, y=low_b: x @ y]
        if DEVICE.type == "cpu" and torch.backends.mkldnn.is_available():
            packed_a, packed_b = a.to_mkldnn(dtype), b.to_mkldnn(dtype)
            kinds.append(lambda x=packed_a, y=packed_b: torch.nn.functional.linear(x, y))
        for product in kinds:
            seconds(product)
            yield 2 * n**3, product


def flop_of(encoder: Encoder) -> int:
    """Floating point operations of the float network for one crop; a product and a sum are two."""
    voxels = encoder.manifest.crop.voxels
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.network(torch.zeros((1, 2, voxels, voxels, voxels), device=DEVICE))
    return int(counter.get_total_flops())


def noise(encoder: Encoder) -> list[Crop]:
    voxels = encoder.manifest.crop.voxels
    arrays = np.random.default_rng(0).random((CROPS, 2, voxels, voxels, voxels), np.float32)
    return [Crop("ct-lesion", array, "CT") for array in arrays]


def seconds(work: Callable[[], object]) -> float:
    with torch.inference_mode():
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began
