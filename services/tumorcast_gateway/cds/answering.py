"""A hook, start to end: is it of a patient of the model's? Then a prognosis is made and kept, and becomes a card."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import dataclass

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    FhirAccessDenied,
    HostNotAllowed,
    MalformedRequest,
    PatientMismatch,
    PatientNotFound,
    PrefetchMissing,
    PrognosisNotFound,
)
from tumorcast_core.prognosis import Prognosis
from tumorcast_core.query import FhirPatient, Query, Record
from tumorcast_core.snapshot import Extraction
from tumorcast_gateway.cds.cards import Beside, Places, card_of
from tumorcast_gateway.cds.documents import CdsCard, CdsCardFeedback
from tumorcast_gateway.cds.drafts import Drafts, read_drafts
from tumorcast_gateway.cds.request import HookCall
from tumorcast_gateway.cds.services import ORDER_SELECT, PATIENT_VIEW, REQUIRED, CdsService, is_about, is_indicated
from tumorcast_gateway.model import ClinicalPort, Desk
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.records import Decision, Feedback

NO_USABLE_INPUT = "NO_USABLE_INPUT"
"""Fusion's reason where a model abstains for want of anything that it reads."""
_OVERRIDE_SYSTEM = "urn:tumorcast:cds-override-reason"


@dataclass(frozen=True, slots=True)
class Manner:
    """How hooks are answered: where cards lead, and whether a record that was not handed over may be fetched."""

    places: Places
    fetch: bool = False


async def answer_call(
    desk: Desk, caller: Caller, service: CdsService, call: HookCall, manner: Manner, deadline: Deadline
) -> list[CdsCard]:
    """The cards; none where the model has nothing to say of the patient, and then nothing is kept either.

    Raises ``MalformedRequest``, ``PrefetchMissing``, ``PatientMismatch``, and what making a prognosis raises.
    """
    caller.require(Permission.PREDICT)
    caller.require_patient(call.patient_id)
    if call.hook != service.hook:
        raise MalformedRequest(f"This service is for the hook {service.hook}.")
    record = _record(call, manner)
    today = desk.context.clock().astimezone().date().isoformat()
    drafts = await _looked_at_first(desk, service, call, record, today, deadline)
    if drafts is None:
        return []
    query = Query(
        service.model.ref.name,
        call.patient_id,
        today,
        fhir=record if isinstance(record, bytes) else b"",
        fhir_server=record if isinstance(record, FhirPatient) else None,
        planned_therapies=drafts.planned,
    )
    prognosis = await desk.prognoses.create(caller, query, deadline)
    if _says_nothing(prognosis, service.hook):
        return []
    wanting = call.prefetch.wanting if isinstance(record, bytes) else {}
    beside = Beside(wanting, None if service.hook == PATIENT_VIEW else drafts)
    return [card_of(prognosis, beside, manner.places)]


async def _looked_at_first(
    desk: Desk, service: CdsService, call: HookCall, record: Record, today: str, deadline: Deadline
) -> Drafts | None:
    """The drafts of a patient whom the model is for, in half the time; ``None`` where it has nothing to say."""
    early = deadline.reserve(deadline.left_s, fraction=0.5)
    clinical = desk.context.ports.clinical
    drafts = Drafts()
    try:
        with desk.context.admission.one():
            async with asyncio.timeout(early.timeout_s):
                if service.hook == ORDER_SELECT:
                    drafts = await read_drafts(call, clinical, today, early)
                    if not is_about(service.model, drafts.features):
                        return None
                extraction = await _extraction(clinical, record, today, early)
    except TimeoutError as e:
        raise DeadlineExceeded from e
    if extraction.patient_id not in ("", call.patient_id):
        raise PatientMismatch
    return drafts if is_indicated(service.model.ref.name, extraction.features) else None


def _says_nothing(prognosis: Prognosis, hook: str) -> bool:
    """Whether nothing could be used, or beside an order nothing is known of treatments; other abstentions are told."""
    if any(endpoint.estimate for endpoint in prognosis.endpoints):
        return hook == ORDER_SELECT and not prognosis.observed_under
    return {reason.code for endpoint in prognosis.endpoints for reason in endpoint.reasons} == {NO_USABLE_INPUT}


def _record(call: HookCall, manner: Manner) -> Record:
    """What was handed over; where too little was, where the clinical service may fetch it by its own credentials."""
    missing = [key for key in REQUIRED if key in call.prefetch.wanting]
    if not missing:
        return call.prefetch.record
    if manner.fetch and call.fhir_server:
        return FhirPatient(call.fhir_server, call.patient_id)
    raise PrefetchMissing(f"Prefetch must hold {' and '.join(missing)}.")


async def _extraction(clinical: ClinicalPort, record: Record, today: str, deadline: Deadline) -> Extraction:
    try:
        return await clinical.extract_features(record, today, deadline)
    except (HostNotAllowed, FhirAccessDenied, PatientNotFound) as e:
        if isinstance(record, FhirPatient):  # "Calling a CDS Service": neither prefetched nor to be had
            raise PrefetchMissing(f"The record was not prefetched and cannot be fetched: {e}") from e
        raise


async def take_feedback(desk: Desk, caller: Caller, feedback: CdsCardFeedback) -> None:
    """Keep what became of a card; the same message sent twice is kept once. Raises ``PrognosisNotFound``."""
    try:
        prognosis_id = uuid.UUID(feedback.card).hex
    except ValueError as e:
        raise PrognosisNotFound("There is no card of that uuid.") from e
    override, reason = feedback.override_reason, feedback.override_reason and feedback.override_reason.reason
    code = ""
    if reason:
        code = reason.code if reason.system == _OVERRIDE_SYSTEM else f"{reason.system}|{reason.code}"
    said = Feedback(
        prognosis_id,
        Decision.ACCEPTED if feedback.outcome == "accepted" else Decision.OVERRIDDEN,
        code,
        override.user_comment if override else "",
    )
    key = hashlib.sha256(feedback.json_bytes()).hexdigest()
    await desk.remarks.add_feedback(caller, said, f"cds-{key}")
