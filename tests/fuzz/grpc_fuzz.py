"""Sends random and damaged requests to every gRPC method of a real gateway and looks how they are answered.

Each is answered, or refused with a status that is not INTERNAL or UNKNOWN, a reason code and no word of what was sent;
whatever was sent, the gateway answers a sound query as before.

``python -m fuzz.grpc_fuzz --count 5000 --seed 1`` with ``tests`` on the path; ``--only N`` repeats one of them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from fuzz.grpc_messages import CANARY, Known, Made, make
from support.gateway import QUERY
from support.gateway_served import Served, served
from support.twins import pieces
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1 import records_pb2 as rp
from tumorcast_core import wire
from tumorcast_core.errors import by_reason
from tumorcast_core.query import Query
from tumorcast_core.snapshot import Feature

SERVICE = pb.DESCRIPTOR.services_by_name["PrognosisService"]
METHODS: tuple[MethodDescriptor, ...] = tuple(SERVICE.methods)
HANG_S = 20.0
_NEVER = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED)
SMALL = Query("simulated", features=(Feature("albumin", 3.1, "g/dL"),))


@dataclass
class Report:
    """What a run found."""

    calls: int = 0
    seconds: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"{self.calls} calls in {self.seconds:.0f} s",
            *(f"  {count:6}  {code}" for code, count in self.codes.most_common()),
            f"broken: {len(self.broken)}",
            *(f"  {line[:600]}" for line in self.broken[:100]),
        ]


class Calls:
    """Calls methods with bytes, past any stub that would refuse them.

    Streams go out without a loop: where the server answers before it has read them all, ``grpc.aio`` may say INTERNAL
    in place of what the server said (grpc/grpc#36066).
    """

    def __init__(self, channel: grpc.aio.Channel, streaming: grpc.Channel) -> None:
        self._channel, self._streaming = channel, streaming

    async def answers(self, method: MethodDescriptor, made: Made) -> list[bytes]:
        """What comes back; raises ``RpcError``."""
        path = f"/{SERVICE.full_name}/{method.name}"
        how: dict[str, Any] = {"timeout": HANG_S, "metadata": made.metadata}
        if method.client_streaming:
            return [await asyncio.to_thread(self._streaming.stream_unary(path), iter(made.messages), **how)]
        if method.server_streaming:
            return [answer async for answer in self._channel.unary_stream(path)(made.messages[0], **how)]
        return [await self._channel.unary_unary(path)(made.messages[0], **how)]


async def outcome(calls: Calls, method: MethodDescriptor, made: Made) -> tuple[str, list[str]]:
    """How a call ended, and what is wrong with that."""
    try:
        answers = await calls.answers(method, made)
    except grpc.RpcError as e:
        return _told(e)
    wrong = []
    for answer in answers:
        try:
            GetMessageClass(method.output_type).FromString(answer)
        except Exception as e:
            wrong.append(f"answers what is no message: {type(e).__name__}")
    return "OK", wrong


def _told(error: Any) -> tuple[str, list[str]]:
    code = error.code()
    wrong = [f"ends as {code.name}: {error.details()}"] if code in _NEVER else []
    metadata: dict[str, Any] = dict(error.trailing_metadata() or ())
    status, info = Status.FromString(metadata.get("grpc-status-details-bin", b"")), ErrorInfo()
    for detail in status.details:
        detail.Unpack(info)
    if by_reason(info.reason) is None:
        wrong.append(f"ends as {code.name} without a reason: {error.details()}")
    if CANARY in f"{error.details()}{status}":
        wrong.append(f"{info.reason} tells what was sent: {error.details()}")
    return info.reason or code.name, wrong


async def known_of(gateway: Served) -> Known:
    """Sound requests, and the ids of what is stored."""
    stub = gateway.grpc
    made = (await stub.CreatePrognosis(wire.query_to(SMALL))).prognosis
    study_id = (await stub.UploadStudy(iter(pieces([b"DICM"])))).studies[0].study_id
    job_id = (await stub.CreateJob(pb.CreateJobRequest(queries=[wire.query_to(SMALL)]))).job.job_id
    prognosis_id = made.prognosis_id
    outcome_made = rp.Outcome(prognosis_id=prognosis_id, endpoint_id="objective_response", occurred=True)
    remark = rp.Feedback(prognosis_id=prognosis_id, decision=rp.DECISION_NOTED)
    full = wire.query_to(QUERY)
    words = {
        "model": ("simulated",),
        "name": ("simulated", "albumin", "tumor_volume"),
        "prognosis_id": (prognosis_id,),
        "study_id": (study_id,),
        "job_id": (job_id,),
        "role": ("baseline", "follow_up"),
        "endpoint_id": ("objective_response", "progression_free_survival"),
        "patient_id": ("SIM-000017", CANARY),
    }
    sound = {
        "CreatePrognosis": (full, wire.query_to(SMALL)),
        "ScoreCohort": (pb.ScoreCohortRequest(queries=[full, wire.query_to(SMALL)]),),
        "CreateJob": (pb.CreateJobRequest(queries=[wire.query_to(SMALL)]),),
        "CreateFeedback": (pb.CreateFeedbackRequest(feedback=remark),),
        "CreateOutcome": (pb.CreateOutcomeRequest(outcome=outcome_made),),
        "UploadStudy": pieces([b"DICM", b"junk"]),
        "ListPrognoses": (pb.ListPrognosesRequest(page_size=1),),
    }
    return Known(words, sound)


class Incidents(logging.Handler):
    """While open, collects what is logged as an incident: an exception that nobody expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "incident" in record.getMessage():
            self._found.append(f"incident: {record.getMessage()} {getattr(record, 'failure', '')}")

    def taken(self) -> list[str]:
        found, self._found = self._found, []
        return found

    def __enter__(self) -> Self:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)


async def _run(numbers: Iterable[int], seed: int, within_s: float) -> Report:
    report, began = Report(), time.monotonic()
    async with served(job_concurrency=1) as gateway:
        with Incidents() as incidents, grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as streaming:
            known, calls = await known_of(gateway), Calls(gateway.channel, streaming)
            before = await sound_answer(gateway)
            for number in numbers:
                if time.monotonic() - began > within_s:
                    break
                method = METHODS[number % len(METHODS)]
                made = make(Random(f"{seed} {number}"), method, known)
                code, wrong = await outcome(calls, method, made)
                report.calls += 1
                report.codes[code] += 1
                report.methods[method.name] += 1
                report.broken += [f"{number}: {made.story[:300]}: {line}" for line in wrong + incidents.taken()]
            if await sound_answer(gateway) != before:
                report.broken.append("afterwards a sound query is answered otherwise")
    report.seconds = time.monotonic() - began
    return report


async def sound_answer(gateway: Served) -> Any:
    """The answer to a sound query, without its id."""
    answer = (await gateway.grpc.CreatePrognosis(wire.query_to(SMALL), timeout=HANG_S)).prognosis
    answer.prognosis_id = ""
    return answer


def fuzz(count: int, seed: int = 1, within_s: float = float("inf"), only: int | None = None) -> Report:
    """Send that many requests, or as many as there is time for."""
    return asyncio.run(_run(range(count) if only is None else [only], seed, within_s))


def main(print_line: Callable[[str], Any] = print) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    chosen = parser.parse_args()
    report = fuzz(chosen.count, chosen.seed, only=chosen.only)
    for line in report.lines():
        print_line(line)
    sys.exit(bool(report.broken))


if __name__ == "__main__":
    main()
