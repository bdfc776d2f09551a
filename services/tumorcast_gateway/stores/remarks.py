"""What is said of a prognosis later: feedback and outcomes, sealed under the key of the patient."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from tumorcast_gateway.model.records import Decision, Feedback, Outcome, new_id, now
from tumorcast_gateway.stores.predictions import box_of
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import remarks


class SqlRemarks:
    """Implements ``model.stores.Remarks``; reading raises ``PrognosisNotFound``, ``RecordErased``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add_feedback(self, feedback: Feedback) -> None:
        """Keep feedback."""
        content = {
            "decision": str(feedback.decision),
            "reason_code": feedback.reason_code,
            "comment": feedback.comment,
        }
        await self._add("feedback", feedback.feedback_id, feedback.prognosis_id, feedback.created_at, content)

    async def feedback(self, prognosis_id: str) -> tuple[Feedback, ...]:
        """Feedback of a prognosis, the oldest first."""
        return tuple(
            Feedback(
                prognosis_id,
                Decision(content["decision"]),
                content["reason_code"],
                content["comment"],
                row.id,
                row.created_at,
            )
            for row, content in await self._read("feedback", prognosis_id)
        )

    async def add_outcome(self, outcome: Outcome) -> None:
        """Keep an outcome."""
        content = {
            "endpoint_id": outcome.endpoint_id,
            "occurred": outcome.occurred,
            "category": outcome.category,
            "time_days": outcome.time_days,
            "value": outcome.value,
        }
        await self._add("outcome", outcome.outcome_id, outcome.prognosis_id, outcome.created_at, content)

    async def outcomes(self, prognosis_id: str) -> tuple[Outcome, ...]:
        """Outcomes of a prognosis, the oldest first."""
        return tuple(
            Outcome(prognosis_id, **content, outcome_id=row.id, created_at=row.created_at)
            for row, content in await self._read("outcome", prognosis_id)
        )

    async def _add(
        self, kind: str, remark_id: str, prognosis_id: str, created_at: datetime | None, content: dict[str, Any]
    ) -> None:
        box = await box_of(self._session, prognosis_id)
        remark_id = remark_id or new_id()
        values = {
            "id": remark_id,
            "prognosis_id": prognosis_id,
            "kind": kind,
            "created_at": created_at or now(),
            "content": box.seal(json.dumps(content).encode(), _place(kind, remark_id, prognosis_id)),
        }
        await self._session.run(insert(remarks).values(values))

    async def _read(self, kind: str, prognosis_id: str) -> list[tuple[Row[Any], dict[str, Any]]]:
        box = await box_of(self._session, prognosis_id)
        query = select(remarks).where(remarks.c.prognosis_id == prognosis_id, remarks.c.kind == kind)
        rows = await self._session.rows(query.order_by(remarks.c.created_at, remarks.c.id))
        return [(row, json.loads(box.open(row.content, _place(kind, row.id, prognosis_id)))) for row in rows]


def _place(kind: str, remark_id: str, prognosis_id: str) -> str:
    return f"remarks/{remark_id}/content/{kind}/{prognosis_id}"
