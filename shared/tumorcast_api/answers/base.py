"""What several parts of the answer are made of."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from tumorcast_core.snapshot import Feature


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


class CodingAnswer(Answer):
    """A concept of a code system, as FHIR Coding."""

    system: str = Field(description="URI of the code system; empty: no public code is known")
    code: str
    display: str


class FeatureAnswer(Answer):
    """One catalogued fact: a number, a category, or neither where it is known to be unknown."""

    name: str = Field(description="name in the feature catalog")
    number: float | None = Field(description="in `unit`")
    category: str | None
    unit: str = Field(description="UCUM; empty: dimensionless or categorical")
    coding: CodingAnswer | None
    effective: str = Field(description="when it was true, FHIR dateTime; empty: undated")
    source: str = Field(description="where it was read; empty: not told")
    timepoint: str = Field(description="role of the timepoint; empty: none")
    comparator: str = Field(description="`<`, `<=`, `>=` or `>` where `number` is only a bound")
    status: str = Field(description="FHIR Observation.status where it is not final")
    sources: list[str] = Field(description="what it was derived from")
    formula: str = Field(description="how it was derived; empty: it was read")

    @model_validator(mode="before")
    @classmethod
    def _of_feature(cls, given: Any) -> Any:
        """A feature has one value, which stands under the name of its kind."""
        if not isinstance(given, Feature):
            return given
        plain = {name: getattr(given, name) for name in cls.model_fields if name not in ("number", "category")}
        is_category = isinstance(given.value, str)
        return plain | {
            "number": None if is_category else given.value,
            "category": given.value if is_category else None,
        }
