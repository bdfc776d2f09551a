"""The JSON answer, with the words of ``common.v1.Prognosis``."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Modality, Severity


class Answer(BaseModel):
    """Read from the attributes of a domain object."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class ModelRefAnswer(Answer):
    """Identity of a model."""

    name: str
    version: str
    sha256: str = Field(description="over manifest and weights")


class ReasonAnswer(Answer):
    """Why something is as it is."""

    code: str = Field(description="stable reason code")
    message: str


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


class IntervalAnswer(Answer):
    """A range of plausible values."""

    lower: float
    upper: Annotated[float | None, BeforeValidator(_finite)] = Field(
        description="null: not reached within the model's follow-up"
    )
    level: float = Field(description="nominal level, e.g. 0.95")


class ProbabilityAnswer(Answer):
    """Estimate of a yes-or-no endpoint."""

    probability: float = Field(description="0 to 1")
    interval: IntervalAnswer
    prediction_set: list[str] = Field(description="outcomes that cannot be excluded; both mean cannot tell")
    prediction_set_level: float = Field(description="nominal coverage of the set; 0: no set was made")
    clinical_baseline: float | None = Field(
        description="the same from clinical and therapy inputs alone; null: missing"
    )


class SurvivalPointAnswer(Answer):
    """Survival at one horizon."""

    horizon_days: float = Field(description="days since the index date")
    survival: float = Field(description="probability of no event until then, 0 to 1")
    interval: IntervalAnswer


class SurvivalAnswer(Answer):
    """Estimate of a time-to-event endpoint."""

    points: list[SurvivalPointAnswer] = Field(description="by ascending horizon")
    median_days: float | None = Field(description="null: not reached within the model's follow-up")
    median_interval: IntervalAnswer | None
    clinical_baseline: float | None = Field(
        description="survival at the last horizon from clinical and therapy inputs alone; null: missing"
    )


class EndpointAnswer(Answer):
    """One question and its answer; an abstention is not a low risk."""

    id: str
    kind: p.EndpointKind
    status: p.EndpointStatus
    reasons: list[ReasonAnswer]
    probability: ProbabilityAnswer | None = Field(description="for `binary`; null when abstained")
    survival: SurvivalAnswer | None = Field(description="for `time-to-event`; null when abstained")

    @classmethod
    def of(cls, endpoint: p.Endpoint) -> Self:
        """Put the estimate under the name of its kind."""
        estimate = endpoint.estimate
        return cls(
            id=endpoint.id,
            kind=endpoint.kind,
            status=endpoint.status,
            reasons=[ReasonAnswer.model_validate(reason) for reason in endpoint.reasons],
            probability=ProbabilityAnswer.model_validate(estimate)
            if isinstance(estimate, p.ProbabilityEstimate)
            else None,
            survival=SurvivalAnswer.model_validate(estimate) if isinstance(estimate, p.SurvivalEstimate) else None,
        )


class ContributionAnswer(Answer):
    """What an input group did to an endpoint (exact Shapley value, in probability)."""

    endpoint_id: str
    value: float
    horizon_days: float = Field(description="0: not a time-to-event endpoint")


class InputAnswer(Answer):
    """What became of one input group of the model."""

    modality: Modality
    group: str
    status: p.InputStatus
    reason: ReasonAnswer | None = Field(description="why it is absent or rejected; null when used")
    contributions: list[ContributionAnswer]


class IssueAnswer(Answer):
    """Something to know about the input."""

    severity: Severity = Field(description="with `error` and `fatal` something was not used")
    code: str = Field(description="stable reason code")
    message: str
    location: str = Field(description="FHIRPath, DICOM UID or document fragment; empty: the input as a whole")
    origin: str = Field(description="who noticed it: imaging, clinical, notes, fusion or gateway")
    timepoint: str = Field(description="role of the timepoint; empty: none")


class PrognosisAnswer(Answer):
    """The answer to one query."""

    prognosis_id: str = Field(description="opaque id of this answer, equal to X-Request-Id")
    model: ModelRefAnswer
    index_date: str = Field(description="day of prediction; empty: the input has no date")
    endpoints: list[EndpointAnswer]
    inputs: list[InputAnswer] = Field(description="one per input group of the model")
    issues: list[IssueAnswer]
    disclaimer: str
    simulated: bool = Field(description="true: trained on simulated patients; must not inform care")

    @classmethod
    def of(cls, prognosis: p.Prognosis) -> Self:
        """Make the answer of a prognosis."""
        return cls(
            prognosis_id=prognosis.prognosis_id,
            model=ModelRefAnswer.model_validate(prognosis.model),
            index_date=prognosis.index_date,
            endpoints=[EndpointAnswer.of(endpoint) for endpoint in prognosis.endpoints],
            inputs=[InputAnswer.model_validate(use) for use in prognosis.inputs],
            issues=[IssueAnswer.model_validate(issue) for issue in prognosis.issues],
            disclaimer=prognosis.disclaimer,
            simulated=prognosis.simulated,
        )


class InputGroupAnswer(Answer):
    """Inputs that arrive together."""

    id: str
    modality: Modality
    timepoint: str = Field(description="role of its timepoint; empty: none")
    features: list[str] = Field(description="catalog names it reads")
    embedding_spaces: list[str] = Field(description="embedding spaces it accepts")


class EndpointDescriptionAnswer(Answer):
    """A question that a model answers."""

    id: str
    kind: p.EndpointKind
    definition: str
    horizons_days: list[float] = Field(description="default horizons; empty: not a time-to-event endpoint")


class ModelAnswer(Answer):
    """What a model is for, what it reads and what it answers."""

    ref: ModelRefAnswer
    indication: str
    intended_use: str
    simulated: bool = Field(description="true: trained on simulated patients; must not inform care")
    groups: list[InputGroupAnswer]
    endpoints: list[EndpointDescriptionAnswer]

    @classmethod
    def of(cls, summary: p.ModelSummary) -> Self:
        """Make the answer of a summary."""
        return cls.model_validate(summary)


class ModelsAnswer(Answer):
    """The models that can be asked."""

    models: list[ModelAnswer]
