"""Tumorcast under load beside servers that call the same models in their own process: ``make bench``.

Contenders: ``tumorcast up`` (five services, imaging on Ray Serve); one plain FastAPI process; LitServe with one worker
and with as many as there are cores. All on the same cores as the load generator, one after the other (the others stand
by, idle), torch on one thread, the same bodies in the same order, and in the open loop the same arrivals. Their answers
must hold the same numbers. "Uncached": nothing about a study is kept, every query reads and encodes its studies again.
"Cached": every study was asked for before; the plain servers then remember it in a dict, as if no study ever changed.
Tumorcast also keeps every answer's record, encrypted, and its audit entry; the others keep nothing.
``TUMORCAST_BENCH_S`` sets the seconds of each phase, ``TUMORCAST_BENCH_JSON`` a file for the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.load import ANSWERED, Ask, Connections, Sample, closed_loop, first_in_line, open_loop, poisson
from support.load_contenders import Contender, Server, litserve, plain_fastapi, tumorcast
from support.load_figures import latencies_ms, predicted_ms, quantile_ms, table, throughput
from support.load_patients import Queries, queries

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
SECONDS = float(os.environ.get("TUMORCAST_BENCH_S", "12"))
PATIENTS, LARGE_PATIENTS = 16, 4
CORES = os.cpu_count() or 1
AT_ONCE = 3 * CORES
LOAD = 0.6
"""Share of the slowest contender's greatest throughput at which the arrivals of the open loop come."""
OF_THE_BEST = 0.9
OVERLOAD = 5
REFUSED = (429, 503)
SEED = 7
OURS = "Tumorcast"


@dataclass
class Run:
    """What one contender did: alone, flat out, and at the arrivals that all got."""

    idle_cores: float = 0.0
    memory_mib: float = 0.0
    alone: list[Sample] = field(default_factory=list)
    flat_out: list[Sample] = field(default_factory=list)
    cpu_ms: float = 0.0
    answers: list[Any] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    arriving: list[Sample] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return throughput(self.flat_out, SECONDS).value


def others() -> dict[str, Contender]:
    pytest.importorskip("fastapi")
    found: dict[str, Contender] = {"plain FastAPI": plain_fastapi}
    with contextlib.suppress(ImportError):
        import litserve as _  # noqa: F401

        found |= {"LitServe, 1 worker": litserve(1), f"LitServe, {CORES} workers": litserve(CORES)}
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def asked(data: Path) -> Queries:
    return queries(data / "patients", PATIENTS, [data / "studies"])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Queries]:
    """Studies of clinical size, of fewer patients."""
    folder = tmp_path_factory.mktemp("large")
    return folder, queries(folder / "patients", LARGE_PATIENTS, [folder / "studies"], clinical_size=True)


UNCACHED, UNCACHED_LARGE = "uncached, 2 studies of 40 × 96 × 96", "uncached, 2 studies of 120 × 480 × 480"
CASES = {UNCACHED_LARGE: False, UNCACHED: False, "cached studies": True, "labs only": True}
"""Whether what is known of a study is kept."""


@pytest.mark.parametrize("case", CASES)
def test_throughput_and_tail(
    case: str, data: Path, asked: Queries, large: tuple[Path, Queries], capsys: pytest.CaptureFixture[str]
) -> None:
    kept, bodies = CASES[case], asked.labs if case == "labs only" else asked.full
    if case == UNCACHED_LARGE:
        data, bodies = large[0], large[1].full
    runs: dict[str, Run] = {}
    with ExitStack() as standing:
        beside = {name: standing.enter_context(contender(data, kept)) for name, contender in others().items()}
        runs |= {name: flat_out(server, bodies, kept) for name, server in beside.items()}
        with tumorcast(data, kept) as server:
            runs[OURS] = flat_out(server, bodies, kept)
            rate = LOAD * min(run.per_s for run in runs.values())
            arrivals = poisson(rate, SECONDS, len(bodies), SEED)
            runs[OURS].arriving = first_in_line(open_loop(server.url, runs[OURS].asks, arrivals))
        for name, server in beside.items():
            runs[name].arriving = first_in_line(open_loop(server.url, runs[name].asks, arrivals))
    assert all(numbers(run.answers) == numbers(runs[OURS].answers) for run in runs.values())
    with capsys.disabled():
        print(told(case, runs, rate, arrivals))  # noqa: T201
    written(case, runs, rate)
    for run in runs.values():
        assert {sample.status for sample in run.flat_out} <= set(ANSWERED)
        assert {sample.status for sample in run.arriving} <= {*ANSWERED, *REFUSED}
    if not kept:
        ratio = runs[OURS].per_s / max(run.per_s for run in runs.values())
        with capsys.disabled():
            print(f"Throughput of {OURS}: {ratio:.2f} of the best; {verdict(ratio >= OF_THE_BEST)}: {OF_THE_BEST}")  # noqa: T201


def test_what_is_too_much_is_refused_at_once_and_the_rest_is_served(
    data: Path, asked: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: dict[str, dict[str, object]] = {}
    ratios, refusals = [], []
    for case, kept, bodies in (("uncached study", False, asked.full), ("labs only", True, asked.labs)):
        with tumorcast(data, kept) as server:
            asks = asks_of(bodies, warmed(server, bodies, kept))
            capacity = throughput(first_in_line(closed_loop(server.url, asks, AT_ONCE, SECONDS)), SECONDS).value
            usual = first_in_line(open_loop(server.url, asks, poisson(LOAD * capacity, SECONDS, len(asks), SEED)))
            much = first_in_line(open_loop(server.url, asks, poisson(OVERLOAD * capacity, SECONDS, len(asks), SEED)))
        accepted = [sample for sample in much if sample.status in ANSWERED]
        refused = [sample for sample in much if sample.status in REFUSED]
        assert {sample.status for sample in usual} <= {*ANSWERED, *REFUSED}
        usual = [sample for sample in usual if sample.status in ANSWERED]
        assert len(accepted) + len(refused) == len(much), {sample.status for sample in much}
        ratios.append(float(np.quantile(latencies_ms(accepted), 0.99) / np.quantile(latencies_ms(usual), 0.99)))
        refusals.append(float(np.quantile(latencies_ms(refused), 0.99)))
        rows[case] = {
            "capacity /s": f"{capacity:.1f}",
            "arriving /s": f"{OVERLOAD * capacity:.0f}",
            "accepted /s": str(throughput(accepted, SECONDS)),
            "p99 at .6, ms": str(quantile_ms(usual, 0.99)),
            "p99 accepted, ms": str(quantile_ms(accepted, 0.99)),
            "ratio": f"{ratios[-1]:.2f}",
            "refused": f"{len(refused) / len(much):.0%}",
            "refusal p50 / p99 / max, ms": " / ".join(
                f"{1000 * value:.0f}" for value in np.quantile([s.latency_s for s in refused], [0.5, 0.99, 1])
            ),
            "sent late p99, ms": f"{1000 * np.quantile([s.late_s for s in much], 0.99):.1f}",
        }
    with capsys.disabled():
        print(table(f"At {OVERLOAD} × the capacity ({SECONDS:g} s)", rows))  # noqa: T201
        print(f"p99 of the accepted within 3 ×: {verdict(max(ratios) <= 3)}")  # noqa: T201
        print(f"p99 of refusals within 50 ms: {verdict(max(refusals) <= 50)}")  # noqa: T201


def verdict(met: bool) -> str:
    """A figure that misses its target is told, not an error of the run."""
    return "target met" if met else "target missed"


def flat_out(server: Server, bodies: list[bytes], kept: bool) -> Run:
    """One contender: idle, one request at a time, then as many at once as keep every core busy."""
    run = Run(answers=warmed(server, bodies, kept), memory_mib=server.memory_mib())
    run.asks = asks_of(bodies, run.answers)
    before = server.cpu_s()
    time.sleep(2)
    run.idle_cores = (server.cpu_s() - before) / 2
    run.alone = first_in_line(closed_loop(server.url, run.asks, 1, SECONDS / 2))
    before = server.cpu_s()
    run.flat_out = first_in_line(closed_loop(server.url, run.asks, AT_ONCE, SECONDS))
    run.cpu_ms = 1000 * (server.cpu_s() - before) / len(run.flat_out)
    return run


def warmed(server: Server, bodies: Sequence[bytes], kept: bool) -> list[Any]:
    """Ask everything once (twice where answers are kept: none is, within two seconds of a start); the answers."""

    async def everything() -> list[Any]:
        async with Connections(server.url) as connections:
            found = [await connections.post(body) for body in bodies]
            await asyncio.gather(*(connections.post(body) for body in bodies[:AT_ONCE]))
        assert {status for status, _ in found} <= set(ANSWERED), found[0]
        return [json.loads(content) for _, content in found]

    if kept:
        asyncio.run(everything())
    return asyncio.run(everything())


def asks_of(bodies: Sequence[bytes], answers: Sequence[Any]) -> list[Ask]:
    """The bodies with the number of inputs that their answers used; all of their images among them."""
    asks = []
    for body, answer in zip(bodies, answers, strict=True):
        used = {use["group"] for use in answer["inputs"] if use["status"] == "used"}
        assert ({"ct_baseline", "ct_follow_up"} <= used) == (b'"timepoints"' in body), used
        asks.append(Ask(body, len(used)))
    return asks


def numbers(answers: Sequence[Any]) -> list[Any]:
    """What two servers must agree on: all that is estimated, and of which inputs."""
    return [[answer["endpoints"], [(use["group"], use["status"]) for use in answer["inputs"]]] for answer in answers]


def told(case: str, runs: dict[str, Run], rate: float, arrivals: Sequence[Any]) -> str:
    closed, arriving = {}, {}
    for name, run in runs.items():
        alone = latencies_ms(run.alone)
        predicted = predicted_ms(arrivals, alone / 1000, run.per_s)
        answered = [sample for sample in run.arriving if sample.status in ANSWERED]
        tail = np.quantile(latencies_ms(answered), 0.99) / np.quantile(predicted, 0.99)
        closed[name] = {
            "per second": str(throughput(run.flat_out, SECONDS)),
            "p50, ms": str(quantile_ms(run.flat_out, 0.5)),
            "p95": str(quantile_ms(run.flat_out, 0.95)),
            "p99": str(quantile_ms(run.flat_out, 0.99)),
            "CPU-ms a query": f"{run.cpu_ms:.1f}",
            "alone p50, ms": f"{np.median(alone):.1f}",
            "idle, cores": f"{run.idle_cores:.2f}",
            "MiB (PSS)": f"{run.memory_mib:.0f}",
        }
        arriving[name] = {
            "p50, ms": str(quantile_ms(answered, 0.5)),
            "p95": str(quantile_ms(answered, 0.95)),
            "p99": str(quantile_ms(answered, 0.99)),
            "refused": f"{1 - len(answered) / len(run.arriving):.1%}",
            "predicted p50 / p95 / p99": " / ".join(f"{v:.0f}" for v in np.quantile(predicted, [0.5, 0.95, 0.99])),
            "measured ÷ predicted p99": f"{tail:.2f}",
            "sent late p99": f"{1000 * np.quantile([s.late_s for s in run.arriving], 0.99):.1f}",
        }
    cores = f"{CORES} cores, shared with the load generator"
    return (
        table(f"{case}: {AT_ONCE} at once for {SECONDS:g} s ({cores})", closed)
        + "\n"
        + table(f"{case}: Poisson arrivals, {rate:.1f} a second for {SECONDS:g} s, the same for all", arriving)
    )


def written(case: str, runs: dict[str, Run], rate: float) -> None:
    """Add the figures to the JSON file, if one is wanted."""
    if not (name := os.environ.get("TUMORCAST_BENCH_JSON")):
        return
    path = Path(name)
    document = json.loads(path.read_text()) if path.exists() else {}
    document[case] = {
        contender: {
            "per_s": run.per_s,
            "cpu_ms": run.cpu_ms,
            "idle_cores": run.idle_cores,
            "memory_mib": run.memory_mib,
            "arriving_per_s": rate,
            "alone_ms": latencies_ms(run.alone).round(2).tolist(),
            "flat_out_ms": latencies_ms(run.flat_out).round(2).tolist(),
            "arriving_ms": latencies_ms(run.arriving).round(2).tolist(),
        }
        for contender, run in runs.items()
    }
    path.write_text(json.dumps(document))
