"""Studies in a folder: ``root/<study instance UID>/<SOP instance UID>.dcm``.

A file becomes visible only when it is complete and on disk (temporary file, fsync, rename), so that a crash leaves no
half of one. Storing the same instance again changes nothing. UIDs are digits and dots only, so no path leaves the root.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import uid as uids

from tumorcast_core.errors import (
    InvalidInput,
    NotDicom,
    PayloadTooLarge,
    ResourceExhausted,
    StudyNotFound,
)
from tumorcast_imaging.dicom.header import UID, read_header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused, issue

_INCOMING = ".incoming"
_STALE_S = 24 * 3600
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """One stored file; ``new`` is false if it was there already."""

    study_instance_uid: str
    sop_instance_uid: str
    is_segmentation: bool
    date: str
    new: bool


class FolderStudyStore:
    """Studies in one folder of this machine; ``min_free_bytes`` of its disk always stay free."""

    def __init__(self, root: str | Path, *, limits: Limits = DEFAULT_LIMITS, min_free_bytes: int = 64 << 20) -> None:
        self._root = Path(root)
        self._limits = limits
        self._min_free_bytes = min_free_bytes
        with disk_errors():
            (self._root / _INCOMING).mkdir(parents=True, exist_ok=True)
        self._sweep()

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """Every complete file of the study, sorted; raises ``StudyNotFound``."""
        folder = self._root / _checked(study_instance_uid, StudyNotFound)
        if not folder.is_dir():
            raise StudyNotFound
        return tuple(sorted(folder.glob("*.dcm")))

    def add(self, source: str | Path | bytes | BinaryIO) -> StoredInstance:
        """Store one DICOM file, given by path, content or open file.

        Raises ``NotDicom``, ``PayloadTooLarge``, ``ResourceExhausted``, or ``InvalidInput`` if another file already
        has its UID.
        """
        with self.receive() as incoming:
            if isinstance(source, str | Path):
                with Path(source).open("rb") as file:
                    shutil.copyfileobj(file, incoming, _CHUNK)
            else:
                shutil.copyfileobj(io.BytesIO(source) if isinstance(source, bytes) else source, incoming, _CHUNK)
            return incoming.commit()

    def receive(self) -> Incoming:
        """Start to receive one file in pieces; leave it by ``commit()`` or ``abort()``, or use it as a context."""
        with disk_errors():
            if shutil.disk_usage(self._root).free < self._min_free_bytes:
                raise ResourceExhausted("The study store is full.")
            handle, name = tempfile.mkstemp(dir=self._root / _INCOMING)
        return Incoming(self._root, Path(name), os.fdopen(handle, "wb"), self._limits)

    def _sweep(self) -> None:
        """Remove what a crashed process left half received."""
        for path in (self._root / _INCOMING).iterdir():
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink(missing_ok=True)


class Incoming:
    """One file on its way into the store, invisible until ``commit``."""

    def __init__(self, root: Path, path: Path, file: BinaryIO, limits: Limits) -> None:
        self._root, self._path, self._file, self._limits = root, path, file, limits
        self.size_bytes = 0

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
            return self._file.write(data)

    def commit(self) -> StoredInstance:
        """Check the file and make it visible; raises ``NotDicom``, ``InvalidInput`` or ``ResourceExhausted``."""
        with disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        try:
            header = read_header(self._path, self._limits)
        except Refused as e:
            raise NotDicom(issue(e.code).message) from e
        study = _checked(header.study_instance_uid, NotDicom)
        target = self._root / study / f"{_checked(header.sop_instance_uid, NotDicom)}.dcm"
        new = self._publish(target)
        is_segmentation = header.sop_class_uid == uids.SegmentationStorage
        return StoredInstance(study, header.sop_instance_uid, is_segmentation, header.date, new)

    def abort(self) -> None:
        """Forget the file; harmless after ``commit``."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _publish(self, target: Path) -> bool:
        with disk_errors():
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                if not _same(self._path, target):
                    raise InvalidInput("Another file with the same SOP instance UID is already stored.")
                return False
            self._path.replace(target)
            _sync_folder(target.parent)
            _sync_folder(self._root)
        return True


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell a full disk as ``ResourceExhausted``."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceExhausted("The study store is full.") from e
        raise


def _checked(uid: str, error: type[StudyNotFound] | type[NotDicom]) -> str:
    if not UID.fullmatch(uid):
        raise error
    return uid


def _same(a: Path, b: Path) -> bool:
    return a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
