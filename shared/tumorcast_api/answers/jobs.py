"""Jobs and patients."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from tumorcast_api.answers.base import Answer, ReasonAnswer
from tumorcast_api.answers.records import NEXT

JobState = Literal["queued", "running", "completed", "cancelled"]


class JobAnswer(Answer):
    """A batch of queries. Once accepted it survives the death of any process."""

    job_id: str
    created_at: AwareDatetime
    state: JobState = Field(description="completed: all of it is done, single queries may have failed")
    total: int = Field(description="queries in it")
    answered: int = Field(description="queries that were answered")
    failed: int = Field(description="queries that failed; their results say why")


class JobsAnswer(Answer):
    """One page of jobs."""

    jobs: list[JobAnswer] = Field(description="yours, the newest first")
    next_page_token: str = Field(description=NEXT)


class JobResultAnswer(Answer):
    """What became of one query of a batch; neither id nor error: it waits, or was cancelled."""

    position: int = Field(description="position of the query, from 0")
    prognosis_id: str = Field(description="id of the stored prognosis; empty: there is none")
    error: ReasonAnswer | None = Field(description="why it failed; null: it did not")


class JobResultsAnswer(Answer):
    """One page of results."""

    results: list[JobResultAnswer] = Field(description="by position")
    next_page_token: str = Field(description=NEXT)


class PatientAnswer(Answer):
    """A patient by the id that is made here."""

    patient: str = Field(description="opaque id, for lists and for erasure")
    prognoses: int = Field(description="stored prognoses of the patient")


class ErasureAnswer(Answer):
    """What was erased."""

    prognoses: int = Field(description="stored prognoses that nobody can read again")
