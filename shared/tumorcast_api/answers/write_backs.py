"""Prognoses on the EHR."""

from __future__ import annotations

from pydantic import Field

from tumorcast_api.answers.base import Answer


class WrittenResourceAnswer(Answer):
    """One FHIR resource on the EHR."""

    kind: str = Field(description="resource type, e.g. `RiskAssessment`")
    reference: str = Field(description="`Type/id` there; empty: the server does not tell")
    created: bool = Field(description="false: it was there already, and stays as it is")


class WriteBackAnswer(Answer):
    """What stands on the EHR now."""

    prognosis_id: str
    resources: list[WrittenResourceAnswer]
