"""What the gateway keeps: predictions, what is said of them later, studies, jobs, and who did what."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from tumorcast_core.errors import MalformedRequest
from tumorcast_core.prognosis import ModelRef, Prognosis, Reason
from tumorcast_core.query import Query
from tumorcast_core.snapshot import PatientSnapshot

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200
MAX_COMMENT_CHARACTERS = 10_000

Clock = Callable[[], datetime]
_Item = TypeVar("_Item")


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """An opaque id."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list: at most ``size`` items after what ``token`` stands for."""

    size: int = DEFAULT_PAGE_SIZE
    token: str = ""

    def check(self) -> None:
        """Raise ``MalformedRequest`` for a size out of bounds; a bad token the store finds."""
        if not 1 <= self.size <= MAX_PAGE_SIZE:
            raise MalformedRequest(f"page_size must be 1 to {MAX_PAGE_SIZE}.")


@dataclass(frozen=True, slots=True)
class Page(Generic[_Item]):
    """One page of a list; an empty ``next_token`` says that it is the last."""

    items: tuple[_Item, ...]
    next_token: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PredictionRecord:
    """One answered query: what went into the model and what came out. ``patient`` is the opaque id."""

    prognosis_id: str
    patient: str
    created_at: datetime
    horizons_days: tuple[float, ...]
    code_version: str
    snapshot: PatientSnapshot = field(repr=False)
    prognosis: Prognosis = field(repr=False)


@dataclass(frozen=True, slots=True)
class PredictionSummary:
    """A record in a list: nothing about the patient's health."""

    prognosis_id: str
    patient: str
    created_at: datetime
    model: ModelRef
    simulated: bool
    erased: bool = False


class Decision(StrEnum):
    """What the reader of a prognosis decided."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"
    DEFERRED = "deferred"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader says of one prognosis; ``comment`` may hold patient data and is stored encrypted."""

    prognosis_id: str
    decision: Decision
    reason_code: str = ""
    comment: str = field(default="", repr=False)
    feedback_id: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the patient, for one endpoint; ``time_days`` counts from the index date."""

    prognosis_id: str
    endpoint_id: str
    occurred: bool | None = None
    category: str = ""
    time_days: float | None = None
    value: float | None = None
    outcome_id: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study that was stored through this gateway."""

    study_id: str
    study_instance_uid: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PatientRef:
    """A patient by the id that is made here."""

    patient: str
    prognoses: int


@dataclass(frozen=True, slots=True)
class WrittenResource:
    """One resource on the EHR: ``reference`` is its ``Type/id`` there, ``created``: it was not there before."""

    kind: str
    reference: str = field(repr=False)
    created: bool


@dataclass(frozen=True, slots=True)
class WrittenBack:
    """A prognosis on the EHR."""

    prognosis_id: str
    resources: tuple[WrittenResource, ...]


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """A batch of queries."""

    job_id: str
    created_at: datetime
    total: int
    answered: int = 0
    failed: int = 0
    state: JobState = JobState.QUEUED


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of one query of a job: a prognosis, an error, or nothing yet."""

    position: int
    prognosis_id: str = ""
    error: Reason | None = None


@dataclass(frozen=True, slots=True)
class JobTask:
    """One query of a job, leased to a worker: no other gets it before the lease is over."""

    job_id: str
    position: int
    query: Query = field(repr=False)
    owner: str = field(repr=False)
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which object, and how it ended. ``reason`` is the code of the error that refused or ended it."""

    action: str
    object_kind: str = ""
    object_id: str = ""
    patient: str = ""
    reason: str = ""
    subject: str = field(default="", repr=False)
    client_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    request_id: str = ""
    at: datetime | None = None
