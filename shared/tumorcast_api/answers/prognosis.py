"""The answer to one query, with the training patients it is held against."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from tumorcast_api.answers.base import (
    Answer,
    ContributionAnswer,
    IntervalAnswer,
    ModelRefAnswer,
    ReasonAnswer,
)
from tumorcast_api.answers.estimates import EndpointAnswer
from tumorcast_api.answers.inputs import InputAnswer, IssueAnswer
from tumorcast_core import prognosis as p


class TypicalityAnswer(Answer):
    """How much the patient is like those the model was trained on."""

    percentile: float = Field(description="share of training patients that are less typical; near 0: unlike almost all")
    unusual_inputs: list[str] = Field(description="inputs that make the patient unusual, the most unusual first")


class ObservedOutcomeAnswer(Answer):
    """What was seen in a group of training patients."""

    endpoint_id: str
    share: float = Field(description="share with the outcome, or free of the event at `horizon_days`")
    interval: IntervalAnswer
    horizon_days: float = Field(description="0: not an endpoint about times")


class SimilarPatientsAnswer(Answer):
    """A group of at least 10 training patients who are like this one: a summary, never a person."""

    id: str
    patients: int = Field(description="training patients in the group")
    distance: float = Field(description="to its center, in standard deviations averaged over the inputs given")
    description: str = Field(description="what they have in common")
    outcomes: list[ObservedOutcomeAnswer]


class ObservedUnderAnswer(Answer):
    """The answer for patients like this one who were observed under a treatment: not an effect of the treatment."""

    input: str = Field(description="input of the model that says the treatment")
    category: str
    patients: int = Field(description="training patients like this one who were treated so")
    given: bool = Field(description="whether it is the treatment of the query")
    predictions: list[ContributionAnswer] = Field(
        description="P(event), or the probability of no event at the horizon; empty where withheld"
    )
    withheld: ReasonAnswer | None = Field(description="why nothing is predicted; null: something is")


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
    typicality: TypicalityAnswer | None = Field(description="null: the model does not say")
    similar: list[SimilarPatientsAnswer] = Field(description="the nearest first")
    observed_under: list[ObservedUnderAnswer] = Field(description="not an effect of treatment")

    @classmethod
    def of(cls, prognosis: p.Prognosis) -> Self:
        """Make the answer of a prognosis."""
        plain = {name: getattr(prognosis, name) for name in cls.model_fields}
        endpoints = [EndpointAnswer.of(endpoint) for endpoint in prognosis.endpoints]
        return cls.model_validate(plain | {"endpoints": endpoints}, from_attributes=True)
