"""Records to keep in a database of the gateway, and tests that run on any such database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from support.full_prognosis import FULL
from tumorcast_core.query import Document, Query
from tumorcast_core.snapshot import Embedding, Feature, Modality, PatientSnapshot
from tumorcast_gateway.model.records import Job, PredictionRecord, new_id
from tumorcast_gateway.stores import Secrets, SqlStores

SECRETS = Secrets([bytes(range(32))])
START = datetime(2026, 3, 4, 5, 6, 7, 891011, tzinfo=UTC)
PATIENT_ID = "MRN-40-71-99"
NOTE = b"HISTORY: denies pain since the ides of march."


def stored(test: Callable[[Any, SqlStores], Awaitable[None]]) -> Callable[[Any, str], None]:
    """A test of open stores, for the database at the fixture ``url``."""

    def on_database(self: Any, url: str) -> None:
        async def opened() -> None:
            async with SqlStores(url, SECRETS) as stores:
                await test(self, stores)

        asyncio.run(opened())

    on_database.__name__, on_database.__doc__ = test.__name__, test.__doc__  # type: ignore[attr-defined]
    return on_database


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def snapshot() -> PatientSnapshot:
    """What no rounding survives: a third in double, a vector in half precision, text."""
    vector = np.array([[1 / 3, -(2.0**-14)], [65504.0, 0.1]], dtype=np.float16)
    features = (Feature("albumin", 1 / 3, "g/L", effective="2026-03-01"), Feature("stage", "IIIB", source="note"))
    embedding = Embedding("encoder@1", vector, Modality.IMAGING, "baseline")
    return PatientSnapshot(PATIENT_ID, "2026-03-04", features, (embedding,))


def prediction(patient: str, created_at: datetime = START, **changes: Any) -> PredictionRecord:
    prognosis_id = changes.pop("prognosis_id", "") or new_id()
    model = replace(FULL.model, name=changes.pop("model", FULL.model.name))
    prognosis = replace(FULL, prognosis_id=prognosis_id, model=model)
    return PredictionRecord(prognosis_id, patient, created_at, (90.5, 365.25), "1.2+abc", snapshot(), prognosis)


def query(patient_id: str = PATIENT_ID) -> Query:
    return Query("hcc", patient_id, fhir=b'{"resourceType":"Bundle"}', documents=(Document("1", "", "", NOTE),))


def job(created_at: datetime = START, total: int = 1) -> Job:
    return Job(new_id(), created_at, total)


async def kept(stores: SqlStores, patient_id: str = PATIENT_ID, created_at: datetime = START, **changes: Any) -> str:
    """Keep a prediction and return its id."""
    async with stores.transaction() as tx:
        record = prediction(await tx.patients.ensure(patient_id), created_at, **changes)
        await tx.predictions.add(record)
    return record.prognosis_id


async def accepted(stores: SqlStores, queries: int, created_at: datetime = START, owner: str = "issuer me") -> Job:
    """Keep a job of so many queries."""
    async with stores.transaction() as tx:
        made = job(created_at, queries)
        items = [(await tx.patients.ensure(f"{PATIENT_ID}-{i}"), query()) for i in range(queries)]
        await tx.jobs.add(made, owner, items)
    return made
