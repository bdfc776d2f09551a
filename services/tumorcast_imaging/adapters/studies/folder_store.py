"""Studies in a folder: ``root/<study instance UID>/<SOP instance UID>.dcm``.

A file becomes visible only when it is complete and on disk, so that a crash leaves no half of one; it is acknowledged
only when its name is on disk too. Storing the same instance again changes nothing, and nothing replaces a stored one.
UIDs are digits and dots only, so no path leaves the root.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from tumorcast_core.errors import InstanceConflict, StudyNotFound
from tumorcast_imaging.adapters.studies.disk import disk_errors, publish, same_content, sync_folder
from tumorcast_imaging.adapters.studies.spool import Incoming, Spool, add
from tumorcast_imaging.dicom.header import UID
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.model.ports import Instance, StoredInstance

INCOMING = ".incoming"
MIN_FREE_BYTES = 64 << 20


class FolderStudyStore:
    """Studies in one folder of this machine; ``min_free_bytes`` of its disk always stay free."""

    def __init__(
        self, root: str | Path, *, limits: Limits = DEFAULT_LIMITS, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        self._root = Path(root)
        self._spool = Spool(self._root / INCOMING, limits, min_free_bytes)

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """Every complete file of the study, sorted; raises ``StudyNotFound``."""
        if not UID.fullmatch(study_instance_uid):
            raise StudyNotFound
        found = tuple(sorted((self._root / study_instance_uid).glob("*.dcm")))
        if not found:
            raise StudyNotFound
        return found

    def add(self, source: str | Path | bytes | BinaryIO) -> StoredInstance:
        """Store one DICOM file, given by path, content or open file.

        Raises ``NotDicom``, ``PayloadTooLarge``, ``ResourceExhausted``, or ``InstanceConflict`` if another file already
        has its UID.
        """
        return add(self, source)

    def receive(self, expected_bytes: int = 0) -> Incoming:
        """Start to receive one file in pieces; leave it by ``commit()`` or ``abort()``, or use it as a context."""
        return self._spool.receive(self._keep, expected_bytes)

    def _keep(self, path: Path, instance: Instance) -> bool:
        folder = self._root / instance.study_instance_uid
        target = folder / f"{instance.sop_instance_uid}.dcm"
        with disk_errors():
            folder.mkdir(exist_ok=True)
            new = publish(path, target)
            if not new and not same_content(path, target):
                raise InstanceConflict
            sync_folder(folder)  # also of one that was there: whoever put it may not have come so far yet
            sync_folder(self._root)
        return new
