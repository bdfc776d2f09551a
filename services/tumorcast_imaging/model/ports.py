"""What the model layer asks of the world around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.crop import Crop
from tumorcast_imaging.model.manifest import EncoderManifest


class StudyReader(Protocol):
    """Finds stored studies."""

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """Every complete file of the study; raises ``StudyNotFound``."""
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

    async def encode(self, crops: Sequence[Crop]) -> list[Encoded]:
        """One vector per crop; raises ``ServiceUnavailable`` if the encoder does not answer."""
        ...
