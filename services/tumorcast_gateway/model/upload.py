"""An upload of DICOM files: what goes in piece by piece, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

MAX_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileStart:
    """Starts a file and ends the one before; ``label`` is echoed in its refusal.

    A file of another study than ``study_instance_uid`` is refused, empty: any study; so is one that is not
    ``size_bytes`` long, 0: not announced.
    """

    label: str
    study_instance_uid: str = ""
    size_bytes: int = 0


Piece: TypeAlias = FileStart | bytes
"""The start of a file, or its next bytes: at most ``MAX_CHUNK_BYTES``."""


@dataclass(frozen=True, slots=True)
class UploadedStudy:
    """One study that received instances; ``date`` is ISO 8601 or empty."""

    study_instance_uid: str
    instances: int
    segmentation_uids: tuple[str, ...] = ()
    date: str = ""


@dataclass(frozen=True, slots=True)
class UploadedInstance:
    """One file that is stored."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str


@dataclass(frozen=True, slots=True)
class UploadRefusal:
    """One file that was not stored: its position in the upload, from 0, why, and what it is, as far as it says."""

    position: int
    label: str
    code: str
    message: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of an upload."""

    studies: tuple[UploadedStudy, ...] = ()
    refusals: tuple[UploadRefusal, ...] = ()
    uploaded: tuple[UploadedInstance, ...] = ()
