"""The manifest of a prognosis model: everything about it but the weights, as plain YAML.

A model is a folder of ``manifest.yaml``, ``fusion.safetensors``, ``metrics.json`` and ``card.md``. Its sha256 covers
the manifest and the weights, so two models with the same digest give the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import EndpointKind, ModelRef
from tumorcast_core.snapshot import Modality

MANIFEST, WEIGHTS = "manifest.yaml", "fusion.safetensors"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Scaling(_Frozen):
    """How a number becomes a network input: ``(transform(x) - mean) / sd``; low and high are the training range."""

    transform: Literal["identity", "log"] = "identity"
    mean: float
    sd: Annotated[float, Field(gt=0)]
    low: float
    high: float


class EmbeddingInput(_Frozen):
    """An embedding the group reads: accepted spaces and its standardization per element."""

    spaces: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]


class Group(_Frozen):
    """Inputs that arrive together; ``features`` are catalog names, with a scaling for each that is a number."""

    id: str
    modality: Modality
    timepoint: str = ""
    features: tuple[str, ...] = ()
    scaling: Mapping[str, Scaling] = {}
    embedding: EmbeddingInput | None = None


class EndpointSpec(_Frozen):
    """One question the model answers."""

    id: str
    kind: EndpointKind
    definition: str
    outcomes: tuple[str, str] = ("no", "yes")
    horizons_days: tuple[float, ...] = ()


class ResponseCalibration(_Frozen):
    """Platt scaling of the ensemble's mean logit, and the split-conformal threshold on ``1 - p(outcome)``."""

    intercept: float = 0.0
    slope: float = 1.0
    conformal_level: float = 0.9
    conformal_threshold: float = 1.0


class Manifest(_Frozen):
    """Everything about one model but its weights; ``edges_days`` are the ends of the discrete-time intervals."""

    name: str
    version: str
    simulated: bool
    indication: str
    intended_use: str
    disclaimer: str
    training_cohort: str
    licence: str
    groups: tuple[Group, ...]
    baseline_groups: tuple[str, ...]
    endpoints: tuple[EndpointSpec, ...]
    edges_days: tuple[float, ...]
    members: int
    token_width: int
    hidden_width: int
    response_calibration: ResponseCalibration = ResponseCalibration()
    hazard_factor: float = 1.0

    @property
    def follow_up_days(self) -> float:
        """Longest horizon that the model can answer."""
        return self.edges_days[-1]


def load(folder: Path) -> Manifest:
    """Read and check ``manifest.yaml``; raises ``UnknownModel`` where there is none or it is broken."""
    try:
        return Manifest.model_validate(yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as e:
        raise UnknownModel("The model's manifest is missing or broken.") from e


def dump(manifest: Manifest, folder: Path) -> None:
    """Write ``manifest.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = manifest.model_dump(mode="json")
    text = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def reference(folder: Path, manifest: Manifest) -> ModelRef:
    """Name, version and sha256 over manifest and weights."""
    digest = hashlib.sha256()
    for name in (MANIFEST, WEIGHTS):
        digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return ModelRef(manifest.name, manifest.version, digest.hexdigest())
