"""Studies: stored, and read as far as imaging measures them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import StudyNotFound
from tumorcast_core.snapshot import Feature, Issue, MeasuredLesion, Timepoint, WantedOfImages
from tumorcast_gateway.model.caller import Caller, Permission
from tumorcast_gateway.model.desk.context import Context
from tumorcast_gateway.model.upload import Piece, Upload


@dataclass(frozen=True, slots=True)
class StudyReading:
    """What imaging reads of one study."""

    study_id: str
    study_instance_uid: str = field(repr=False)
    date: str = field(repr=False)
    features: tuple[Feature, ...] = field(repr=False)
    lesions: tuple[MeasuredLesion, ...] = field(repr=False)
    issues: tuple[Issue, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an upload, and the opaque id of each study in it, in the same order."""

    upload: Upload
    study_ids: tuple[str, ...]


class Studies:
    """What callers do with studies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def upload(self, caller: Caller, pieces: AsyncIterator[Piece], deadline: Deadline) -> Stored:
        """Store DICOM files, streamed to imaging; callers of one patient may not."""
        async with self._context.doing(caller, "study.store", "study", permission=Permission.WRITE) as deed:
            caller.require_all_patients()
            with self._context.admission.one():
                upload = await self._context.uploads.upload_study(pieces, deadline)
            async with self._context.stores.transaction() as tx:
                ids = [(await tx.studies.ensure(s.study_instance_uid)).study_id for s in upload.studies]
                for study_id in ids:
                    deed.about(study_id)
                    await deed.done(tx)
        return Stored(upload, tuple(ids))

    async def get(self, caller: Caller, study_id: str, deadline: Deadline) -> StudyReading:
        """Read one study: lesions, measurements, doubts. A study of another patient is as if there were none."""
        async with self._context.doing(caller, "study.read", "study", study_id, Permission.READ) as deed:
            async with self._context.stores.transaction() as tx:
                study = await tx.studies.get(study_id)
                await deed.done(tx)
            timepoint = Timepoint("", study_instance_uid=study.study_instance_uid)
            with self._context.admission.one():
                found = await self._context.ports.imaging.encode_study(timepoint, deadline, WantedOfImages())
            if caller.patient_id is not None and found.patient_id != caller.patient_id:
                raise StudyNotFound
        return StudyReading(study_id, study.study_instance_uid, found.date, found.features, found.lesions, found.issues)
