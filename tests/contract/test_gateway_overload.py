"""The gateway at five times what it can do: the accepted keep their latency, the others are refused at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import pytest

from support.gateway import Fakes
from support.gateway_served import Served, served
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb

PLACES = 8
WORK_S = 0.4
"""What fusion takes for each answer, so that the gateway can do ``PLACES / WORK_S`` = 20 a second."""
RATE = 5 * PLACES / WORK_S
SECONDS = 4.0
RECORD = b'{"resourceType":"Bundle","type":"collection","entry":[' + b'{"resource":{"resourceType":"Patient"}},' * 2000
BODY = b'{"model":"simulated","fhir":' + RECORD[:-1] + b"]}}"


@dataclass(frozen=True)
class Answer:
    code: str
    took_s: float


async def over_rest(gateway: Served) -> str:
    headers = {"Content-Type": "application/json"}
    response = await gateway.http.post("/v1/prognoses", content=BODY, headers=headers)
    if response.is_success:
        return "OK"
    assert int(response.headers.get("retry-after", 0)) >= 1, response.text
    return str(response.json()["code"])


async def over_grpc(gateway: Served) -> str:
    try:
        await gateway.grpc.CreatePrognosis(pb.CreatePrognosisRequest(model="simulated", fhir=RECORD[:-1] + b"]}"))
    except grpc.aio.AioRpcError as e:
        told = b"RetryInfo" in dict(e.trailing_metadata())["grpc-status-details-bin"]
        return e.code().name if told else "UNTOLD"
    return "OK"


async def timed(ask: Callable[[Served], Awaitable[str]], gateway: Served) -> Answer:
    began = time.perf_counter()
    code = await ask(gateway)
    return Answer(code, time.perf_counter() - began)


async def at_rate(ask: Callable[[Served], Awaitable[str]], gateway: Served, rate: float) -> list[Answer]:
    """Send at a steady rate whatever comes back, and wait for every answer."""
    began, calls = time.perf_counter(), []
    for n in range(round(rate * SECONDS)):
        await asyncio.sleep(max(began + n / rate - time.perf_counter(), 0))
        calls.append(asyncio.create_task(timed(ask, gateway)))
    return list(await asyncio.gather(*calls))


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(share * len(times)), len(times) - 1)]


@pytest.mark.parametrize("ask", [over_rest, over_grpc], ids=["rest", "grpc"])
def test_at_five_times_the_load_the_accepted_keep_their_latency_and_the_rest_are_refused_at_once(
    ask: Callable[[Served], Awaitable[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    async def go() -> tuple[list[Answer], list[Answer]]:
        fakes = Fakes()
        fakes.fusion.delay_s = WORK_S
        async with served(fakes, max_concurrent_calls=PLACES) as gateway:
            return await at_rate(ask, gateway, RATE / 10), await at_rate(ask, gateway, RATE)

    calm, crowded = asyncio.run(go())
    assert {one.code for one in calm} == {"OK"}
    accepted = [one.took_s for one in crowded if one.code == "OK"]
    refused = [one.took_s for one in crowded if one.code == "RESOURCE_EXHAUSTED"]
    assert len(accepted) + len(refused) == len(crowded)
    usual_s = quantile([one.took_s for one in calm], 0.99)
    with capsys.disabled():
        print(  # noqa: T201 - numbers are printed
            f"\n5 x overload, {ask.__name__}, record of {len(RECORD) >> 10} KiB: {len(accepted)} accepted, "
            f"p99 {quantile(accepted, 0.99):.3f} s (calm {usual_s:.3f} s); {len(refused)} refused, "
            f"p50 {quantile(refused, 0.5) * 1000:.1f} ms, p99 {quantile(refused, 0.99) * 1000:.1f} ms"
        )
    assert len(accepted) >= 0.5 * PLACES / WORK_S * SECONDS
    assert quantile(accepted, 0.99) < 3 * usual_s
    assert quantile(refused, 0.5) < 0.05
    assert quantile(refused, 0.9) < 0.1  # callers and services share the process, and tests the cores
