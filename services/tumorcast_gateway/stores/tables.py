"""The tables. What is about a patient's health or identity stands in sealed columns (``LargeBinary``) only.

``migrations/`` makes them; a test compares the two on every database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    TypeDecorator,
)

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
metadata = MetaData(naming_convention=NAMES)


class Moment(TypeDecorator[datetime]):
    """A time with its zone, kept in UTC; SQLite's text sorts as the time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _id(name: str = "id") -> Column[Any]:
    return Column(name, String(32), primary_key=True)


system_keys = Table(
    "system_keys",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)

patients = Table(
    "patients",
    metadata,
    _id(),
    Column("created_at", Moment, nullable=False),
    Column("lookup", LargeBinary, unique=True),
    Column("wrapped_key", LargeBinary),
    Column("erased_at", Moment),
)

predictions = Table(
    "predictions",
    metadata,
    _id(),
    Column("patient", String(32), ForeignKey("patients.id"), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("model_name", String, nullable=False),
    Column("model_version", String, nullable=False),
    Column("model_sha256", String, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("code_version", String, nullable=False),
    Column("horizons_days", JSON, nullable=False),
    Column("snapshot", LargeBinary),
    Column("prognosis", LargeBinary),
)
Index(None, predictions.c.created_at, predictions.c.id)
Index(None, predictions.c.patient, predictions.c.created_at)

remarks = Table(
    "remarks",
    metadata,
    _id(),
    Column("prognosis_id", String(32), ForeignKey("predictions.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("content", LargeBinary),
)
Index(None, remarks.c.prognosis_id, remarks.c.created_at)

studies = Table(
    "studies",
    metadata,
    _id(),
    Column("created_at", Moment, nullable=False),
    Column("lookup", LargeBinary, nullable=False, unique=True),
    Column("uid", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    Column("created_at", Moment, nullable=False),
    Column("owner_lookup", LargeBinary, nullable=False),
    Column("owner", LargeBinary, nullable=False),
    Column("total", Integer, nullable=False),
)
Index(None, jobs.c.owner_lookup, jobs.c.created_at)

job_queries = Table(
    "job_queries",
    metadata,
    Column("job_id", String(32), ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("created_at", Moment, nullable=False),
    Column("patient", String(32), ForeignKey("patients.id"), nullable=False),
    Column("state", String(9), nullable=False),
    Column("query", LargeBinary),
    Column("worker", String),
    Column("lease_until", Moment),
    Column("attempt", Integer, nullable=False),
    Column("prognosis_id", String(32), nullable=False),
    Column("error_code", String, nullable=False),
    Column("error_message", String, nullable=False),
)
Index(None, job_queries.c.state, job_queries.c.created_at, job_queries.c.job_id, job_queries.c.position)
Index(None, job_queries.c.patient)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("lookup", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("object_id", String(32), nullable=False),
    Column("expires_at", Moment, nullable=False),
)
Index(None, idempotency_keys.c.expires_at)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("action", String, nullable=False),
    Column("object_kind", String, nullable=False),
    Column("object_id", String, nullable=False),
    Column("patient", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("actor", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
