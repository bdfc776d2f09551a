"""What is said of a prognosis later: feedback by its reader, outcomes by life."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from tumorcast_core.errors import MalformedRequest, PayloadTooLarge, UnsoundOutcome
from tumorcast_core.prognosis import Endpoint, EndpointKind, Prognosis
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context, record_for
from tumorcast_gateway.model.desk.once import once
from tumorcast_gateway.model.records import MAX_COMMENT_CHARACTERS, Feedback, Outcome, new_id

MAX_CODE_CHARACTERS = 200


class Remarks:
    """Feedback and outcomes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def add_feedback(self, caller: Caller, feedback: Feedback, idempotency_key: str = "") -> Feedback:
        """Keep feedback; raises ``PrognosisNotFound``, ``RecordErased``, ``PayloadTooLarge``."""
        about = "prognosis", feedback.prognosis_id
        await self._context.allow(caller, Permission.WRITE, "feedback.create", *about)
        if len(feedback.comment) > MAX_COMMENT_CHARACTERS or len(feedback.reason_code) > MAX_CODE_CHARACTERS:
            raise PayloadTooLarge("The comment or the reason code is too long.")
        made = replace(feedback, feedback_id=new_id(), created_at=self._context.clock())
        async with once(self._context, caller, idempotency_key, feedback) as first:
            if first.made_before:
                kept = await self._feedback(caller, feedback.prognosis_id)
                return next(f for f in kept if f.feedback_id == first.made_before)
            async with (
                self._context.doing(caller, "feedback.create", *about) as deed,
                self._context.stores.transaction() as tx,
            ):
                deed.about(patient=(await record_for(tx, caller, feedback.prognosis_id)).patient)
                await tx.remarks.add_feedback(made)
                await deed.done(tx)
                await first.done(tx, made.feedback_id)
        return made

    async def feedback(self, caller: Caller, prognosis_id: str) -> tuple[Feedback, ...]:
        """All feedback on one prognosis, the oldest first."""
        return await self._feedback(caller, prognosis_id, Permission.READ)

    async def _feedback(
        self, caller: Caller, prognosis_id: str, permission: Permission | None = None
    ) -> tuple[Feedback, ...]:
        async with (
            self._context.doing(caller, "feedback.list", "prognosis", prognosis_id, permission) as deed,
            self._context.stores.transaction() as tx,
        ):
            deed.about(patient=(await record_for(tx, caller, prognosis_id)).patient)
            await deed.done(tx)
            return await tx.remarks.feedback(prognosis_id)

    async def add_outcome(self, caller: Caller, outcome: Outcome, idempotency_key: str = "") -> Outcome:
        """Keep an outcome; raises ``UnsoundOutcome`` unless it fits its endpoint, and as ``add_feedback`` does."""
        about = "prognosis", outcome.prognosis_id
        await self._context.allow(caller, Permission.WRITE, "outcome.create", *about)
        made = replace(outcome, outcome_id=new_id(), created_at=self._context.clock())
        async with once(self._context, caller, idempotency_key, outcome) as first:
            if first.made_before:
                kept = await self._outcomes(caller, outcome.prognosis_id)
                return next(o for o in kept if o.outcome_id == first.made_before)
            async with (
                self._context.doing(caller, "outcome.create", *about) as deed,
                self._context.stores.transaction() as tx,
            ):
                record = await record_for(tx, caller, outcome.prognosis_id)
                check_outcome(outcome, record.prognosis)
                deed.about(patient=record.patient)
                await tx.remarks.add_outcome(made)
                await deed.done(tx)
                await first.done(tx, made.outcome_id)
        return made

    async def outcomes(self, caller: Caller, prognosis_id: str) -> tuple[Outcome, ...]:
        """All outcomes of one prognosis, the oldest first."""
        return await self._outcomes(caller, prognosis_id, Permission.READ)

    async def _outcomes(
        self, caller: Caller, prognosis_id: str, permission: Permission | None = None
    ) -> tuple[Outcome, ...]:
        async with (
            self._context.doing(caller, "outcome.list", "prognosis", prognosis_id, permission) as deed,
            self._context.stores.transaction() as tx,
        ):
            deed.about(patient=(await record_for(tx, caller, prognosis_id)).patient)
            await deed.done(tx)
            return await tx.remarks.outcomes(prognosis_id)


NEEDED = {
    EndpointKind.BINARY: {"occurred"},
    EndpointKind.TIME_TO_EVENT: {"occurred", "time_days"},
    EndpointKind.COMPETING_RISKS: {"occurred", "time_days"},
    EndpointKind.ORDINAL: {"category"},
    EndpointKind.TRAJECTORY: {"time_days", "value"},
}
"""What an outcome states, by the kind of its endpoint; a cause also where one of competing risks occurred."""


def check_outcome(outcome: Outcome, prognosis: Prognosis) -> None:
    """Raise ``UnsoundOutcome`` or ``MalformedRequest`` unless an outcome fits an endpoint of the prognosis."""
    endpoint = next((e for e in prognosis.endpoints if e.id == outcome.endpoint_id), None)
    if endpoint is None:
        raise UnsoundOutcome("The prognosis has no endpoint of that id.")
    for fault in _faults(outcome, endpoint):
        raise UnsoundOutcome(fault)
    for number in (outcome.time_days, outcome.value):
        if number is not None and not math.isfinite(number):
            raise MalformedRequest("An outcome's numbers must be finite.")


def _faults(outcome: Outcome, endpoint: Endpoint) -> Iterator[str]:
    needed = set(NEEDED[endpoint.kind])
    if endpoint.kind is EndpointKind.COMPETING_RISKS and outcome.occurred:
        needed.add("category")
    given = {
        name
        for name, value in (
            ("occurred", outcome.occurred),
            ("category", outcome.category or None),
            ("time_days", outcome.time_days),
            ("value", outcome.value),
        )
        if value is not None
    }
    if given != needed:
        yield f"An outcome of this {endpoint.kind} endpoint states {', '.join(sorted(needed))} and nothing else."
    if outcome.time_days is not None and outcome.time_days < 0:
        yield "time_days counts from the index date on."
