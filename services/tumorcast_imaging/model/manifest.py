"""What an encoder is: its manifest.yaml, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_imaging.model.architectures import Architecture, ResNetArchitecture

FILE_NAME = "manifest.yaml"
SHIPPED = Path(__file__).resolve().parent.parent / "encoders"
"""The encoders that come with the package, a folder each."""
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Strict):
    """Intensities that map to 0 and 1: in the volume's unit, or percentiles of its voxels above the darkest.

    Percentiles are for arbitrary units (MR), which mean nothing from one scanner to the next. ``corrections`` are done
    before, in order (``correction.CORRECTIONS``); each embedding records them.
    """

    low: float
    high: float
    of: Literal["values", "percentiles"] = "values"
    corrections: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_width(self) -> Window:
        if self.low >= self.high or (self.of == "percentiles" and not 0 <= self.low < self.high <= 100):
            raise ValueError("a window goes from low to high; percentiles lie between 0 and 100")
        return self


class CropSpec(_Strict):
    """The cube an encoder reads: ``voxels``³ voxels of ``spacing_mm``; a window for each DICOM modality it takes."""

    voxels: int = Field(ge=8, le=256)
    spacing_mm: float = Field(gt=0, le=20)
    windows: Mapping[Literal["CT", "MR", "PT"], Window] = Field(min_length=1)


class EncoderManifest(_Strict):
    """One encoder: what it reads, how it is built, what it was trained on.

    ``weights_url`` is where its weights lie if not beside the manifest: a path or any fsspec URL. Either way they must
    have the digest ``weights_sha256``.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str
    embedding_dim: int = Field(gt=0, le=4096)
    crop: CropSpec
    architecture: Architecture = ResNetArchitecture()
    training_data: str
    simulated: bool
    weights_sha256: Sha256 = ""
    weights_url: str = ""

    @classmethod
    def load(cls, folder: str | Path) -> EncoderManifest:
        """Read ``folder``/manifest.yaml; raises ``UnknownModel`` if there is none, ``InvalidInput`` if it is wrong."""
        try:
            text = Path(folder, FILE_NAME).read_text(encoding="utf-8")
        except OSError as e:
            raise UnknownModel("There is no encoder of that name.") from e
        try:
            return cls.model_validate(yaml.safe_load(text))
        except (yaml.YAMLError, ValidationError) as e:
            raise InvalidInput("An encoder's manifest does not follow its schema.") from e

    def save(self, folder: str | Path) -> None:
        """Write ``folder``/manifest.yaml."""
        raw = self.model_dump(mode="json", exclude={"weights_url"} if not self.weights_url else None)
        text = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=120)
        Path(folder, FILE_NAME).write_text(text, encoding="utf-8")
