"""The simulation against what queueing theory has in closed form, within the error of a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumorcast_platform.capacity import DAY_S, FLAT, Batching, Demand, Duration, Layout, Times, simulate

MANY = 10**6
UNBOUNDED = Layout(max_concurrent_calls=MANY, max_ongoing_crops=MANY, deadline_s=1e6)


def times(prepare_ms: float, cv: float, *, crops: float = 0, pass_ms: float = 1, pass_crops: int = 1) -> Times:
    return Times(
        name="test",
        machine="none",
        source="none",
        measured=False,
        prepare=Duration(mean_ms=prepare_ms, cv=cv),
        crops_per_study=crops,
        pass_ms=pass_ms,
        pass_crops=pass_crops,
    )


def demand(per_s: float, seconds: float) -> Demand:
    return Demand(per_s * DAY_S, FLAT, batch_share=0, length_s=seconds)


def mean_s(
    per_s: float, machine: Times, layout: Layout, *, arrivals: int = 8_000, seeds: int = 3
) -> tuple[float, float]:
    """Mean time in the system, and its standard error over seeds; the first tenth of each run is not counted."""
    found = []
    for seed in range(seeds):
        latency_s = simulate(demand(per_s, arrivals / per_s).studies(machine, seed), machine, layout, seed).latency_s
        found.append(latency_s[len(latency_s) // 10 :].mean())
    return float(np.mean(found)), float(np.std(found, ddof=1) / math.sqrt(seeds))


def erlang_c(per_s: float, service_s: float, servers: int) -> float:
    """Mean time in an M/M/c system (Erlang 1917)."""
    load = per_s * service_s
    waiting = load**servers / math.factorial(servers) * servers / (servers - load)
    probability = waiting / (sum(load**k / math.factorial(k) for k in range(servers)) + waiting)
    return probability / (servers / service_s - per_s) + service_s


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.7), (3, 0.8)])
def test_an_ingress_that_reads_one_study_a_processor_is_the_queue_of_erlang(servers: int, load: float):
    layout = Layout(ingress_cpus=servers, studies_at_once=servers, max_concurrent_calls=MANY, deadline_s=1e6)
    per_s = load * servers / 0.010
    found, error = mean_s(per_s, times(10, cv=1), layout)
    expected = erlang_c(per_s, 0.010, servers)
    assert found == pytest.approx(expected, abs=4 * error + 0.02 * expected)


@pytest.mark.parametrize("cv", [0, 0.5, 1.5])
def test_studies_that_share_a_processor_take_as_long_whatever_their_scatter(cv: float):
    """M/G/1 processor sharing: mean time in the system is s / (1 − load), insensitive to the distribution."""
    layout = Layout(studies_at_once=MANY, max_concurrent_calls=MANY, deadline_s=1e6)
    found, error = mean_s(0.6 / 0.010, times(10, cv=cv), layout)
    assert found == pytest.approx(0.010 / 0.4, abs=4 * error + 0.03 * 0.025)


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_encoder_that_computes_crop_by_crop_is_the_queue_of_pollaczek_and_khinchine(load: float):
    """M/D/1: s + load × s / (2 (1 − load))."""
    layout = Layout(batching=Batching(batch_wait_s=0), max_concurrent_calls=MANY, max_ongoing_crops=MANY)
    found, error = mean_s(load / 0.010, times(0, 0, crops=1, pass_ms=10), layout)
    expected = 0.010 + load * 0.010 / (2 * (1 - load))
    assert found == pytest.approx(expected, abs=4 * error + 0.02 * expected)


def test_batches_that_wait_longer_than_they_take_never_queue():
    """Each crop waits for the end of the window that the first one opened; those after it come evenly in it."""
    wait_s, per_s, pass_s = 0.020, 300.0, 0.005
    layout = Layout(
        batching=Batching(batch_wait_s=wait_s, batch_voxels=1 << 40), max_concurrent_calls=MANY, max_ongoing_crops=MANY
    )
    machine = times(0, 0, crops=1, pass_ms=1000 * pass_s, pass_crops=1000)
    found, error = mean_s(per_s, machine, layout)
    expected = pass_s + wait_s * (1 + per_s * wait_s / 2) / (1 + per_s * wait_s)
    assert found == pytest.approx(expected, abs=4 * error + 0.02 * expected)
    outcome = simulate(demand(per_s, 40).studies(machine, 1), machine, layout)
    assert outcome.mean_batch == pytest.approx(1 + per_s * wait_s, rel=0.03)


def test_contention_is_what_it_was_measured_as():
    """Four at once that need 24 ms each alone, and cost 35 ms each in company: 4 × 35 ms on one processor."""
    machine = times(24, 0).model_copy(update={"contention": (35 / 24 - 1) * 4 / 3})
    studies = Demand(0).studies(machine, 0)
    assert studies == []
    together = [type(one)(0.0, 0.0, 0.024, 0) for one in demand(4, 1000).studies(machine, 0)[:4]]
    assert simulate(together, machine, Layout()).latency_s == pytest.approx([0.140] * 4)


def test_what_is_given_is_what_the_busiest_hour_has():
    one = Demand(24_000, batch_share=0.3)
    rng = np.random.default_rng(5)
    counts = np.mean([np.histogram(one.arrivals_s(rng), 24, (0, DAY_S))[0] for _ in range(20)], axis=0)
    assert counts.max() / 3600 == pytest.approx(one.peak_per_s, rel=0.06)
    assert counts.sum() == pytest.approx(24_000, rel=0.02)
