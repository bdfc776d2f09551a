"""What the gateway needs of its database. SQL serves it; every method raises Tumorcast errors only.

All that is done in one ``transaction`` becomes true together or not at all. Rows of patients are encrypted under the
patient's own key: once it is destroyed, what reads them raises ``RecordErased``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from tumorcast_core.prognosis import Reason
from tumorcast_core.query import Query
from tumorcast_gateway.model.records import (
    AuditEntry,
    Feedback,
    Job,
    JobResult,
    JobTask,
    Outcome,
    Page,
    PageRequest,
    PredictionRecord,
    PredictionSummary,
    StudyRecord,
)


class Patients(Protocol):
    """Opaque ids and keys of patients."""

    async def find(self, patient_id: str) -> str | None:
        """The opaque id of a patient by the caller's; ``None``: unknown or erased."""

    async def ensure(self, patient_id: str) -> str:
        """The opaque id, made with a key where there is none; every call with ``""`` makes a new patient."""

    async def count(self, patient: str) -> int:
        """Stored prognoses of a patient; raises ``PatientNotFound``, ``RecordErased``."""

    async def erase(self, patient: str) -> int:
        """Destroy the key and the way from the caller's id; returns ``count``. Raises as ``count`` does."""


class Predictions(Protocol):
    """Answered queries."""

    async def add(self, record: PredictionRecord) -> None: ...

    async def get(self, prognosis_id: str) -> PredictionRecord:
        """Raises ``PrognosisNotFound``, ``RecordErased``."""

    async def list(self, page: PageRequest, *, patient: str = "", model: str = "") -> Page[PredictionSummary]:
        """The newest first. Raises ``MalformedRequest`` for a token that is none."""

    async def expire(self, before: datetime) -> int:
        """Retention: make records made before unreadable for good, with their feedback; returns how many."""


class Remarks(Protocol):
    """Feedback and outcomes, the oldest first."""

    async def add_feedback(self, feedback: Feedback) -> None: ...

    async def feedback(self, prognosis_id: str) -> tuple[Feedback, ...]: ...

    async def add_outcome(self, outcome: Outcome) -> None: ...

    async def outcomes(self, prognosis_id: str) -> tuple[Outcome, ...]: ...


class Studies(Protocol):
    """Studies stored through this gateway; the UID is encrypted, and found by a keyed digest."""

    async def ensure(self, study_instance_uid: str) -> StudyRecord: ...

    async def get(self, study_id: str) -> StudyRecord:
        """Raises ``StudyNotFound``."""


class Jobs(Protocol):
    """Batches, their queries and what became of them."""

    async def add(self, job: Job, owner: str, queries: Sequence[tuple[str, Query]]) -> None:
        """Keep a job with its queries, each with the opaque id of its patient."""

    async def get(self, job_id: str) -> tuple[Job, str]:
        """A job and its owner; raises ``JobNotFound``."""

    async def list(self, page: PageRequest, owner: str) -> Page[Job]: ...

    async def results(self, job_id: str, page: PageRequest) -> Page[JobResult]: ...

    async def cancel(self, job_id: str) -> None:
        """Cancel a queued or running job."""

    async def claim(self, worker: str, limit: int, lease: timedelta, at: datetime) -> tuple[JobTask, ...]:
        """Lease waiting queries, and those whose lease is over, the oldest job first."""

    async def renew(self, worker: str, lease: timedelta, at: datetime) -> None:
        """Extend every lease of a worker that has not gone to another."""

    async def finish(self, task: JobTask, worker: str, prognosis_id: str = "", error: Reason | None = None) -> bool:
        """Keep what became of a query; ``False``, and nothing kept, where the lease has gone to another."""

    async def release(self, task: JobTask, worker: str) -> None:
        """Give a leased query back, to be tried again."""

    async def counts(self) -> dict[str, int]:
        """Queries by state: waiting, leased, answered, failed, cancelled."""


class IdempotencyKeys(Protocol):
    """Requests that may be repeated: (subject, key) → digest of the request and what it made."""

    async def begin(self, subject: str, key: str, digest: str, until: datetime, at: datetime) -> str:
        """Take a key until then; the id that the first request made, or ``""`` where this is the first.

        Raises ``IdempotencyKeyReused`` for another digest, ``IdempotencyKeyInUse`` while the first is under way.
        """

    async def complete(self, subject: str, key: str, object_id: str, until: datetime) -> None:
        """Keep what the request made, until then."""

    async def abandon(self, subject: str, key: str) -> None:
        """Free a key whose request failed."""


class Audit(Protocol):
    """The hash-chained log; an entry can be appended and never changed."""

    async def append(self, entry: AuditEntry) -> None: ...


class Transaction(Protocol):
    """All of it, in one transaction."""

    @property
    def patients(self) -> Patients: ...
    @property
    def predictions(self) -> Predictions: ...
    @property
    def remarks(self) -> Remarks: ...
    @property
    def studies(self) -> Studies: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...
    @property
    def audit(self) -> Audit: ...


class Stores(Protocol):
    """The database."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin; commits at the end, rolls back on an exception. Raises ``StoreUnavailable``."""

    async def healthy(self) -> bool:
        """Whether it answers."""
