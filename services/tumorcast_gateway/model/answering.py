"""One query, start to end: check it, read its sources, merge them, ask the model."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    NoInput,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.prognosis import InputStatus, Prognosis
from tumorcast_core.query import Query
from tumorcast_core.snapshot import PatientSnapshot, Severity
from tumorcast_gateway.model.merging import images_only_of, merge
from tumorcast_gateway.model.ports import Ports
from tumorcast_gateway.model.reading import Reading, read_sources

log = logging.getLogger(__name__)

FUSION_RESERVE_S = 2.0
"""Seconds that the sources leave to the model, or a fifth of what is left where that is less."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """The answer to a query, and the snapshot that it was made of."""

    prognosis: Prognosis
    snapshot: PatientSnapshot


async def answer_query(query: Query, ports: Ports, deadline: Deadline, only_patient: str | None = None) -> Answered:
    """Answer a query from whatever of its sources can be read in time; what is missing is said in ``issues``.

    Images of another patient than ``only_patient`` are not used, nor those that name none; ``None``: of anyone.

    Raises ``MalformedRequest``, ``NoInput``, ``PayloadTooLarge``, ``UnknownModel``, ``HorizonOutOfRange``; where no
    source at all could be read, the error of one of them; ``ServiceUnavailable`` and ``ResourceExhausted`` of
    fusion; ``DeadlineExceeded``.
    """
    query.check()
    try:
        async with asyncio.timeout(deadline.timeout_s):
            model = await ports.fusion.get_model(query.model, deadline)  # first: images are dear, a wrong name is cheap
            readings = await read_sources(query, model, ports, deadline.reserve(FUSION_RESERVE_S))
            if only_patient is not None:
                readings = tuple(images_only_of(only_patient, reading) for reading in readings)
            snapshot = merge(query, readings)
            if not snapshot.features and not snapshot.embeddings:
                raise _nothing_usable(snapshot, readings)
            prognosis = await ports.fusion.predict_prognosis(query.model, snapshot, query.horizons_days, deadline)
    except TimeoutError as e:
        raise DeadlineExceeded from e
    prognosis_id = logs.request_id.get() or uuid.uuid4().hex
    used = [use.group for use in prognosis.inputs if use.status is InputStatus.USED]
    log.info("prognosis %s by %s %s from %s", prognosis_id, prognosis.model.name, prognosis.model.version, used)
    return Answered(replace(prognosis, prognosis_id=prognosis_id), snapshot)


def _nothing_usable(snapshot: PatientSnapshot, readings: Iterable[Reading]) -> TumorcastError:
    """Choose the error to tell where nothing is left to predict from; one that trying again may cure comes first."""
    errors = [reading.error for reading in readings if reading.error]
    passing = [e for e in errors if isinstance(e, ServiceUnavailable | ResourceExhausted | DeadlineExceeded)]
    if errors:
        return (passing or errors)[0]
    told = [issue for issue in snapshot.issues if issue.severity is not Severity.INFORMATION]
    codes = sorted({f"{issue.code} ({issue.origin})" for issue in told})
    return NoInput(f"Nothing that was given can be used{': ' * bool(codes)}{', '.join(codes)}.")
