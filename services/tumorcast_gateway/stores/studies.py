"""Studies stored through the gateway: a UID, sealed under the key of the system and found by a keyed digest."""

from __future__ import annotations

from sqlalchemy import select

from tumorcast_core.errors import StudyNotFound
from tumorcast_gateway.model.records import StudyRecord, new_id, now
from tumorcast_gateway.stores.session import Session
from tumorcast_gateway.stores.tables import studies


class SqlStudies:
    """Implements ``model.stores.Studies``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def ensure(self, study_instance_uid: str) -> StudyRecord:
        """The record of a study, made where there is none."""
        keyring, study_id = self._session.keyring, new_id()
        lookup = keyring.digest("study", study_instance_uid)
        values = {
            "id": study_id,
            "created_at": now(),
            "lookup": lookup,
            "uid": keyring.box.seal(study_instance_uid.encode(), _place(study_id)),
        }
        await self._session.run(self._session.insert_if_new(studies).values(values))
        row = await self._session.one(select(studies.c.id).where(studies.c.lookup == lookup))
        return StudyRecord(row.id, study_instance_uid)

    async def get(self, study_id: str) -> StudyRecord:
        """The record of a study by its opaque id."""
        row = await self._session.first(select(studies).where(studies.c.id == study_id))
        if row is None:
            raise StudyNotFound("There is no study of that id.")
        return StudyRecord(row.id, self._session.keyring.box.open(row.uid, _place(row.id)).decode())


def _place(study_id: str) -> str:
    return f"studies/{study_id}/uid"
