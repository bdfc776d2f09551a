"""What is particular to the gRPC door: streams, reflection, health, and bytes that are no message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from support.gateway_served import Served, served
from support.twins import pieces, told_over_grpc
from tumorcast.imaging.v1 import imaging_service_pb2 as ip
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.query import FhirPatient, Query
from tumorcast_core.snapshot import Feature
from tumorcast_gateway.model import MAX_CHUNK_BYTES

SERVICE = pb.DESCRIPTOR.services_by_name["PrognosisService"].full_name
GOOD = wire.query_to(Query("simulated", features=(Feature("albumin", 3.1, "g/dL"),)))
UNKNOWN = wire.query_to(Query("other", features=(Feature("albumin", 3.1, "g/dL"),)))
EMPTY = pb.CreatePrognosisRequest(model="simulated")


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


async def told(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return told_over_grpc(error.value)


def test_a_cohort_is_scored_with_progress_and_faults_in_their_places() -> None:
    async def test(gateway: Served) -> None:
        queries = [GOOD, UNKNOWN, GOOD, EMPTY, GOOD]
        results = [r async for r in gateway.grpc.ScoreCohort(pb.ScoreCohortRequest(queries=queries))]
        assert [r.done for r in results] == [1, 2, 3, 4, 5]
        assert {r.total for r in results} == {5}
        by_position = {r.position: r for r in results}
        assert sorted(by_position) == [0, 1, 2, 3, 4]
        assert [by_position[i].error.code for i in range(5)] == ["", "UNKNOWN_MODEL", "", "NO_INPUT", ""]
        ids = {by_position[i].prognosis.prognosis_id for i in (0, 2, 4)}
        assert len(ids) == 3
        for prognosis_id in ids:
            assert await gateway.grpc.GetPrognosis(pb.GetPrognosisRequest(prognosis_id=prognosis_id))

    with_gateway(test)


def test_results_of_a_cohort_come_as_they_are_ready() -> None:
    async def test(gateway: Served) -> None:
        gateway.fakes.fusion.delay_s = 0.3
        began, call = time.monotonic(), gateway.grpc.ScoreCohort(pb.ScoreCohortRequest(queries=[GOOD] * 6))
        times = [time.monotonic() - began async for _ in call]
        assert times[0] < times[-1] / 2

    with_gateway(test)


@pytest.mark.parametrize(
    ("queries", "code"),
    [
        ([], "NO_INPUT"),
        ([EMPTY] * 1_001, "PAYLOAD_TOO_LARGE"),
        (
            [GOOD, pb.CreatePrognosisRequest(model="simulated", features=[{"number": float("nan")}])],
            "MALFORMED_REQUEST",
        ),
    ],
)
def test_a_cohort_that_is_none_is_refused(queries: list[pb.CreatePrognosisRequest], code: str) -> None:
    async def test(gateway: Served) -> None:
        refusal = await told(anext(aiter(gateway.grpc.ScoreCohort(pb.ScoreCohortRequest(queries=queries)))))
        assert refusal.code == code
        if code == "MALFORMED_REQUEST":
            assert [where for where, _ in refusal.violations] == ["queries[1].features[0]"]

    with_gateway(test)


def test_a_cohort_that_nobody_waits_for_any_more_gives_its_place_back() -> None:
    async def test(gateway: Served) -> None:
        gateway.fakes.fusion.delay_s = 30.0
        call = gateway.grpc.ScoreCohort(pb.ScoreCohortRequest(queries=[GOOD] * 4))
        waiting = asyncio.ensure_future(anext(aiter(call)))
        await asyncio.sleep(0.5)
        assert (await told(gateway.grpc.CreatePrognosis(GOOD))).code == "RESOURCE_EXHAUSTED"
        waiting.cancel()
        call.cancel()
        gateway.fakes.fusion.delay_s = 0.0
        await asyncio.sleep(0.5)
        assert (await gateway.grpc.CreatePrognosis(GOOD)).prognosis.prognosis_id

    with_gateway(test, max_concurrent_calls=1)


def test_a_deadline_ends_a_cohort_with_a_reason() -> None:
    async def test(gateway: Served) -> None:
        gateway.fakes.fusion.delay_s = 30.0
        budget = (("tumorcast-budget-ms", "300"),)
        call = gateway.grpc.ScoreCohort(pb.ScoreCohortRequest(queries=[GOOD]), metadata=budget)
        assert (await told(anext(aiter(call)))).code == "DEADLINE_EXCEEDED"

    with_gateway(test)


@pytest.mark.parametrize("budget", ["nan", "-1", "soon", "inf", ""])
def test_a_budget_that_is_none_stops_nothing_else(budget: str) -> None:
    async def test(gateway: Served) -> None:
        odd = gateway.grpc.CreatePrognosis(GOOD, metadata=(("tumorcast-budget-ms", budget),))
        if budget == "-1":
            assert (await told(odd)).code == "DEADLINE_EXCEEDED"
        else:
            assert (await odd).prognosis.prognosis_id
        assert (await gateway.grpc.CreatePrognosis(GOOD)).prognosis.prognosis_id

    with_gateway(test)


def test_files_pass_through_piece_by_piece() -> None:
    async def test(gateway: Served) -> None:
        content = b"DICM" + bytes(range(256)) * 20_000
        start = ip.UploadStudyRequest(file=ip.UploadFile(label="a", size_bytes=len(content)))
        chunks = [content[i : i + MAX_CHUNK_BYTES] for i in range(0, len(content), MAX_CHUNK_BYTES)]
        messages = [start, *(ip.UploadStudyRequest(chunk=chunk) for chunk in chunks)]
        answer = await gateway.grpc.UploadStudy(iter(pb.UploadStudyRequest(piece=m) for m in messages))
        assert gateway.uploads.files == [content]
        assert max(gateway.uploads.chunk_sizes) <= MAX_CHUNK_BYTES
        assert answer.studies[0].study.segmentation_uids == ["1.2.3.9"]

    with_gateway(test)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([], "NO_INPUT"),
        ([{"chunk": b"DICM"}], "MALFORMED_REQUEST"),
        ([{"file": {}}, {"end": True}, {"chunk": b"DICM"}], "MALFORMED_REQUEST"),
        ([{"file": {}}, {"chunk": b"x" * (MAX_CHUNK_BYTES + 1)}, {"end": True}], "MALFORMED_REQUEST"),
        ([{"file": {}}, {}], "MALFORMED_REQUEST"),
        ([{"file": {}}, {"chunk": b"DICM"}], "MALFORMED_REQUEST"),
        ([{"file": {}}, *[{"chunk": b"x" * MAX_CHUNK_BYTES}] * 2, {"end": True}], "PAYLOAD_TOO_LARGE"),
    ],
)
def test_an_upload_that_does_not_follow_its_protocol_is_refused(sent: list[Any], code: str) -> None:
    async def slowly() -> AsyncIterator[pb.UploadStudyRequest]:
        for piece in sent:
            yield pb.UploadStudyRequest(piece=piece)

    async def test(gateway: Served) -> None:
        assert (await told(gateway.grpc.UploadStudy(slowly()))).code == code

    with_gateway(test, max_upload_mib=1)


def test_an_upload_waits_for_who_takes_it() -> None:
    """Of 128 MiB only what the buffers on the way hold is sent while imaging takes nothing."""
    count, sent = 128, 0

    async def stream() -> AsyncIterator[pb.UploadStudyRequest]:
        nonlocal sent
        yield pb.UploadStudyRequest(piece={"file": {}})
        for _ in range(count):
            yield pb.UploadStudyRequest(piece={"chunk": b"DICM" * (MAX_CHUNK_BYTES // 4)})
            sent += 1
        yield pb.UploadStudyRequest(piece={"end": True})

    async def test(gateway: Served) -> None:
        taking, take = asyncio.Event(), gateway.uploads.take

        async def late(requests: Any) -> Any:
            await taking.wait()
            return await take(requests)

        gateway.uploads.take = late  # type: ignore[method-assign]
        call = gateway.grpc.UploadStudy(stream())
        await asyncio.sleep(2.0)
        held = sent
        taking.set()
        assert (await call).studies
        assert held < count / 2, held
        assert sum(gateway.uploads.chunk_sizes) == count * MAX_CHUNK_BYTES

    with_gateway(test)


def test_reflection_tells_the_schema() -> None:
    async def test(gateway: Served) -> None:
        stub = reflection_pb2_grpc.ServerReflectionStub(gateway.channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        ]
        services, file = [answer async for answer in stub.ServerReflectionInfo(iter(requests))]
        assert SERVICE in {service.name for service in services.list_services_response.service}
        assert b"PrognosisService" in file.file_descriptor_response.file_descriptor_proto[0]

    with_gateway(test)


def test_health_names_the_service() -> None:
    async def test(gateway: Served) -> None:
        stub = health_pb2_grpc.HealthStub(gateway.channel)
        for name in ("", SERVICE):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING

    with_gateway(test)


@pytest.mark.parametrize("path", [f"/{SERVICE}/CurePatient", "/other.Service/Method", "/"])
def test_a_method_that_there_is_not_is_unimplemented(path: str) -> None:
    async def test(gateway: Served) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await gateway.channel.unary_unary(path)(b"")
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED

    with_gateway(test)


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x7f", b"\x0a\x02\xff\xfe", b"\x0b" * 200], ids=repr)
@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary"])
def test_bytes_that_are_no_message_are_a_malformed_request(kind: str, data: bytes) -> None:
    method = {"unary_unary": "CreatePrognosis", "unary_stream": "ScoreCohort", "stream_unary": "UploadStudy"}[kind]

    async def test(gateway: Served) -> None:
        callable_ = getattr(gateway.channel, kind)(f"/{SERVICE}/{method}")
        call = callable_(iter([data]) if kind == "stream_unary" else data)
        assert (await told(anext(aiter(call)) if kind == "unary_stream" else call)).code == "MALFORMED_REQUEST"

    with_gateway(test)


def test_no_bytes_of_health_and_reflection_are_an_incident() -> None:
    async def test(gateway: Served) -> None:
        for call in (
            gateway.channel.unary_unary("/grpc.health.v1.Health/Check")(b"\xff"),
            anext(aiter(gateway.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"\xff"))),
            anext(
                aiter(
                    gateway.channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")(
                        iter([b"\xff"])
                    )
                )
            ),
        ):
            assert (await told(call)).code == "MALFORMED_REQUEST"

    with_gateway(test)


def test_two_records_are_a_fault_of_the_request() -> None:
    async def test(gateway: Served) -> None:
        message = wire.query_to(
            Query("simulated", fhir=b"{}", fhir_server=FhirPatient("https://ehr.example.org/fhir", "17"))
        )
        refusal = await told(gateway.grpc.CreatePrognosis(message))
        assert refusal.violations == (("fhir", "fhir and fhir_server exclude each other."),)

    with_gateway(test)


def test_an_upload_is_known_again() -> None:
    async def test(gateway: Served) -> None:
        first, second = [await gateway.grpc.UploadStudy(iter(pieces([b"DICM"]))) for _ in range(2)]
        assert first == second

    with_gateway(test)
