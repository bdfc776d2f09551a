"""Answered queries, their snapshots and prognoses sealed under the key of the patient."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from tumorcast.common.v1 import prognosis_pb2, snapshot_pb2
from tumorcast_core import wire
from tumorcast_core.errors import PrognosisNotFound, RecordErased
from tumorcast_core.prognosis import ModelRef
from tumorcast_gateway.model.records import Page, PageRequest, PredictionRecord, PredictionSummary
from tumorcast_gateway.stores.keys import Box
from tumorcast_gateway.stores.session import Pages, Session
from tumorcast_gateway.stores.tables import patients, predictions, remarks

_SUMMARY = (
    predictions.c.id,
    predictions.c.patient,
    predictions.c.created_at,
    predictions.c.model_name,
    predictions.c.model_version,
    predictions.c.model_sha256,
    predictions.c.simulated,
    predictions.c.prognosis.is_(None).label("erased"),
)


class SqlPredictions:
    """Implements ``model.stores.Predictions``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, record: PredictionRecord) -> None:
        """Keep a record. Raises ``PatientNotFound``, ``RecordErased``."""
        box = await self._session.patient_box(record.patient)
        snapshot = wire.snapshot_to(record.snapshot).SerializeToString()
        prognosis = wire.prognosis_to(record.prognosis).SerializeToString()
        model = record.prognosis.model
        values = {
            "id": record.prognosis_id,
            "patient": record.patient,
            "created_at": record.created_at,
            "model_name": model.name,
            "model_version": model.version,
            "model_sha256": model.sha256,
            "simulated": record.prognosis.simulated,
            "code_version": record.code_version,
            "horizons_days": list(record.horizons_days),
            "snapshot": box.seal(snapshot, _place(record.prognosis_id, "snapshot")),
            "prognosis": box.seal(prognosis, _place(record.prognosis_id, "prognosis")),
        }
        await self._session.run(insert(predictions), [values])

    async def get(self, prognosis_id: str) -> PredictionRecord:
        """Read a record."""
        row = await self._session.first(select(predictions).where(predictions.c.id == prognosis_id))
        if row is None:
            raise PrognosisNotFound
        if row.prognosis is None:
            raise RecordErased
        return _record(row, await self._session.patient_box(row.patient))

    async def list(self, page: PageRequest, *, patient: str = "", model: str = "") -> Page[PredictionSummary]:
        """The newest first."""
        pages = Pages(self._session.keyring, page, "predictions", patient, model)
        query = select(*_SUMMARY)
        if patient:
            query = query.where(predictions.c.patient == patient)
        if model:
            query = query.where(predictions.c.model_name == model.replace("\0", "\ufffd"))  # PostgreSQL takes no NUL
        rows = await self._session.rows(pages.newest_first(query, predictions))
        return Page(tuple(map(_summary, rows[: pages.size])), pages.after_row(rows))

    async def expire(self, before: datetime) -> int:
        """Destroy what was sealed of records made before, and of what was said of them."""
        old = (predictions.c.created_at < before, predictions.c.prognosis.is_not(None))
        of_old = select(predictions.c.id).where(*old)
        await self._session.run(update(remarks).where(remarks.c.prognosis_id.in_(of_old)).values(content=None))
        gone = await self._session.run(update(predictions).where(*old).values(snapshot=None, prognosis=None))
        self._session.destroyed |= gone.rowcount > 0
        return int(gone.rowcount)


async def box_of(session: Session, prognosis_id: str) -> Box:
    """The key under which what is said of a prognosis is sealed. Raises ``PrognosisNotFound``, ``RecordErased``."""
    query = select(predictions.c.patient, predictions.c.prognosis.is_(None).label("erased"), patients.c.wrapped_key)
    query = query.join(patients, patients.c.id == predictions.c.patient).where(predictions.c.id == prognosis_id)
    row = await session.first(query)
    if row is None:
        raise PrognosisNotFound
    if row.erased or row.wrapped_key is None:
        raise RecordErased
    session.know_patient(row.patient, row.wrapped_key)
    return await session.patient_box(row.patient)


def _place(prognosis_id: str, column: str) -> str:
    return f"predictions/{prognosis_id}/{column}"


def _model(row: Row[Any]) -> ModelRef:
    return ModelRef(row.model_name, row.model_version, row.model_sha256)


def _summary(row: Row[Any]) -> PredictionSummary:
    return PredictionSummary(row.id, row.patient, row.created_at, _model(row), row.simulated, row.erased)


def _record(row: Row[Any], box: Box) -> PredictionRecord:
    snapshot = box.open(row.snapshot, _place(row.id, "snapshot"))
    prognosis = box.open(row.prognosis, _place(row.id, "prognosis"))
    return PredictionRecord(
        row.id,
        row.patient,
        row.created_at,
        tuple(row.horizons_days),
        row.code_version,
        wire.snapshot_from(snapshot_pb2.PatientSnapshot.FromString(snapshot)),
        wire.prognosis_from(prognosis_pb2.Prognosis.FromString(prognosis)),
    )
