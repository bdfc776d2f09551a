"""The same on PostgreSQL as on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from support.postgres import Postgres, running_postgres
from support.store_audit_suite import AuditSuite, UpkeepSuite
from support.store_job_suite import IdempotencySuite, JobSuite
from support.store_suite import PatientSuite, PredictionSuite, SealSuite
from tumorcast_gateway.stores import migrate

pytestmark = pytest.mark.debian


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def template(postgres: Postgres) -> str:
    """The name of a migrated database, to copy."""
    url = postgres.new_database()
    asyncio.run(migrate(url))
    return url.rpartition("/")[2]


@pytest.fixture
def url(postgres: Postgres, template: str) -> str:
    return postgres.new_database(template)


class TestPredictions(PredictionSuite): ...


class TestPatients(PatientSuite): ...


class TestSeals(SealSuite): ...


class TestJobs(JobSuite): ...


class TestIdempotencyKeys(IdempotencySuite): ...


class TestAudit(AuditSuite): ...


class TestUpkeep(UpkeepSuite): ...
