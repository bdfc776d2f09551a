"""Stored prognoses, why they are as they are, and what is said of them later."""

from __future__ import annotations

from typing import Any, Self

from pydantic import AwareDatetime, Field

from tumorcast_api.answers.base import Answer, ModelRefAnswer, ReasonAnswer
from tumorcast_api.answers.inputs import FeatureContributionAnswer, WorthAnswer
from tumorcast_api.answers.prognosis import (
    ObservedUnderAnswer,
    PrognosisAnswer,
    SimilarPatientsAnswer,
    TypicalityAnswer,
)
from tumorcast_api.bodies.remarks import Decision
from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Modality

NEXT = "token of the next page; empty: this is the last"


class PrognosisSummaryAnswer(Answer):
    """A stored prognosis in a list: nothing about the patient's health."""

    prognosis_id: str = Field(description="opaque id of the prognosis")
    patient: str = Field(description="opaque id of the patient, made here; not yours")
    created_at: AwareDatetime
    model: ModelRefAnswer
    simulated: bool = Field(description="true: trained on simulated patients; must not inform care")
    erased: bool = Field(description="true: the record cannot be read again")


class PrognosesAnswer(Answer):
    """One page of stored prognoses."""

    prognoses: list[PrognosisSummaryAnswer] = Field(description="the newest first")
    next_page_token: str = Field(description=NEXT)


class ReplayAnswer(Answer):
    """A stored snapshot asked again."""

    prognosis_id: str
    same: bool = Field(description="true: every number is the same")
    model_changed: bool = Field(description="true: the model of that name has other weights now")
    differences: list[str] = Field(
        description="paths whose values differ, e.g. `endpoints[0].estimate.probability`; at most 100"
    )
    prognosis: PrognosisAnswer = Field(description="what the model answers now")

    @classmethod
    def of(cls, replay: Any) -> Self:
        """Make the answer of a replay."""
        plain = {name: getattr(replay, name) for name in cls.model_fields}
        return cls.model_validate(plain | {"prognosis": PrognosisAnswer.of(replay.prognosis)})


class GroupContributionAnswer(Answer):
    """What one input group did to one endpoint."""

    group: str
    modality: Modality
    value: float = Field(description="exact Shapley value, in probability; positive: it raises the probability")
    horizon_days: float = Field(description="0: not an endpoint about times")


class MissingGroupAnswer(Answer):
    """An input group that was not used."""

    group: str
    modality: Modality
    status: p.InputStatus
    reason: ReasonAnswer | None = Field(description="null: not told")
    worth: WorthAnswer | None = Field(description="how much better the answer would be with it; null: not known")


class EndpointExplanationAnswer(Answer):
    """Why one endpoint was answered as it was."""

    endpoint_id: str
    status: p.EndpointStatus
    reasons: list[ReasonAnswer] = Field(description="why it abstained, or what limits the answer")
    groups: list[GroupContributionAnswer] = Field(description="the strongest first")
    inputs: list[FeatureContributionAnswer] = Field(description="the strongest first")
    missing: list[MissingGroupAnswer] = Field(description="what would be worth the most first")


class ExplanationAnswer(Answer):
    """Why one answer is as it is."""

    prognosis_id: str
    model: ModelRefAnswer
    endpoints: list[EndpointExplanationAnswer]
    typicality: TypicalityAnswer | None = Field(description="null: the model does not say")
    similar: list[SimilarPatientsAnswer] = Field(description="the nearest first")
    observed_under: list[ObservedUnderAnswer] = Field(description="not an effect of treatment")


class FeedbackAnswer(Answer):
    """What a reader decided."""

    feedback_id: str
    prognosis_id: str
    created_at: AwareDatetime
    decision: Decision
    reason_code: str = Field(description="empty: not told")
    comment: str = Field(description="empty: none")


class FeedbackListAnswer(Answer):
    """All feedback on one prognosis."""

    feedback: list[FeedbackAnswer] = Field(description="the oldest first")


class OutcomeAnswer(Answer):
    """What became of the patient, for one endpoint."""

    outcome_id: str
    prognosis_id: str
    created_at: AwareDatetime
    endpoint_id: str
    occurred: bool | None
    category: str
    time_days: float | None = Field(description="days since the index date")
    value: float | None = Field(description="in the endpoint's unit")


class OutcomesAnswer(Answer):
    """All outcomes of one prognosis."""

    outcomes: list[OutcomeAnswer] = Field(description="the oldest first")
