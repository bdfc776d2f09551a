"""Asks the extractors, all at once; one that fails leaves a gap and its reason, the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tumorcast_core.dates import is_after
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, TumorcastError
from tumorcast_core.prognosis import ModelSummary
from tumorcast_core.query import Query
from tumorcast_core.snapshot import Extraction, Issue, Severity, Timepoint
from tumorcast_core.telemetry import metrics
from tumorcast_gateway.model.ports import Ports

AFTER_INDEX_DATE = "AFTER_INDEX_DATE"
TIMEPOINT_NOT_READ = "TIMEPOINT_NOT_READ"


class Origin(StrEnum):
    """Who noticed an issue; fusion derives from it which input groups suffered."""

    IMAGING = "imaging"
    CLINICAL = "clinical"
    NOTES = "notes"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one source: an extraction, possibly empty but for an issue, and the error that emptied it."""

    origin: Origin
    extraction: Extraction = field(default_factory=Extraction)
    timepoint: Timepoint | None = None
    error: TumorcastError | None = None

    def issue(self, severity: Severity, code: str, message: str) -> Issue:
        """Make an issue about this source."""
        return Issue(
            severity, code, message, origin=self.origin, timepoint=self.timepoint.role if self.timepoint else ""
        )

    def noting(self, *issues: Issue) -> Reading:
        """Add issues."""
        return replace(self, extraction=replace(self.extraction, issues=(*self.extraction.issues, *issues)))


async def read_sources(query: Query, model: ModelSummary, ports: Ports, deadline: Deadline) -> tuple[Reading, ...]:
    """Read every source of the query in parallel: images by timepoint, then the record, then the documents.

    Images are not read where the model reads none or where they are dated after the index date.
    """
    unread = [r for t in query.timepoints if t.study_instance_uid and (r := _not_worth_reading(t, query, model))]
    skipped = {reading.timepoint for reading in unread}
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_read_images(t, model, ports, deadline))
            for t in query.timepoints
            if t.study_instance_uid and t not in skipped
        ]
        if query.record:
            facts = ports.clinical.extract_features(query.record, query.index_date, deadline)
            tasks.append(group.create_task(_read(Reading(Origin.CLINICAL), facts, deadline)))
        if query.documents:
            notes = ports.notes.encode_notes(query.documents, query.index_date, deadline)
            tasks.append(group.create_task(_read(Reading(Origin.NOTES), notes, deadline)))
    return (*unread, *(task.result() for task in tasks))


async def _read_images(timepoint: Timepoint, model: ModelSummary, ports: Ports, deadline: Deadline) -> Reading:
    """Ask for what the model reads of them and no more."""
    found = ports.imaging.encode_study(timepoint, deadline, model.wanted_of_images(timepoint.role))
    return await _read(Reading(Origin.IMAGING, timepoint=timepoint), found, deadline)


def _not_worth_reading(timepoint: Timepoint, query: Query, model: ModelSummary) -> Reading | None:
    reading = Reading(Origin.IMAGING, timepoint=timepoint)
    if is_after(timepoint.date, query.index_date):
        message = "The images are dated after the index date and were not used."
        return reading.noting(reading.issue(Severity.ERROR, AFTER_INDEX_DATE, message))
    if not model.reads_images_of(timepoint.role):
        message = "The model reads no images of a timepoint of this role."
        return reading.noting(reading.issue(Severity.WARNING, TIMEPOINT_NOT_READ, message))
    return None


async def _read(reading: Reading, work: Awaitable[Extraction], deadline: Deadline) -> Reading:
    try:
        async with asyncio.timeout(deadline.timeout_s):
            return _stamped(replace(reading, extraction=await work))
    except TimeoutError:
        return _failed(reading, DeadlineExceeded(f"The {reading.origin} service did not answer before the deadline."))
    except TumorcastError as e:
        return _failed(reading, e)


def _failed(reading: Reading, error: TumorcastError) -> Reading:
    metrics.tell_source_failure(reading.origin, error.reason)
    return replace(reading, error=error).noting(reading.issue(Severity.ERROR, error.reason, error.message))


def _stamped(reading: Reading) -> Reading:
    """Say on every issue where it came from, as fusion tells input groups apart by it."""
    role = reading.timepoint.role if reading.timepoint else ""
    issues = tuple(
        replace(issue, origin=issue.origin or reading.origin, timepoint=issue.timepoint or role)
        for issue in reading.extraction.issues
    )
    return replace(reading, extraction=replace(reading.extraction, issues=issues))
