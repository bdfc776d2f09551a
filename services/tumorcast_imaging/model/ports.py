"""What the model layer asks of the world around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.deadline import Deadline
from tumorcast_imaging.dicom.references import SEGMENTATION_CLASSES
from tumorcast_imaging.model.crop import Crop
from tumorcast_imaging.model.manifest import EncoderManifest


class StudyReader(Protocol):
    """Finds stored studies."""

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """Every complete file of the study; raises ``StudyNotFound``."""
        ...


@dataclass(frozen=True, slots=True)
class Instance:
    """What a DICOM file is; ``date`` is ISO 8601 or empty."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    date: str = ""

    @property
    def uids(self) -> tuple[str, str, str, str]:
        """Study, series, SOP class and SOP instance."""
        return self.study_instance_uid, self.series_instance_uid, self.sop_class_uid, self.sop_instance_uid

    @property
    def is_segmentation(self) -> bool:
        """Whether it is a SEG or an RTSTRUCT."""
        return self.sop_class_uid in SEGMENTATION_CLASSES


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """One instance that is stored; ``new`` is false if it was there already."""

    instance: Instance
    new: bool


class IncomingFile(Protocol):
    """One file on its way into the store, invisible until ``commit``."""

    size_bytes: int
    instance: Instance | None
    """What the file is, as soon as ``commit`` has read it."""

    def write(self, data: bytes) -> int:
        """Append ``data``; raises ``PayloadTooLarge`` or ``ResourceExhausted``."""
        ...

    def commit(self, study_instance_uid: str = "") -> StoredInstance:
        """Make the file visible and durable; a study that is named is the one it must belong to.

        Raises ``NotDicom``, ``StudyMismatch``, ``InstanceConflict``, ``ResourceExhausted`` or ``ServiceUnavailable``.
        """
        ...

    def abort(self) -> None:
        """Forget the file; harmless after ``commit``."""
        ...


class StudyStore(StudyReader, Protocol):
    """Keeps studies, once per SOP instance UID; half a file is never seen, and an acknowledged one never lost."""

    def add(self, source: str | Path | bytes | BinaryIO) -> StoredInstance:
        """Store one DICOM file; raises what ``IncomingFile`` raises."""
        ...

    def receive(self, expected_bytes: int = 0) -> IncomingFile:
        """Start to receive one file in pieces; raises ``ResourceExhausted``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A vector and the space it lies in, as said by the very replica that made it."""

    embedding_space: str
    vector: NDArray[np.float32]


class CropEncoder(Protocol):
    """An encoder wherever it runs: in this process or behind Ray Serve."""

    @property
    def manifest(self) -> EncoderManifest: ...

    async def encode(self, crops: Sequence[Crop], deadline: Deadline) -> list[Encoded]:
        """One vector per crop; raises ``ServiceUnavailable`` if the encoder does not answer.

        A crop that has not been computed when the deadline passes never will be: ``DeadlineExceeded``.
        """
        ...

    async def space(self, deadline: Deadline) -> str:
        """The embedding space of the vectors it makes now; raises what ``encode`` raises."""
        ...
