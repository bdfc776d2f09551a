"""Whatever a shadow does, the answer is the one without it, and comes when it would."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from support.fusion import full_snapshot
from support.model_versions import published
from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast.fusion.v1 import fusion_service_pb2_grpc as pb_grpc
from tumorcast_core import wire
from tumorcast_core.errors import DeadlineExceeded, ServiceUnavailable
from tumorcast_core.prognosis import ModelRef, Prognosis
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.adapters import shadow_process
from tumorcast_fusion.adapters.live_models import Live, ShadowVersion
from tumorcast_fusion.adapters.shadow_process import Scored, ShadowProcess, memory_share
from tumorcast_fusion.adapters.shadowing import ShadowScorer
from tumorcast_fusion.model import Model, load_model
from tumorcast_fusion.servicer import FusionServicer

SLOW_S = 1.5


@pytest.fixture(scope="module")
def active(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(published(tmp_path_factory.mktemp("model") / "tiny", "1.0.0"))


SHADOW = ShadowVersion(ModelRef("tiny", "2.0.0", "b" * 64), Path("nowhere"))


class Asked:
    """In place of the process: something happens, then the shadow answers as the active version would."""

    ready = True

    def __init__(self, active: Model, before: Callable[[], None]) -> None:
        self._active, self._before = active, before

    def predict(self, folder: Path, snapshot: PatientSnapshot, horizons_days: Sequence[float]) -> Scored:
        began = time.perf_counter()
        self._before()
        return self._active.predict(snapshot, horizons_days).endpoints, time.perf_counter() - began

    def close(self) -> None:
        """Nothing runs."""


class OneModel:
    """The models of a replica that has one."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def live(self, name: str) -> Live:
        return self._live


def raising() -> None:
    raise RuntimeError("Jane Doe")


def sleeping() -> None:
    time.sleep(SLOW_S)


@asynccontextmanager
async def served(live: Live, shadows: ShadowScorer) -> AsyncIterator[pb_grpc.FusionServiceStub]:
    server = grpc.aio.server()
    servicer = FusionServicer(OneModel(live), shadows)  # type: ignore[arg-type]
    pb_grpc.add_FusionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield pb_grpc.FusionServiceStub(channel)
    await server.stop(None)


async def ask(stub: pb_grpc.FusionServiceStub, calls: int) -> tuple[list[Prognosis], list[float]]:
    """Answers and the seconds that each took, one call after the other."""
    request = pb.PredictPrognosisRequest(model="tiny", snapshot=wire.snapshot_to(full_snapshot()))
    answers, seconds = [], []
    for _ in range(calls):
        began = time.perf_counter()
        answer = await stub.PredictPrognosis(request, timeout=20)
        seconds.append(time.perf_counter() - began)
        answers.append(wire.prognosis_from(answer.prognosis))
    return answers, seconds


async def settled(stub: pb_grpc.FusionServiceStub, calls: int) -> pb.GetShadowResponse:
    """What was made of all calls, once all are accounted for."""
    until = time.monotonic() + 60
    while True:
        found = await stub.GetShadow(pb.GetShadowRequest(name="tiny"), timeout=20)
        if found.scored + found.failed + found.dropped == calls or time.monotonic() > until:
            return found
        await asyncio.sleep(0.05)


def test_a_shadow_that_raises_changes_no_answer_and_is_counted(active: Model, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        live = Live(active, shadow=SHADOW)
        async with served(live, ShadowScorer(Asked(active, raising))) as stub:
            answers, _ = await ask(stub, 20)
            found = await settled(stub, 20)
        assert (found.scored, found.failed, found.dropped) == (0, 20, 0)
        expected = active.predict(full_snapshot())
        assert all(answer.endpoints == expected.endpoints for answer in answers)
        assert all(answer.model == active.ref for answer in answers)

    asyncio.run(go())
    assert "Jane" not in caplog.text
    assert caplog.text.count("failed: RuntimeError") == 1


def test_a_slow_shadow_delays_no_answer_and_what_cannot_wait_is_dropped(active: Model) -> None:
    async def go() -> None:
        live = Live(active, shadow=SHADOW)
        async with served(live, ShadowScorer(Asked(active, sleeping), queued=3, patience_s=SLOW_S * 1.5)) as stub:
            _, seconds = await ask(stub, 30)
            found = await settled(stub, 30)
        assert max(seconds) < SLOW_S
        assert sorted(seconds)[15] < SLOW_S / 4
        assert found.scored >= 1
        assert found.dropped >= 26
        assert (found.scored + found.dropped, found.failed) == (30, 0)
        assert found.shadow_seconds >= SLOW_S

    asyncio.run(go())


def test_the_shadow_begins_only_when_nobody_waits(active: Model) -> None:
    async def go() -> None:
        began: list[int] = []
        shadows = ShadowScorer(Asked(active, lambda: began.append(1)))
        live = Live(active, shadow=SHADOW)
        async with served(live, shadows) as stub:
            with shadows.answering():
                await ask(stub, 5)
                await asyncio.sleep(0.2)
                assert began == []
            found = await settled(stub, 5)
        assert (found.scored, len(began)) == (5, 5)

    asyncio.run(go())


def test_a_call_that_is_refused_is_not_put_to_the_shadow(active: Model) -> None:
    async def go() -> None:
        live = Live(active, shadow=SHADOW)
        async with served(live, ShadowScorer(Asked(active, lambda: None))) as stub:
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.PredictPrognosis(pb.PredictPrognosisRequest(model="tiny", horizons_days=[99_999]))
            await ask(stub, 1)
            found = await settled(stub, 1)
        assert (found.scored, found.failed, found.dropped) == (1, 0, 0)

    asyncio.run(go())


def test_another_pair_is_counted_anew_and_late_calls_of_the_old_one_are_not_counted(active: Model) -> None:
    async def go() -> None:
        other = replace(SHADOW, ref=ModelRef("tiny", "3.0.0", "c" * 64))
        first, second = Live(active, shadow=SHADOW, generation=1), Live(active, shadow=other, generation=2)
        waits = [SLOW_S, 0.0, 0.0, 0.0]
        shadows = ShadowScorer(Asked(active, lambda: time.sleep(waits.pop(0))))
        async with served(first, shadows) as stub:
            await ask(stub, 1)
        async with served(second, shadows) as stub:
            await settled(stub, 0)
            await ask(stub, 3)
            found = await settled(stub, 3)
            await asyncio.sleep(SLOW_S)
            assert found == await stub.GetShadow(pb.GetShadowRequest(name="tiny"))
        assert (found.scored, found.shadow.version, found.generation) == (3, "3.0.0", 2)

    asyncio.run(go())


@pytest.fixture(scope="module")
def process() -> Iterator[ShadowProcess]:
    """One for all tests, as each start reads torch anew; the last of them ends it."""
    started = ShadowProcess(timeout_s=60.0, pause_s=0.0)
    yield started
    started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("shadow") / "tiny", "2.0.0", seed=4)


def test_the_process_answers_as_the_model_does_at_the_lowest_priority(process: ShadowProcess, folder: Path) -> None:
    for horizons in ((), (56.0,)):
        found, seconds = process.predict(folder, full_snapshot(), horizons)
        assert found == load_model(folder).predict(full_snapshot(), horizons).endpoints
        assert 0 < seconds < 60
    assert process.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    assert not any(row.startswith((b"TUMORCAST", b"AWS", b"GOOGLE")) for row in environment)
    limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    hard = {line[:26].strip(): line[26:].split()[1] for line in limits}
    assert hard["Max core file size"] == "1"  # neither a file nor a pipe to a handler
    assert hard["Max data size"] == str(memory_share())


def test_a_shadow_that_wants_more_memory_than_its_share_fails_alone(folder: Path) -> None:
    process = ShadowProcess(timeout_s=60.0, pause_s=0.0, memory_bytes=128 << 20)
    with pytest.raises(ServiceUnavailable):
        process.predict(folder, full_snapshot(), ())
    process.close()


@pytest.mark.parametrize(("told", "share"), [("2147483648\n", 1 << 30), ("max\n", 4 << 30), (None, 4 << 30)])
def test_the_share_of_memory_is_half_of_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, share: int
) -> None:
    monkeypatch.setattr(shadow_process, "_MEMORY_MAX", tmp_path / "memory.max")
    if told is not None:
        (tmp_path / "memory.max").write_text(told)
    assert memory_share() == share


def test_an_answer_that_is_too_large_for_one_is_not_taken_in(
    process: ShadowProcess, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_process, "MOST_ANSWERED", 64)
    with pytest.raises(ServiceUnavailable, match="died"):
        process.predict(folder, full_snapshot(), ())


def test_a_shadow_that_cannot_be_loaded_or_asked_is_a_failure_and_not_the_end(
    process: ShadowProcess, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(ServiceUnavailable, match="UnknownModel"):
        process.predict(tmp_path, full_snapshot(), ())
    with pytest.raises(ServiceUnavailable, match="HorizonOutOfRange"):
        process.predict(folder, full_snapshot(), (99_999.0,))
    pid = process.pid
    assert process.predict(folder, full_snapshot(), ())[0]
    assert process.pid == pid


def test_a_process_that_dies_or_hangs_is_a_failure_and_another_one_begins(process: ShadowProcess, folder: Path) -> None:
    process.predict(folder, full_snapshot(), ())
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ServiceUnavailable, match="died"):
        process.predict(folder, full_snapshot(), ())
    process.predict(folder, full_snapshot(), ())
    hung = process.pid
    assert hung is not None
    os.kill(hung, signal.SIGSTOP)
    process._timeout_s = 0.3
    with pytest.raises(DeadlineExceeded):
        process.predict(folder, full_snapshot(), ())
    assert not Path(f"/proc/{hung}").exists()


def test_a_snapshot_that_a_hung_process_does_not_read_is_not_waited_for(folder: Path) -> None:
    process = ShadowProcess(timeout_s=0.3, pause_s=0.0)
    large = PatientSnapshot(patient_id="x" * (8 << 20))  # more than a socket takes in
    began = time.monotonic()
    with pytest.raises((DeadlineExceeded, ServiceUnavailable)):
        process.predict(folder, large, ())
    assert time.monotonic() - began < 5
    assert process.pid is None


def test_a_process_that_died_is_left_alone_for_a_while(folder: Path, active: Model) -> None:
    process = ShadowProcess(timeout_s=0.01, pause_s=60.0)  # nothing loads in so short a time

    async def go() -> None:
        live = Live(active, shadow=ShadowVersion(SHADOW.ref, folder))
        async with served(live, ShadowScorer(process)) as stub:
            await ask(stub, 5)
            found = await settled(stub, 5)
        assert (found.scored, found.failed, found.dropped) == (0, 1, 4)

    asyncio.run(go())
    assert process.pid is None
