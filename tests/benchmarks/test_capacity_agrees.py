"""What `tumorcast platform capacity` simulates, beside the same load on a real imaging service: ``make bench``.

Calibrated are only times of single calls on the idle service, those of an encoder's pass in this process, and the
throughput of as many calls at once as an ingress replica prepares (contention). Everything at random arrivals and
beyond the capacity is then predicted, on the very same arrivals, and compared as ratios. The load generator shares the
cores, and so does everything else on them: the simulation knows nothing of either.
``TUMORCAST_BENCH_S`` sets the seconds of each phase.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import numpy as np
import pytest
import torch
import yaml

from support.dicom_factory import Phantom
from support.imaging_client import encode
from support.imaging_on_ray import Service, imaging_service
from support.load import Arrival, Sample, first_in_line, poisson
from support.load_figures import Figure, latencies_ms, quantile_ms, table, throughput
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core.errors import ResourceExhausted
from tumorcast_imaging.model import SHIPPED, Crop, Encoder
from tumorcast_platform.capacity import Batching, Duration, Layout, Study, Times, simulate

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
SECONDS = float(os.environ.get("TUMORCAST_BENCH_S", "20"))
CORES = os.cpu_count() or 1
AT_ONCE = 4
CALLS, QUEUED = 8, 4
LOADS = (0.3, 0.5, 0.7)
SHAPES = ((40, 96, 96), (80, 192, 192), (120, 256, 256), (160, 320, 320))
SEEDS = 5
ANSWERED, REFUSED, FAILED = 200, 429, 0


def study_uid(number: int) -> str:
    return f"1.2.826.0.1.3680043.8.498.77.{number}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("capacity")
    for number, shape in enumerate(SHAPES):
        fine = 96 / shape[1]
        phantom = Phantom(
            shape=shape,
            spacing_mm=(160 / shape[0], 3.0 * fine, 3.0 * fine),
            semi_axes_mm=(25.0, 30.0, 22.0),
            study=study_uid(number),
            series=f"{study_uid(number)}.1",
        )
        phantom.write(folder / "store" / study_uid(number))
        phantom.write_segmentation(folder / "store" / study_uid(number))
    own = {"CACHE_MIB": 0, "STUDIES_AT_ONCE": AT_ONCE, "MAX_CONCURRENT_CALLS": CALLS, "MAX_QUEUED_CALLS": QUEUED}
    with imaging_service(folder, **own) as running:
        yield running


class Caller:
    """Asks for studies by number over one channel."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._stub = pb_grpc.ImagingServiceStub(self._channel)

    async def status(self, study: int) -> int:
        try:
            await encode(self._stub, study_uid(study))
        except ResourceExhausted:
            return REFUSED
        except Exception:
            return FAILED
        return ANSWERED

    async def open_loop(self, arrivals: list[Arrival]) -> list[Sample]:
        start = time.perf_counter() + 0.1

        async def one(arrival: Arrival) -> Sample:
            await asyncio.sleep(start + arrival.at_s - time.perf_counter())
            sent = time.perf_counter() - start
            status = await self.status(arrival.body)
            done = time.perf_counter() - start
            return Sample(arrival.at_s, sent - arrival.at_s, done - arrival.at_s, status, arrival.body)

        return sorted(await asyncio.gather(*map(one, arrivals)), key=lambda sample: sample.due_s)

    async def closed_loop(self, at_once: int, seconds: float) -> list[Sample]:
        samples: list[Sample] = []
        start = time.perf_counter()

        async def some(first: int) -> None:
            study = first
            while (sent := time.perf_counter() - start) < seconds:
                status = await self.status(study % len(SHAPES))
                done = time.perf_counter() - start
                samples.append(Sample(sent, 0.0, done - sent, status, study % len(SHAPES)))
                study += 1

        await asyncio.gather(*(some(n) for n in range(at_once)))
        return sorted(samples, key=lambda sample: sample.due_s)

    async def __aenter__(self) -> Caller:
        await asyncio.gather(*(self.status(n % len(SHAPES)) for n in range(8)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()


def asked(port: int, *, at_once: int = 0, arrivals: list[Arrival] | None = None, seconds: float = 0) -> list[Sample]:
    async def run() -> list[Sample]:
        async with Caller(port) as caller:
            if arrivals is not None:
                return await caller.open_loop(arrivals)
            return await caller.closed_loop(at_once, seconds)

    return first_in_line(run())


@dataclass(frozen=True)
class Calibrated:
    """Times of the machine, what each study takes of its processors, and how much went through at most."""

    times: Times
    prepare_s: list[list[float]]
    per_s: float


def calibrated(port: int) -> Calibrated:
    pass_ms = 1000 * encoder_pass_s()
    alone = asked(port, at_once=1, seconds=SECONDS)
    many = asked(port, at_once=AT_ONCE, seconds=SECONDS)
    assert {sample.status for sample in (*alone, *many)} == {ANSWERED}
    by_study = [[s.latency_s - pass_ms / 1000 for s in alone if s.body == n] for n in range(len(SHAPES))]
    mean_s = float(np.mean([np.mean(one) for one in by_study]))
    per_s = throughput(many, SECONDS).value
    slower = min(AT_ONCE, CORES) / (per_s * mean_s)
    samples = [1000 * one for study in by_study for one in study]
    times = Times(
        name="this machine",
        machine=f"{CORES} cores",
        source="tests/benchmarks/test_capacity_agrees.py",
        measured=True,
        prepare=Duration(mean_ms=float(np.mean(samples)), cv=float(np.std(samples) / np.mean(samples))),
        cut_share=1.0,
        contention=max(0.0, (slower - 1) * AT_ONCE / (AT_ONCE - 1)),
        pass_ms=pass_ms,
    )
    return Calibrated(times, by_study, per_s)


def encoder_pass_s() -> float:
    threads, encoder = torch.get_num_threads(), Encoder.load(SHIPPED / "ct-lesion")
    torch.set_num_threads(1)
    try:
        side = encoder.manifest.crop.voxels
        crop = Crop(encoder.manifest.name, np.zeros((2, side, side, side), np.float32), "CT")
        found = []
        for _ in range(40):
            began = time.perf_counter()
            encoder.encode([crop])
            found.append(time.perf_counter() - began)
        return float(np.median(found[5:]))
    finally:
        torch.set_num_threads(threads)


def simulated(machine: Calibrated, arrivals: list[Arrival], seed: int) -> list[Sample]:
    """The same arrivals, each with a time that its study took alone."""
    rng = np.random.default_rng(seed)
    studies = [Study(a.at_s, 0.0, float(rng.choice(machine.prepare_s[a.body])), 1) for a in arrivals]
    layout = Layout(
        ingress_cpus=CORES,
        studies_at_once=AT_ONCE,
        max_concurrent_calls=CALLS,
        max_queued_calls=QUEUED,
        batching=Batching(batch_wait_s=0),
    )
    outcome = simulate(studies, machine.times, layout, seed)
    codes = {"answered": ANSWERED, "refused": REFUSED, "late": FAILED}
    told = zip(arrivals, outcome.latency_s, outcome.statuses, strict=True)
    return [Sample(a.at_s, 0.0, float(latency), codes[status], a.body) for a, latency, status in told]


def ratio(measured: list[Sample], days: list[list[Sample]], q: float) -> Figure:
    """Simulated over measured quantile of the answered; the interval is that of the measured one."""
    theirs = quantile_ms([s for s in measured if s.status == ANSWERED], q)
    ours = float(np.mean([np.quantile(latencies_ms([s for s in day if s.status == ANSWERED]), q) for day in days]))
    return Figure(ours / theirs.value, ours / theirs.high, ours / theirs.low)


def test_the_simulation_agrees_with_a_real_service(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    machine = calibrated(service.port)
    rows: dict[str, dict[str, object]] = {}
    ratios: dict[float, Figure] = {}
    for load in LOADS:
        arrivals = poisson(load * machine.per_s, SECONDS, len(SHAPES), seed=int(100 * load))
        measured = asked(service.port, arrivals=arrivals)
        days = [simulated(machine, arrivals, seed) for seed in range(SEEDS)]
        ratios[load] = ratio(measured, days, 0.95)
        rows[f"load {load}"] = row(measured, days, ratios[load])
    much = poisson(2 * machine.per_s, SECONDS, len(SHAPES), seed=9)
    measured = asked(service.port, arrivals=much)
    days = [simulated(machine, much, seed) for seed in range(SEEDS)]
    answered = throughput(measured, SECONDS)
    predicted = float(np.mean([throughput(day, SECONDS).value for day in days]))
    rows["twice too much"] = row(measured, days, ratio(measured, days, 0.95))
    with capsys.disabled():
        print("\n" + yaml.safe_dump(machine.times.model_dump(mode="json"), sort_keys=False))  # noqa: T201
        print(table(f"{SECONDS:g} s each; at most {machine.per_s:.1f} a second came through", rows))  # noqa: T201
    assert 0.75 < predicted / answered.value < 1.33
    assert all(0.5 < found.value < 2 for found in ratios.values())


def row(measured: list[Sample], days: list[list[Sample]], p95: Figure) -> dict[str, object]:
    done = [s for s in measured if s.status == ANSWERED]
    came = throughput(measured, SECONDS)
    ours = float(np.mean([throughput(day, SECONDS).value for day in days]))
    refused = [np.mean([s.status != ANSWERED for s in day]) for day in (measured, *days)]
    return {
        "came": len(measured),
        "answered /s": str(came),
        "simulated": f"{ours:.1f}",
        "p50, ms": str(quantile_ms(done, 0.5)),
        "p50 ratio": f"{ratio(measured, days, 0.5).value:.2f}",
        "p95, ms": str(quantile_ms(done, 0.95)),
        "p95 ratio": f"{p95.value:.2f} ({p95.low:.2f}–{p95.high:.2f})",
        "refused": f"{refused[0]:.0%}",
        "simulated refused": f"{np.mean(refused[1:]):.0%}",
    }
