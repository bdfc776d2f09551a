"""Fills every table, with words that must stand nowhere in clear."""

from __future__ import annotations

from support.store_records import NOTE, PATIENT_ID, START, accepted, kept, minutes
from tumorcast_gateway.model.records import AuditEntry, Decision, Feedback, Outcome
from tumorcast_gateway.stores import SqlStores

STUDY_UID = "2.25.314159265358979"
SECRET_WORDS = (
    PATIENT_ID,
    STUDY_UID,
    NOTE.decode(),
    "albumin",
    "IIIB",
    "2026-03-04",  # the index date
    "overall_survival",
    "hepatic encephalopathy",
    "frail",
    "overridden",
    "dr.who",
    "https://login.example.org",
    "smart-app",
    "idempotency-key-1",
    "digest-of-a-request",
)


async def fill(stores: SqlStores) -> str:
    """Keep one of everything; returns the id of the prognosis."""
    of = await kept(stores, created_at=START + minutes(60 * 24 * 30))
    await accepted(stores, 2, START + minutes(60 * 24 * 30), "https://login.example.org dr.who")
    async with stores.transaction() as tx:
        await tx.studies.ensure(STUDY_UID)
        await tx.remarks.add_feedback(Feedback(of, Decision.OVERRIDDEN, "frail", "hepatic encephalopathy"))
        await tx.remarks.add_outcome(Outcome(of, "overall_survival", True, "", 91.5))
        until = START + minutes(60 * 24 * 60)
        await tx.idempotency.begin("dr.who", "idempotency-key-1", "digest-of-a-request", until, START)
        entry = AuditEntry("prognosis.create", "prognosis", of, subject="dr.who", client_id="smart-app")
        await tx.audit.append(entry)
        await tx.audit.append(AuditEntry("prognosis.read", "prognosis", of, issuer="https://login.example.org"))
    return of
