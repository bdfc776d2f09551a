"""What the stores share in one transaction: statements, the keys of patients, pages."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Executable, Row, Select, Table, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

from tumorcast_core.errors import MalformedRequest, PatientNotFound, RecordErased
from tumorcast_gateway.model.records import PageRequest
from tumorcast_gateway.stores.database import told, whole
from tumorcast_gateway.stores.keys import Box, Keyring
from tumorcast_gateway.stores.tables import Moment, patients

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEAL_BYTES = 16


class Session:
    """One transaction on one connection."""

    def __init__(self, connection: AsyncConnection, keyring: Keyring) -> None:
        self._connection = connection
        self.keyring = keyring
        self._boxes: dict[str, Box] = {}
        self.destroyed = False
        """Whether something was destroyed for good: then it must not linger in SQLite's log."""

    @property
    def on_postgresql(self) -> bool:
        """Whether rows are locked one by one; SQLite has one writer at a time."""
        return self._connection.dialect.name == "postgresql"

    async def run(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> CursorResult[Any]:
        """Execute; raises ``StoreUnavailable``."""
        with told():
            return await whole(self._connection.execute(statement, rows))

    async def rows(self, statement: Executable) -> Sequence[Row[Any]]:
        """All rows."""
        return (await self.run(statement)).all()

    async def first(self, statement: Executable) -> Row[Any] | None:
        """The first row."""
        return (await self.run(statement)).first()

    async def one(self, statement: Executable) -> Row[Any]:
        """The one row that must be there."""
        with told():
            return (await self.run(statement)).one()

    def insert_if_new(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that leaves a row of the same key as it is."""
        if self.on_postgresql:
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()

    def know_patient(self, patient: str, wrapped: bytes) -> None:
        """Remember a patient's key until the transaction ends."""
        self._boxes[patient] = self.keyring.patient_box(patient, wrapped)

    async def patient_box(self, patient: str) -> Box:
        """What seals and opens rows of a patient. Raises ``PatientNotFound``, ``RecordErased``."""
        if patient not in self._boxes:
            row = await self.first(select(patients.c.wrapped_key).where(patients.c.id == patient))
            if row is None:
                raise PatientNotFound
            if row.wrapped_key is None:
                raise RecordErased
            self.know_patient(patient, row.wrapped_key)
        return self._boxes[patient]


class Pages:
    """Pages of a list, the newest first; tokens stand for the last row and are good for this list only."""

    def __init__(self, keyring: Keyring, page: PageRequest, *of: str) -> None:
        page.check()
        self.size, self._keyring, self._of = page.size, keyring, of
        self._after = self._read(page.token) if page.token else None

    def newest_first(self, query: Select[Any], table: Table) -> Select[Any]:
        """The page of a query, with one row more where there is a next page."""
        created_at, row_id = table.c.created_at, table.c.id
        if self._after:
            moment, _, last_id = self._after.partition(":")
            after = _EPOCH + timedelta(microseconds=int(moment))
            query = query.where(tuple_(created_at, row_id) < tuple_(literal(after, Moment), literal(last_id)))
        return query.order_by(created_at.desc(), row_id.desc()).limit(self.size + 1)

    def in_order(self, query: Select[Any], position: ColumnElement[Any]) -> Select[Any]:
        """The page of a query by position, with one row more where there is a next page."""
        if self._after:
            query = query.where(position > int(self._after))
        return query.order_by(position).limit(self.size + 1)

    def after_row(self, rows: Sequence[Row[Any]]) -> str:
        """The token of the next page of ``newest_first``; empty: there is none."""
        if len(rows) <= self.size:
            return ""
        last = rows[self.size - 1]
        return self._write(f"{(last.created_at - _EPOCH) // timedelta(microseconds=1)}:{last.id}")

    def after_position(self, rows: Sequence[Row[Any]]) -> str:
        """The token of the next page of ``in_order``; empty: there is none."""
        return self._write(str(rows[self.size - 1].position)) if len(rows) > self.size else ""

    def _write(self, place: str) -> str:
        return base64.urlsafe_b64encode(self._seal(place) + place.encode()).rstrip(b"=").decode()

    def _read(self, token: str) -> str:
        try:
            data = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
            place = data[_SEAL_BYTES:].decode()
        except (binascii.Error, ValueError):
            _refuse()
        if not hmac.compare_digest(data[:_SEAL_BYTES], self._seal(place)):
            _refuse()
        return place

    def _seal(self, place: str) -> bytes:
        return self._keyring.digest("page", *self._of, place)[:_SEAL_BYTES]


def _refuse() -> NoReturn:
    raise MalformedRequest("page_token is not one that this list gave.")
