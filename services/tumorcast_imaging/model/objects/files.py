"""Objects as files: whole or not at all, and never in place of something else."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.reasons import issue

_MOMENTS = (
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentDate",
    "ContentTime",
    "ContributingEquipmentSequence",
)
"""What differs between two makings of the same object."""


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """An object on disk; ``new`` is false if it was there already."""

    path: Path
    sop_instance_uid: str
    new: bool


def write_object(dataset: Dataset, folder: Path) -> ObjectFile | Issue:
    """Write a SEG or SR into ``folder`` under a name of its modality and UID, or say why not.

    The same object that was written before stays as it is, with its own date; another file of that name is left alone
    and told. Raises ``OSError`` where the folder or the disk does not take it.
    """
    uid = str(dataset.SOPInstanceUID)
    path = folder / f"{dataset.Modality}-{uid}.dcm"
    with _temporary(path) as temporary:
        with temporary.open("xb") as raw:
            raw.write(object_bytes(dataset))
            raw.flush()
            os.fsync(raw.fileno())
        if path.exists():
            return ObjectFile(path, uid, new=False) if _same(path, temporary) else issue("FILE_EXISTS", uid)
        temporary.replace(path)
    return ObjectFile(path, uid, new=True)


def object_bytes(dataset: Dataset) -> bytes:
    """A SEG or SR as the bytes of its file."""
    file = io.BytesIO()
    with disable_value_validation():
        dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)  # of a process that was killed and had the same number
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _same(one: Path, other: Path) -> bool:
    """Whether two files are the same object, whenever each was made."""
    try:
        a, b = (pydicom.dcmread(path) for path in (one, other))
        for dataset in (a, b):
            for keyword in _MOMENTS:
                dataset.pop(keyword, None)
        return bool(a == b)
    except Exception:  # pydicom raises anything on a file that is something else
        return False
