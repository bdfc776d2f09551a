"""Which encoders and models to use: those that come with the installation, or freshly trained ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_core.errors import UnknownModel

_TRAINED_HELP = "Folder that tumorcast train wrote; else the shipped models."
Trained = Annotated[
    Path | None,
    typer.Option(envvar="TUMORCAST_TRAINED", help=_TRAINED_HELP, exists=True, file_okay=False),
]


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder of encoder folders and a folder of model folders."""

    encoders: Path
    models: Path

    @classmethod
    def of(cls, trained: Path | None) -> Weights:
        """The weights below the folder that ``tumorcast train`` wrote; without one, the shipped."""
        if trained is None:
            return cls(_package("tumorcast_imaging") / "encoders", _package("tumorcast_fusion") / "models")
        found = cls(trained / "encoders", trained / "models")
        if not (found.encoders.is_dir() and found.models.is_dir()):
            raise UnknownModel("The --trained folder has no encoders/ and models/.")
        return found

    def encoder_folders(self) -> list[Path]:
        """The folders of all encoders, by name."""
        return sorted(manifest.parent for manifest in self.encoders.glob("*/manifest.yaml"))

    def environment(self) -> dict[str, str]:
        """Settings that make the services use these weights."""
        return {
            "TUMORCAST_IMAGING_ENCODER_ROOT": str(self.encoders.absolute()),
            "TUMORCAST_FUSION_MODELS": str(self.models.absolute()),
        }


def _package(name: str) -> Path:
    return Path(str(files(name)))
