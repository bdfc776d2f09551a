"""What a model says of itself: enough to map a stranger's table onto its inputs and outcomes."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from tumorcast_api.answers.base import Answer, CodingAnswer, Lower, ModelRefAnswer, Upper
from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Modality


class InputGroupAnswer(Answer):
    """Inputs that arrive together."""

    id: str
    modality: Modality
    timepoint: str = Field(description="role of its timepoint; empty: none")
    features: list[str] = Field(description="catalog names it reads")
    embedding_spaces: list[str] = Field(description="embedding spaces it accepts")


class InputDescriptionAnswer(Answer):
    """One input: what a column of a table must hold."""

    name: str = Field(description="column name: the feature's, with _ and the timepoint where the group has one")
    feature: str = Field(description="catalog name")
    group: str
    timepoint: str = Field(description="role of its timepoint; empty: none")
    description: str
    unit: str = Field(description="UCUM; empty: dimensionless or categorical")
    coding: CodingAnswer
    categories: list[str] = Field(description="allowed values; empty: a number")
    plausible: tuple[Lower, Upper] | None = Field(
        description="[low, high] in `unit`, outside it a value is rejected; null: categorical; an end null: open"
    )
    training: tuple[Lower, Upper] | None = Field(
        description="[low, high] of the training patients, outside it a value raises a warning; "
        "null: categorical or not told"
    )


class OutcomeColumnAnswer(Answer):
    """One outcome column of a table, for an evaluation."""

    name: str
    description: str = Field(description="what it holds, with its unit or its codes")
    optional: bool = Field(description="true: may be left out")


class EndpointDescriptionAnswer(Answer):
    """A question that a model answers."""

    id: str
    kind: p.EndpointKind
    definition: str
    horizons_days: list[float] = Field(description="default horizons; empty: not an endpoint about times")
    outcome_columns: list[OutcomeColumnAnswer] = Field(description="columns in which an evaluation expects the outcome")
    outcomes: list[str] = Field(
        description="no and yes (binary), in order (ordinal), causes (competing-risks); empty: one event"
    )


class ModelAnswer(Answer):
    """What a model is for, what it reads and what it answers."""

    ref: ModelRefAnswer
    indication: str
    intended_use: str
    simulated: bool = Field(description="true: trained on simulated patients; must not inform care")
    groups: list[InputGroupAnswer]
    endpoints: list[EndpointDescriptionAnswer]
    inputs: list[InputDescriptionAnswer] = Field(description="in the order of their groups")

    @classmethod
    def of(cls, summary: p.ModelSummary) -> Self:
        """Make the answer of a summary."""
        return cls.model_validate(summary)


class ModelsAnswer(Answer):
    """The models that can be asked."""

    models: list[ModelAnswer]


class ModelCardAnswer(Answer):
    """What a model learned from, how good it is and for whom it is not."""

    ref: ModelRefAnswer
    markdown: str = Field(description="CommonMark with tables")
