"""The manifest of a prognosis model: everything about it but the weights, as plain YAML.

A model is a folder of ``manifest.yaml``, weights, ``metrics.json`` and ``card.md``. Its sha256 covers the manifest and
the weights, so two models with the same digest give the same numbers. ``engine`` says what the weights are:

- ``neural``: an ensemble of fusion networks (``fusion.safetensors``), for images and everything else;
- ``tabular``: linear, boosted and gated predictors of tables (``tabular.safetensors``, ``*.ubj``);
- ``growth``: a population of growth curves (``prior.yaml``).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import EndpointKind, ModelRef
from tumorcast_core.snapshot import Modality

MANIFEST, WEIGHTS = "manifest.yaml", "fusion.safetensors"
WEIGHT_FILES = ("*.safetensors", "*.ubj", "prior.yaml")


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
    """An embedding the group reads: accepted spaces and its standardization per element.

    ``dicom_modality`` tells apart what one encoder makes of several; empty: of any.
    """

    spaces: tuple[str, ...]
    dicom_modality: str = ""
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
    outcomes: tuple[str, ...] = ("no", "yes")
    horizons_days: tuple[float, ...] = ()

    @property
    def about_times(self) -> bool:
        """Whether the answer is about when, not whether."""
        return self.kind in (EndpointKind.TIME_TO_EVENT, EndpointKind.COMPETING_RISKS)


class ResponseCalibration(_Frozen):
    """Platt scaling of the ensemble's mean logit, and the split-conformal threshold on ``1 - p(outcome)``."""

    intercept: float = 0.0
    slope: float = 1.0
    conformal_level: float = 0.9
    conformal_threshold: float = 1.0


class Column(_Frozen):
    """One number that predictors of tables read, made of one or two inputs, then standardized by ``mean`` and ``sd``.

    ``value``: t(x); ``hinge``: max(t(x) - knot, 0); ``change``: t(first) - t(second); ``category``: 1 if x is
    ``category``, 0 if it is another that has a column or is a ``reference``; ``at_most``: 1 if x <= knot. t clips
    to [low, high], then takes log(offset + x) if ``transform`` is ``log``. Rows in which an ``at_most`` that ``splits``
    holds have linear coefficients of their own: first visits are not like later ones.
    """

    name: str
    kind: Literal["value", "hinge", "change", "category", "at_most"]
    inputs: tuple[str, ...]
    category: str = ""
    reference: str = ""
    transform: Literal["identity", "log"] = "identity"
    offset: float = 0.0
    low: float = -1e12
    high: float = 1e12
    knot: float = 0.0
    splits: bool = False
    mean: float = 0.0
    sd: Annotated[float, Field(gt=0)] = 1.0


class BlendPart(_Frozen):
    """A learner and its weight on the scale of log odds or log cumulative hazards."""

    learner: Literal["linear", "boosted", "gated"]
    weight: float


class TabularEndpoint(_Frozen):
    """How one endpoint is answered; ``edges_days`` are the ends of the discrete-time intervals.

    ``conformal_threshold`` is on ``1 - p(outcome)`` for categories; for times it is the survival at which the lower
    bound is read off the curve. ``score`` names the scores that are kept of every subset of the groups.
    """

    parts: tuple[BlendPart, ...]
    edges_days: tuple[float, ...] = ()
    conformal_level: float = 0.0
    conformal_threshold: float = 1.0
    score: str = ""


class Observed(_Frozen):
    """What became of a prototype's patients: a share with its 95 % limits."""

    endpoint: str
    share: float
    lower: float
    upper: float
    horizon_days: float = 0.0


class Prototype(_Frozen):
    """A group of at least ten training patients who are alike, and how many had each treatment."""

    id: str
    patients: Annotated[int, Field(ge=10)]
    description: str
    outcomes: tuple[Observed, ...] = ()
    treatments: Mapping[str, int] = {}


class Tabular(_Frozen):
    """What a model of tables is made of; ``therapy_input`` is the input whose categories are compared."""

    columns: tuple[Column, ...]
    endpoints: Mapping[str, TabularEndpoint]
    prototypes: tuple[Prototype, ...] = ()
    therapy_input: str = ""


class RecalibratedEndpoint(_Frozen):
    """The line that was fitted on the link, per cause; ``events``: patients with each outcome or cause."""

    patients: int
    events: tuple[int, ...]
    intercept: tuple[float, ...]
    slope: tuple[float, ...]


class Recalibrated(_Frozen):
    """The model that this one was made of by ``tumorcast recalibrate``, and what was changed."""

    name: str
    version: str
    sha256: str
    endpoints: Mapping[str, RecalibratedEndpoint]


class Manifest(_Frozen):
    """Everything about one model but its weights; ``edges_days`` are the ends of the discrete-time intervals."""

    name: str
    version: str
    engine: Literal["neural", "tabular", "growth"] = "neural"
    simulated: bool
    indication: str
    intended_use: str
    disclaimer: str
    training_cohort: str
    licence: str
    groups: tuple[Group, ...]
    baseline_groups: tuple[str, ...]
    endpoints: tuple[EndpointSpec, ...]
    edges_days: tuple[float, ...] = ()
    members: int = 0
    token_width: int = 0
    hidden_width: int = 0
    response_calibration: ResponseCalibration = ResponseCalibration()
    hazard_factor: float = 1.0
    tabular: Tabular | None = None
    recalibrated: Recalibrated | None = None

    @property
    def follow_up_days(self) -> float:
        """Longest horizon that the model can answer; infinite where no endpoint has an end."""
        ends = [e.edges_days[-1] for e in self.tabular.endpoints.values() if e.edges_days] if self.tabular else []
        return min(ends, default=math.inf) if not self.edges_days else self.edges_days[-1]

    def inputs(self) -> dict[str, tuple[Group, str]]:
        """Group and catalog name of each input, by input name: what a column of a table is called."""
        return {input_name(name, group): (group, name) for group in self.groups for name in group.features}

    def elements(self) -> dict[str, tuple[str, ...]]:
        """Names of the elements of each group's embedding, by group id."""
        return {g.id: element_names(g.id, len(g.embedding.mean)) for g in self.groups if g.embedding}


def input_name(feature: str, group: Group) -> str:
    """Name of an input: the feature's, and the timepoint's where the group has one."""
    return f"{feature}_{group.timepoint}" if group.timepoint else feature


def element_names(group: str, size: int) -> tuple[str, ...]:
    """What the elements of a group's embedding are called as inputs of columns.

    >>> element_names("pet", 2)
    ('pet_embedding_0', 'pet_embedding_1')
    """
    return tuple(f"{group}_embedding_{i}" for i in range(size))


def load(folder: Path) -> Manifest:
    """Read and check ``manifest.yaml``; raises ``UnknownModel`` where there is none or it is broken."""
    try:
        return Manifest.model_validate(yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as e:
        raise UnknownModel("The model's manifest is missing or broken.") from e


def dump(manifest: Manifest, folder: Path) -> None:
    """Write ``manifest.yaml``."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = manifest.model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(raw, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def reference(folder: Path, manifest: Manifest) -> ModelRef:
    """Name, version and sha256 over manifest and weights."""
    digest = hashlib.sha256()
    for file in weight_files(folder):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return ModelRef(manifest.name, manifest.version, digest.hexdigest())


def weight_files(folder: Path) -> list[Path]:
    """The files that decide a model's numbers: the manifest first, then the weights by name."""
    found = sorted({file for pattern in WEIGHT_FILES for file in folder.glob(pattern)})
    return [folder / MANIFEST, *found]
