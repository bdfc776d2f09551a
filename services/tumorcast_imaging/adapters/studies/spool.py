"""Where files are received, piece by piece and invisible, until they are complete.

A file under way is locked by the process that receives it, so that whatever a killed process left is known at once and
swept, by any process.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from tumorcast_core.errors import NotDicom, PayloadTooLarge, ResourceExhausted, StudyMismatch
from tumorcast_imaging.adapters.studies.disk import disk_errors
from tumorcast_imaging.dicom.header import UID, read_header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.model.ports import Instance, StoredInstance, StudyStore

Keep = Callable[[Path, Instance], bool]
"""Keeps a complete file that is on disk, durably; false if it was kept before."""

_CHUNK = 1 << 20
_STALE_S = 24 * 3600
"""Age of a leftover where the file system knows no locks."""


class Spool:
    """A folder for files under way; ``min_free_bytes`` of its disk always stay free."""

    def __init__(self, folder: Path, limits: Limits, min_free_bytes: int) -> None:
        self._folder, self._limits, self._min_free_bytes = folder, limits, min_free_bytes
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def receive(self, keep: Keep, expected_bytes: int = 0) -> Incoming:
        """Start a file; raises ``ResourceExhausted`` unless there is room for ``expected_bytes``."""
        expected_bytes = min(expected_bytes, self._limits.max_file_bytes)  # what is larger is refused as it comes
        with disk_errors():
            if not self._has_room(expected_bytes):
                self.sweep()
                if not self._has_room(expected_bytes):
                    raise ResourceExhausted("The study store is full.")
            path, file = self._create()
        return Incoming(path, file, self._limits, self._min_free_bytes, keep)

    def sweep(self) -> None:
        """Remove what dead processes left half received."""
        for path in self._folder.iterdir():
            try:
                with path.open("rb") as file:
                    if _locked(file) or time.time() - path.stat().st_mtime > _STALE_S:
                        path.unlink(missing_ok=True)
            except OSError:  # gone meanwhile, or not ours to remove
                continue

    def _has_room(self, wanted_bytes: int) -> bool:
        return _free_bytes(os.statvfs(self._folder)) >= self._min_free_bytes + wanted_bytes

    def _create(self) -> tuple[Path, io.FileIO]:
        """A locked file; another one if a sweep was faster than the lock."""
        while True:
            handle, name = tempfile.mkstemp(dir=self._folder)
            file, path = io.FileIO(handle, "wb"), Path(name)
            _locked(file)
            if path.exists():
                return path, file
            file.close()


class Incoming:
    """One file on its way, invisible until ``commit``. Unbuffered, so that a full disk is told by the write itself."""

    def __init__(self, path: Path, file: io.FileIO, limits: Limits, min_free_bytes: int, keep: Keep) -> None:
        self._path, self._file, self._limits, self._keep = path, file, limits, keep
        self._min_free_bytes = min_free_bytes
        self.size_bytes = 0
        self.instance: Instance | None = None

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def write(self, data: bytes) -> int:
        """Append ``data``; raises ``PayloadTooLarge`` or ``ResourceExhausted``."""
        self.size_bytes += len(data)
        if self.size_bytes > self._limits.max_file_bytes:
            raise PayloadTooLarge("A DICOM file is larger than the limit.")
        with disk_errors():
            if _free_bytes(os.fstatvfs(self._file.fileno())) < self._min_free_bytes + len(data):
                raise ResourceExhausted("The study store is full.")
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        return len(data)

    def commit(self, study_instance_uid: str = "") -> StoredInstance:
        """Check the file, have it on disk and keep it; ``study_instance_uid`` is the study that it must belong to.

        Raises ``NotDicom``, ``StudyMismatch``, ``ResourceExhausted``, and what the store's keeping raises.
        """
        instance = self.instance = self._identify()
        if study_instance_uid not in ("", instance.study_instance_uid):
            raise StudyMismatch
        with disk_errors():
            os.fsync(self._file.fileno())
            new = self._keep(self._path, instance)
        return StoredInstance(instance, new)

    def abort(self) -> None:
        """Forget the file; harmless after ``commit``."""
        with suppress(OSError):  # a full disk may be told once more
            self._file.close()
        self._path.unlink(missing_ok=True)

    def _identify(self) -> Instance:
        try:
            header = read_header(self._path, self._limits)
        except Refused as e:
            raise NotDicom(issue(e.code).message) from e
        instance = Instance(
            header.study_instance_uid,
            header.series_instance_uid,
            header.sop_class_uid,
            header.sop_instance_uid,
            header.date,
        )
        if not all(map(UID.fullmatch, instance.uids)):
            raise NotDicom(issue("HEADER_INCOMPLETE").message)
        return instance


def add(store: StudyStore, source: str | Path | bytes | BinaryIO) -> StoredInstance:
    """Store one DICOM file, given by path, content or open file; raises what ``write`` and ``commit`` raise."""
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return add(store, file)
    incoming = store.receive()
    try:
        shutil.copyfileobj(io.BytesIO(source) if isinstance(source, bytes) else source, incoming, _CHUNK)
        return incoming.commit()
    finally:
        incoming.abort()


def _free_bytes(status: os.statvfs_result) -> int:
    return status.f_bavail * status.f_frsize


def _locked(file: io.IOBase | BinaryIO) -> bool:
    """Try to lock a file until it is closed; false if its receiver lives, or if there are no locks here."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
