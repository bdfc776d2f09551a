"""Jobs, idempotency keys, audit log and upkeep on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.store_audit_suite import AuditSuite, UpkeepSuite
from support.store_job_suite import IdempotencySuite, JobSuite


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records/gateway.db"


class TestJobs(JobSuite): ...


class TestIdempotencyKeys(IdempotencySuite): ...


class TestAudit(AuditSuite): ...


class TestUpkeep(UpkeepSuite): ...
