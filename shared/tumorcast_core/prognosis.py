"""The answer: endpoints with their estimates, and what they rest on; and what a model says of itself.

The domain twins of ``tumorcast/common/v1/prognosis.proto``, of which it holds what a model makes today, and of
``ModelSummary`` in ``tumorcast/fusion/v1/fusion_service.proto``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tumorcast_core.snapshot import Issue, Modality


class EndpointKind(StrEnum):
    """What kind of question an endpoint answers."""

    BINARY = "binary"
    TIME_TO_EVENT = "time-to-event"


class EndpointStatus(StrEnum):
    """Whether an endpoint was answered; an abstention is not a low risk."""

    PREDICTED = "predicted"
    ABSTAINED = "abstained"


class InputStatus(StrEnum):
    """What became of one input group."""

    USED = "used"
    ABSENT = "absent"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Identity of a model: ``sha256`` is over manifest and weights."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is as it is: a stable code and a sentence without patient data."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A range at a nominal ``level`` in (0, 1), in the unit of the estimate; ``upper`` may be infinite."""

    lower: float
    upper: float
    level: float


@dataclass(frozen=True, slots=True)
class ProbabilityEstimate:
    """Probability of a binary endpoint, with the outcomes that cannot be excluded (split conformal)."""

    probability: float
    interval: Interval
    prediction_set: tuple[str, ...]
    prediction_set_level: float
    clinical_baseline: float | None = None


@dataclass(frozen=True, slots=True)
class SurvivalPoint:
    """Probability of no event within ``horizon_days`` of the index date."""

    horizon_days: float
    survival: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class SurvivalEstimate:
    """Survival at ascending horizons; ``median_days`` is ``None`` where it is not reached within follow-up."""

    points: tuple[SurvivalPoint, ...]
    median_days: float | None
    median_interval: Interval | None
    clinical_baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One question and its answer; ``estimate`` is ``None`` when it abstained."""

    id: str
    kind: EndpointKind
    status: EndpointStatus
    reasons: tuple[Reason, ...] = ()
    estimate: ProbabilityEstimate | SurvivalEstimate | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """Shapley value of one group for one endpoint: in P(event) (binary) or in survival at ``horizon_days``."""

    endpoint_id: str
    value: float
    horizon_days: float = 0.0


@dataclass(frozen=True, slots=True)
class InputUse:
    """What became of one input group of the model, and what it was worth."""

    modality: Modality
    group: str
    status: InputStatus
    reason: Reason | None = None
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Prognosis:
    """The answer to one query."""

    prognosis_id: str
    model: ModelRef
    index_date: str
    endpoints: tuple[Endpoint, ...]
    inputs: tuple[InputUse, ...]
    issues: tuple[Issue, ...]
    disclaimer: str
    simulated: bool


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
