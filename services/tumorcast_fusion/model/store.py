"""A folder of model folders, loaded once."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import ModelCard
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.growth_model import GrowthModel
from tumorcast_fusion.model.manifest import MANIFEST
from tumorcast_fusion.model.prognosis_model import PrognosisModel

Model = PrognosisModel | GrowthModel
CARD = "card.md"

SHIPPED = Path(__file__).resolve().parent.parent / "models"
"""The models that come with the package."""


class ModelStore:
    """The models below one folder, by name."""

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._folder = folder
        self._loaded: dict[str, Model] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all models, sorted."""
        return tuple(sorted(path.parent.name for path in self._folder.glob(f"*/{MANIFEST}")))

    def get(self, name: str) -> Model:
        """Load a model, once; raises ``UnknownModel``."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name) or name not in self.names:
            raise UnknownModel(f"There is no model of that name; there are: {', '.join(self.names) or 'none'}.")
        if name not in self._loaded:
            self._loaded[name] = load_model(self._folder / name)
        return self._loaded[name]

    def folder(self, name: str) -> Path:
        """The folder of a model; raises ``UnknownModel``."""
        self.get(name)
        return self._folder / name

    def card(self, name: str) -> ModelCard:
        """The card of a model; raises ``UnknownModel``, also for a model that has none."""
        ref = self.get(name).summary().ref
        try:
            return ModelCard(ref, (self._folder / name / CARD).read_text(encoding="utf-8"))
        except FileNotFoundError as e:
            raise UnknownModel("The model has no card.") from e

    def list(self) -> tuple[Model, ...]:
        """All models, loaded, by name."""
        return tuple(self.get(name) for name in self.names)


def load_model(folder: Path) -> Model:
    """Load a model folder of any kind; raises ``UnknownModel`` where it is broken."""
    manifest = manifests.load(folder)
    return GrowthModel.load(folder, manifest) if manifest.engine == "growth" else PrognosisModel.load(folder)
