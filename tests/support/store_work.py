"""Two processes that work on one database at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from support.store_records import PATIENT_ID, SECRETS, START, prediction
from tumorcast_gateway.model.records import AuditEntry
from tumorcast_gateway.stores import SqlStores, verify

LEASE = timedelta(minutes=1)
PROGRAM = "import asyncio, sys; from support.store_work import work; asyncio.run(work(*sys.argv[1:]))"


async def work(url: str, worker: str) -> None:
    """Answer queries until there are none, three at once, as the gateway does; prints the positions."""
    done: list[int] = []

    async def answer(stores: SqlStores) -> None:
        while True:
            async with stores.transaction() as tx:
                tasks = await tx.jobs.claim(worker, 1, LEASE, START)
            if not tasks:
                return
            async with stores.transaction() as tx:
                record = prediction(await tx.patients.ensure(PATIENT_ID))
                await tx.predictions.add(record)
                await tx.audit.append(AuditEntry("prognosis.create", "prognosis", record.prognosis_id))
                assert await tx.jobs.finish(tasks[0], worker, record.prognosis_id)
            done.append(tasks[0].position)

    async with SqlStores(url, SECRETS) as stores:
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        await asyncio.gather(*(answer(stores) for _ in range(3)))
    print(json.dumps(done))  # noqa: T201


def two_processes(url: str, queries: int, *, both: bool) -> None:
    """Every query is answered once, by ``both`` of them if so asked, and the chain is whole."""
    tests = str(Path(__file__).parents[1])
    path = [tests, *(entry for entry in sys.path if entry)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {PROGRAM}", url, worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for worker in ("first", "second")
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    shares = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    assert sorted(shares[0] + shares[1]) == list(range(queries))
    assert all(shares) or not both

    async def check() -> None:
        async with SqlStores(url, SECRETS) as stores:
            verdict = await verify(stores)
            assert (verdict.head.sequence, verdict.is_whole) == (queries, True)
            async with stores.transaction() as tx:
                assert (await tx.jobs.counts())["answered"] == queries

    asyncio.run(check())
