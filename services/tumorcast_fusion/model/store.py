"""A folder of model folders, loaded once."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model.manifest import MANIFEST
from tumorcast_fusion.model.prognosis_model import PrognosisModel

SHIPPED = Path(__file__).resolve().parent.parent / "models"
"""The models that come with the package."""


class ModelStore:
    """The models below one folder, by name."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._folder = folder
        self._loaded: dict[str, PrognosisModel] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all models, sorted."""
        return tuple(sorted(path.parent.name for path in self._folder.glob(f"*/{MANIFEST}")))

    def get(self, name: str) -> PrognosisModel:
        """Load a model, once; raises ``UnknownModel``."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name) or name not in self.names:
            raise UnknownModel(f"There is no model of that name; there are: {', '.join(self.names) or 'none'}.")
        if name not in self._loaded:
            self._loaded[name] = PrognosisModel.load(self._folder / name)
        return self._loaded[name]

    def list(self) -> tuple[PrognosisModel, ...]:
        """All models, loaded, by name."""
        return tuple(self.get(name) for name in self.names)
