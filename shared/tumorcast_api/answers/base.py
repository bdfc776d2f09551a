"""What several parts of the answer are made of."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer


class Answer(BaseModel):
    """Read from the attributes of a domain object, or from JSON."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_OrNull = PlainSerializer(_finite, return_type=float | None, when_used="json")
Lower = Annotated[float, BeforeValidator(lambda value: -math.inf if value is None else value), _OrNull]
Upper = Annotated[float, BeforeValidator(lambda value: math.inf if value is None else value), _OrNull]


class ModelRefAnswer(Answer):
    """Identity of a model."""

    name: str
    version: str
    sha256: str = Field(description="over manifest and weights")


class ReasonAnswer(Answer):
    """Why something is as it is."""

    code: str = Field(description="stable reason code")
    message: str


class IntervalAnswer(Answer):
    """A range of plausible values."""

    lower: float
    upper: Upper = Field(description="null: not reached within the model's follow-up")
    level: float = Field(description="nominal level, e.g. 0.95")


class ContributionAnswer(Answer):
    """A number that belongs to an endpoint: P(event), or probability of no event at a horizon, or a part of one."""

    endpoint_id: str
    value: float
    horizon_days: float = Field(description="0: not an endpoint about times")
