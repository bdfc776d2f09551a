"""The load generator sends what it says when it says, and the queueing prediction is that of the textbooks."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.load import NARROWER, Arrival, Ask, Sample, closed_loop, open_loop, poisson
from support.load_figures import predicted_ms, quantile_ms, throughput

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nConnection: close\r\n\r\n"


def with_server(
    answer: Callable[[bytes], bytes], wait_s: float, load: Callable[[str], Coroutine[None, None, list[Sample]]]
) -> tuple[list[Sample], list[bytes]]:
    """Run ``load`` on a server that answers every body after ``wait_s``; the samples, and the bodies that came."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                bodies.append(await reader.readexactly(length))
                said = answer(bodies[-1])
                await asyncio.sleep(wait_s)
                writer.write(said)
                if said == REFUSAL:
                    break
        writer.close()
        await writer.wait_closed()

    async def run() -> list[Sample]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            samples = await load(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/x")
            await asyncio.sleep(0.05)
            return samples
        finally:
            server.close()
            await server.wait_closed()

    return asyncio.run(run()), bodies


def test_an_open_loop_sends_every_request_though_none_is_answered_yet():
    arrivals = [Arrival(0.01 * number, number % 2) for number in range(20)]
    samples, bodies = with_server(lambda _: ANSWER, 0.3, lambda url: open_loop(url, [Ask(b"a"), Ask(b"bb")], arrivals))
    assert len(samples) == len(bodies) == 20
    assert sorted(bodies) == [b"a"] * 10 + [b"bb"] * 10
    assert all(sample.status == 200 for sample in samples)
    assert all(0.29 < sample.latency_s < 2 for sample in samples)


def test_a_closed_loop_keeps_so_many_under_way_and_no_more():
    samples, _ = with_server(lambda _: ANSWER, 0.1, lambda url: closed_loop(url, [Ask(b"a")], 3, 0.55))
    assert 3 <= len(samples) <= 18
    times = sorted([(s.due_s, 1) for s in samples] + [(s.done_s, -1) for s in samples])
    assert max(np.cumsum([change for _, change in times])) <= 3


def test_refusals_keep_their_status_and_their_connection_ends():
    samples, _ = with_server(
        lambda body: REFUSAL if body == b"no" else ANSWER,
        0,
        lambda url: open_loop(url, [Ask(b"yes"), Ask(b"no")], [Arrival(0.02 * n, n % 2) for n in range(10)]),
    )
    assert [sample.status for sample in samples] == [200, 429] * 5


def test_an_answer_that_used_fewer_inputs_is_no_whole_answer():
    asks = [Ask(b"a", inputs=1), Ask(b"a", inputs=2)]
    whole = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n["used"]'
    samples, _ = with_server(lambda _: whole, 0, lambda url: open_loop(url, asks, [Arrival(0, 0), Arrival(0.05, 1)]))
    assert [sample.status for sample in samples] == [200, NARROWER]


def test_no_server_is_status_0():
    samples = asyncio.run(open_loop("http://127.0.0.1:1/", [Ask(b"")], [Arrival(0, 0)]))
    assert [sample.status for sample in samples] == [0]


@given(st.floats(1, 200), st.integers(0, 1000))
def test_poisson_arrivals_are_the_same_for_the_same_seed_and_in_order(rate, seed):
    arrivals = poisson(rate, 5, 3, seed)
    assert arrivals == poisson(rate, 5, 3, seed)
    assert all(a.at_s <= b.at_s for a, b in pairwise(arrivals))
    assert abs(len(arrivals) - 5 * rate) < 6 * np.sqrt(5 * rate) + 6


@pytest.mark.parametrize(
    ("alone_s", "mean_wait_s"),
    [
        (np.random.default_rng(1).exponential(0.01, 20_000), 0.6 * 0.01 / 0.4),  # M/M/1: ρ/(μ−λ)
        (np.full(100, 0.01), 0.6 * 0.01 / 0.4 / 2),  # M/D/1: half of that (Pollaczek–Khinchine)
    ],
)
def test_one_server_waits_as_pollaczek_and_khinchine_say(alone_s, mean_wait_s):
    arrivals = poisson(60, 2000, 1, seed=3)
    waits = predicted_ms(arrivals, alone_s, per_s=1 / alone_s.mean()) / 1000 - alone_s.mean()
    assert waits.mean() == pytest.approx(mean_wait_s, rel=0.1)


def test_two_servers_wait_as_erlang_says():
    alone_s = np.random.default_rng(1).exponential(0.01, 20_000)
    arrivals = poisson(120, 1000, 1, seed=3)
    waits = predicted_ms(arrivals, alone_s, per_s=2 / alone_s.mean()) / 1000 - alone_s.mean()
    assert waits.mean() == pytest.approx(0.01 * 0.6**2 / (1 - 0.6**2), rel=0.1)  # M/M/2: ρ² / (μ (1 − ρ²))


def test_throughput_counts_answers_between_a_tenth_and_the_end():
    samples = [Sample(0.1 * n, 0, 0.01, 200 if n % 2 else 429, 0) for n in range(100)]
    assert throughput(samples, 10).value == pytest.approx(5, rel=0.05)


def test_a_quantile_lies_in_its_interval():
    samples = [Sample(n, 0, latency, 200, 0) for n, latency in enumerate(np.random.default_rng(1).exponential(1, 400))]
    figure = quantile_ms(samples, 0.95)
    assert figure.low <= figure.value <= figure.high
    assert figure.value == pytest.approx(3000, rel=0.25)  # −ln 0.05
