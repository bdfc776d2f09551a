"""What an encoder is: its manifest.yaml, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tumorcast_core.errors import InvalidInput, UnknownModel

FILE_NAME = "manifest.yaml"
SHIPPED = Path(__file__).resolve().parent.parent / "encoders"
"""The encoders that come with the package, a folder each."""
Positive = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResNetArchitecture(_Strict):
    """Arguments of MONAI's 3-D ``ResNet`` (monai.networks.nets.resnet)."""

    kind: Literal["monai.ResNet"] = "monai.ResNet"
    block: Literal["basic", "bottleneck"] = "basic"
    layers: tuple[Positive, Positive, Positive, Positive] = (1, 1, 1, 1)
    block_inplanes: tuple[Positive, Positive, Positive, Positive] = (16, 32, 64, 128)
    conv1_t_size: Positive = 5
    conv1_t_stride: Positive = 2
    no_max_pool: bool = True
    shortcut_type: Literal["A", "B"] = "B"
    norm: Literal["batch", "instance"] = "batch"


class CropSpec(_Strict):
    """The cube an encoder reads: ``voxels``³ voxels of ``spacing_mm``, intensity ``window`` mapped to [0, 1]."""

    voxels: int = Field(ge=8, le=256)
    spacing_mm: float = Field(gt=0, le=20)
    window_hu: tuple[float, float]

    @model_validator(mode="after")
    def _window_has_width(self) -> CropSpec:
        if self.window_hu[0] >= self.window_hu[1]:
            raise ValueError("window_hu must be [low, high]")
        return self


class EncoderManifest(_Strict):
    """One encoder: what it reads, how it is built, what it was trained on."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str
    dicom_modality: Literal["CT", "MR", "PT"]
    embedding_dim: int = Field(gt=0, le=4096)
    crop: CropSpec
    architecture: ResNetArchitecture = ResNetArchitecture()
    training_data: str
    simulated: bool
    weights_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")

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
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
        Path(folder, FILE_NAME).write_text(text, encoding="utf-8")
