"""The boundary around every servicer method: errors are told with a reason, deadlines hold, nothing leaks."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tumorcast.clinical.v1 import clinical_service_pb2 as pb
from tumorcast.clinical.v1 import clinical_service_pb2_grpc as pb_grpc
from tumorcast_core import logs, rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    Incident,
    MalformedFhir,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)

Answer = Callable[[], Awaitable[pb.ExtractFeaturesResponse]]


class Servicer(pb_grpc.ClinicalServiceServicer):
    """Answers with whatever the test hands in."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @rpc.answers(pb.ExtractFeaturesResponse)
    async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
        return await self._answer()


@asynccontextmanager
async def running(answer: Answer, **options: Any) -> AsyncIterator[pb_grpc.ClinicalServiceStub]:
    server = grpc.aio.server(**options)
    pb_grpc.add_ClinicalServiceServicer_to_server(Servicer(answer), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=rpc.channel_options()) as channel:
        yield pb_grpc.ClinicalServiceStub(channel)
    await server.stop(None)


def ask(answer: Answer, deadline: Deadline | None = None, **options: Any) -> pb.ExtractFeaturesResponse:
    async def go() -> pb.ExtractFeaturesResponse:
        async with running(answer, **options) as stub:
            request = pb.ExtractFeaturesRequest()
            return await rpc.call(stub.ExtractFeatures, request, deadline or Deadline.after(5), service="clinical")

    return asyncio.run(go())


def test_an_answer_arrives() -> None:
    async def answer() -> pb.ExtractFeaturesResponse:
        return pb.ExtractFeaturesResponse(patient_id="p")

    assert ask(answer).patient_id == "p"


def test_a_told_error_arrives_as_the_same_error_with_its_message() -> None:
    async def answer() -> pb.ExtractFeaturesResponse:
        raise MalformedFhir("Not JSON.")

    with pytest.raises(MalformedFhir, match="Not JSON"):
        ask(answer)


def test_an_unexpected_exception_arrives_as_an_incident_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    async def answer() -> pb.ExtractFeaturesResponse:
        raise ValueError("Jane Doe")

    with pytest.raises(Incident) as raised:
        ask(answer)
    assert "Jane" not in raised.value.message
    incident_id = raised.value.message.split()[-1].rstrip(".")
    assert incident_id in caplog.text


def test_a_slow_answer_is_cut_off_at_the_deadline() -> None:
    async def answer() -> pb.ExtractFeaturesResponse:
        await asyncio.sleep(30)
        return pb.ExtractFeaturesResponse()

    start = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        ask(answer, Deadline.after(0.3))
    assert time.monotonic() - start < 5


def test_a_passed_deadline_asks_nobody() -> None:
    async def answer() -> pb.ExtractFeaturesResponse:
        raise AssertionError

    with pytest.raises(DeadlineExceeded):
        ask(answer, Deadline.after(-1))


def test_calls_beyond_the_limit_are_refused_as_exhausted() -> None:
    release = asyncio.Event()

    async def answer() -> pb.ExtractFeaturesResponse:
        await release.wait()
        return pb.ExtractFeaturesResponse()

    async def go() -> None:
        async with running(answer, maximum_concurrent_rpcs=1) as stub:
            first = asyncio.ensure_future(stub.ExtractFeatures(pb.ExtractFeaturesRequest(), timeout=5))
            await asyncio.sleep(0.2)
            try:
                with pytest.raises(ResourceExhausted):
                    await rpc.call(
                        stub.ExtractFeatures, pb.ExtractFeaturesRequest(), Deadline.after(5), service="clinical"
                    )
            finally:
                release.set()
                await first

    asyncio.run(go())


def test_nobody_listening_is_unavailable_at_once() -> None:
    async def go() -> None:
        async with grpc.aio.insecure_channel("127.0.0.1:1", options=rpc.channel_options()) as channel:
            stub = pb_grpc.ClinicalServiceStub(channel)
            await rpc.call(stub.ExtractFeatures, pb.ExtractFeaturesRequest(), Deadline.after(30), service="clinical")

    start = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="clinical"):
        asyncio.run(go())
    assert time.monotonic() - start < 5


def test_the_request_id_travels_with_the_call() -> None:
    seen = []

    async def answer() -> pb.ExtractFeaturesResponse:
        seen.append(logs.request_id.get())
        return pb.ExtractFeaturesResponse()

    token = logs.request_id.set("abc123")
    try:
        ask(answer)
    finally:
        logs.request_id.reset(token)
    assert seen == ["abc123"]


def ask_again(breaks: list[grpc.StatusCode], *, idempotent: bool, deadline: Deadline | None = None) -> tuple[str, int]:
    """Call a server whose first answers break off without a word; who answered, and how often it was asked."""
    asked = 0

    class Breaking(pb_grpc.ClinicalServiceServicer):
        async def ExtractFeatures(self, request: Any, grpc_context: Any) -> pb.ExtractFeaturesResponse:
            nonlocal asked
            asked += 1
            if asked <= len(breaks):
                await grpc_context.abort(breaks[asked - 1], "the replica died")
            return pb.ExtractFeaturesResponse(patient_id="p")

    async def go() -> tuple[str, int]:
        server = grpc.aio.server()
        pb_grpc.add_ClinicalServiceServicer_to_server(Breaking(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                method = pb_grpc.ClinicalServiceStub(channel).ExtractFeatures
                request, until = pb.ExtractFeaturesRequest(), deadline or Deadline.after(5)
                try:
                    answer = await rpc.call(method, request, until, service="clinical", idempotent=idempotent)
                except TumorcastError as e:
                    return e.reason, asked
                return answer.patient_id, asked
        finally:
            await server.stop(None)

    return asyncio.run(go())


BROKEN = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN]


@pytest.mark.parametrize("code", BROKEN)
def test_an_idempotent_call_that_broke_is_sent_once_more(code: grpc.StatusCode) -> None:
    assert ask_again([code], idempotent=True) == ("p", 2)
    assert ask_again([code, code], idempotent=True) == ("SERVICE_UNAVAILABLE", 2)


def test_details_that_are_no_message_are_a_service_that_broke_and_no_incident() -> None:
    error = grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff")),
        "text of theirs",
    )
    found = rpc.told(error, "clinical")
    assert (type(found), found.message) == (ServiceUnavailable, "The clinical service does not answer.")


def test_any_other_call_that_broke_is_not() -> None:
    assert ask_again([grpc.StatusCode.UNAVAILABLE], idempotent=False) == ("SERVICE_UNAVAILABLE", 1)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_full_queue_and_a_deadline_are_not_answered_with_another_call(code: grpc.StatusCode, reason: str) -> None:
    assert ask_again([code], idempotent=True) == (reason, 1)


def test_a_call_is_not_sent_again_beyond_its_deadline() -> None:
    assert ask_again([grpc.StatusCode.UNAVAILABLE], idempotent=True, deadline=Deadline.after(0.15)) == (
        "DEADLINE_EXCEEDED",
        1,
    )


def test_an_error_that_was_told_is_an_answer_and_not_asked_for_again() -> None:
    asked = 0

    async def answer() -> pb.ExtractFeaturesResponse:
        nonlocal asked
        asked += 1
        raise ServiceUnavailable("An image encoder does not answer.")

    async def go() -> None:
        async with running(answer) as stub:
            request = pb.ExtractFeaturesRequest()
            await rpc.call(stub.ExtractFeatures, request, Deadline.after(5), service="clinical", idempotent=True)

    with pytest.raises(ServiceUnavailable, match="encoder"):
        asyncio.run(go())
    assert asked == 1
