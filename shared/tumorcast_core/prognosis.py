"""The answer: endpoints with their estimates, and what they rest on; and what a model says of itself.

The domain twins of ``tumorcast/common/v1/prognosis.proto`` and of ``ModelSummary`` in
``tumorcast/fusion/v1/fusion_service.proto``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tumorcast_core.snapshot import Coding, Issue, Modality, WantedOfImages


class EndpointKind(StrEnum):
    """What kind of question an endpoint answers."""

    BINARY = "binary"
    ORDINAL = "ordinal"
    TIME_TO_EVENT = "time-to-event"
    COMPETING_RISKS = "competing-risks"
    TRAJECTORY = "trajectory"


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
    """Survival at ascending horizons; ``median_days`` is ``None`` where it is not reached within follow-up.

    The event comes later than ``lower_bound_days`` with probability ``lower_bound_level`` (conformal; 0: no bound).
    """

    points: tuple[SurvivalPoint, ...]
    median_days: float | None
    median_interval: Interval | None
    clinical_baseline: float | None = None
    lower_bound_days: float | None = None
    lower_bound_level: float = 0.0


@dataclass(frozen=True, slots=True)
class CauseIncidence:
    """Cumulative incidence of one cause at ascending horizons; ``survival`` of each point is its complement."""

    cause: str
    points: tuple[SurvivalPoint, ...]


@dataclass(frozen=True, slots=True)
class CompetingRisksEstimate:
    """What comes first, and when; the baseline is of the first cause at its last horizon."""

    causes: tuple[CauseIncidence, ...]
    clinical_baseline: float | None = None


@dataclass(frozen=True, slots=True)
class CategoryProbability:
    """Probability of one of the ordered outcomes."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class CategoriesEstimate:
    """Probabilities of ordered outcomes, with those that cannot be excluded (split conformal)."""

    categories: tuple[CategoryProbability, ...]
    prediction_set: tuple[str, ...]
    prediction_set_level: float


@dataclass(frozen=True, slots=True)
class TrajectoryPoint:
    """The quantity ``day`` days after the index date (negative: before), with its prediction intervals."""

    day: float
    value: float
    intervals: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class GrowthRate:
    """Specific growth rate of the resistant part, per day."""

    per_day: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CriterionProbability:
    """Probability that the target lesions met a RECIST 1.1 criterion (``PD``, ``PR``) at ``day`` or before."""

    criterion: str
    day: float
    probability: float


@dataclass(frozen=True, slots=True)
class TrajectoryEstimate:
    """A quantity (catalog name) over time in a UCUM unit, ascending by day."""

    quantity: str
    unit: str
    points: tuple[TrajectoryPoint, ...]
    growth_rate: GrowthRate | None = None
    criteria: tuple[CriterionProbability, ...] = ()


Estimate = ProbabilityEstimate | SurvivalEstimate | CompetingRisksEstimate | CategoriesEstimate | TrajectoryEstimate


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One question and its answer; ``estimate`` is ``None`` when it abstained."""

    id: str
    kind: EndpointKind
    status: EndpointStatus
    reasons: tuple[Reason, ...] = ()
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """Shapley value of one group for one endpoint: in P(event) (binary) or in survival at ``horizon_days``."""

    endpoint_id: str
    value: float
    horizon_days: float = 0.0


@dataclass(frozen=True, slots=True)
class FeatureContribution:
    """What one input did: difference to the average training patient in log odds or log hazard, and in words."""

    endpoint_id: str
    input: str
    value: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Worth:
    """Expected gain of ``score`` (``AUC`` or ``C``) if a missing group were given beside those used."""

    endpoint_id: str
    score: str
    gain: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Typicality:
    """Share of the training patients that are less typical, and the inputs that make the patient unusual."""

    percentile: float
    unusual_inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedOutcome:
    """Share of a group of training patients with the outcome, or free of the event at ``horizon_days``."""

    endpoint_id: str
    share: float
    interval: Interval
    horizon_days: float = 0.0


@dataclass(frozen=True, slots=True)
class SimilarPatients:
    """A group of at least 10 training patients near this one: ``distance`` in standard deviations an input."""

    id: str
    patients: int
    distance: float
    description: str
    outcomes: tuple[ObservedOutcome, ...]


@dataclass(frozen=True, slots=True)
class InputUse:
    """What became of one input group of the model, what it was worth, or what it would be worth if given."""

    modality: Modality
    group: str
    status: InputStatus
    reason: Reason | None = None
    contributions: tuple[Contribution, ...] = ()
    features: tuple[FeatureContribution, ...] = ()
    worth: tuple[Worth, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedUnder:
    """The answer for patients like this one who were observed under a treatment: not an effect of the treatment.

    ``predictions``: P(event), or the probability of no event at the horizon; empty if ``withheld``.
    """

    input: str
    category: str
    patients: int
    given: bool
    predictions: tuple[Contribution, ...] = ()
    withheld: Reason | None = None


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
    typicality: Typicality | None = None
    similar: tuple[SimilarPatients, ...] = ()
    observed_under: tuple[ObservedUnder, ...] = ()


@dataclass(frozen=True, slots=True)
class InputGroup:
    """Inputs that arrive together, e.g. ``ct_baseline``."""

    id: str
    modality: Modality
    timepoint: str = ""
    features: tuple[str, ...] = ()
    embedding_spaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputDescription:
    """One input: what a column of a table must hold. Ranges are [low, high] in ``unit``, ``None`` for categories."""

    name: str
    feature: str
    group: str
    description: str
    coding: Coding
    timepoint: str = ""
    unit: str = ""
    categories: tuple[str, ...] = ()
    plausible: tuple[float, float] | None = None
    training: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class OutcomeColumn:
    """One outcome column of a table."""

    name: str
    description: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class EndpointDescription:
    """One question that a model answers; ``horizons_days`` is empty unless it is about times.

    ``outcomes``: no and yes (binary), in order (ordinal), causes (competing risks); empty for one event.
    """

    id: str
    kind: EndpointKind
    definition: str
    horizons_days: tuple[float, ...] = ()
    outcome_columns: tuple[OutcomeColumn, ...] = ()
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What a model is for, what it reads and what it answers."""

    ref: ModelRef
    indication: str
    intended_use: str
    simulated: bool
    groups: tuple[InputGroup, ...]
    endpoints: tuple[EndpointDescription, ...]
    inputs: tuple[InputDescription, ...] = ()

    def reads_images_of(self, role: str) -> bool:
        """Whether it reads images of a timepoint of that role; a model of trajectories reads those of any."""
        return bool(self._groups_of(role))

    def wanted_of_images(self, role: str) -> WantedOfImages:
        """The features and encoders that it reads of the images of a timepoint of that role."""
        groups = self._groups_of(role)
        return WantedOfImages(
            frozenset(name for group in groups for name in group.features),
            frozenset(space.partition("@")[0] for group in groups for space in group.embedding_spaces),
        )

    def _groups_of(self, role: str) -> list[InputGroup]:
        at_any_time = any(endpoint.kind is EndpointKind.TRAJECTORY for endpoint in self.endpoints)
        roles = (role, "") if at_any_time else (role,)
        return [g for g in self.groups if g.modality is Modality.IMAGING and g.timepoint in roles]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model learned from, how good it is and for whom it is not: Markdown."""

    ref: ModelRef
    markdown: str
