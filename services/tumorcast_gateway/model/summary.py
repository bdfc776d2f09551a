"""What a model says of itself. The domain twin of ``fusion.v1.ModelSummary``."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_core.prognosis import EndpointKind, ModelRef
from tumorcast_core.snapshot import Modality


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Inputs that arrive together, e.g. ``ct_baseline``."""

    id: str
    modality: Modality
    timepoint: str = ""
    features: tuple[str, ...] = ()
    embedding_spaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointDescription:
    """One question that a model answers; ``horizons_days`` is empty unless it is a time-to-event endpoint."""

    id: str
    kind: EndpointKind
    definition: str
    horizons_days: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What a model is for, what it reads and what it answers."""

    ref: ModelRef
    indication: str
    intended_use: str
    simulated: bool
    groups: tuple[InputGroup, ...]
    endpoints: tuple[EndpointDescription, ...]

    def image_roles(self) -> frozenset[str]:
        """Roles of the timepoints whose images the model reads."""
        return frozenset(group.timepoint for group in self.groups if group.modality is Modality.IMAGING)
