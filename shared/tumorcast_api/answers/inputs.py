"""What became of each input group."""

from __future__ import annotations

from pydantic import Field

from tumorcast_api.answers.base import Answer, ContributionAnswer, IntervalAnswer, ReasonAnswer
from tumorcast_core import prognosis as p
from tumorcast_core.snapshot import Modality, Severity


class FeatureContributionAnswer(Answer):
    """What one input did to one endpoint."""

    endpoint_id: str
    input: str = Field(description="input name in the model's description")
    value: float = Field(
        description="difference to the average training patient, in log odds or log hazard; positive: more events"
    )
    words: str = Field(description="the same in the input's own words")


class WorthAnswer(Answer):
    """What a missing group is expected to add, from the model's own evaluation."""

    endpoint_id: str
    score: str = Field(description="score that it would raise: AUC or C")
    gain: float = Field(description="expected gain over the groups that were used")
    interval: IntervalAnswer


class InputAnswer(Answer):
    """What became of one input group of the model."""

    modality: Modality
    group: str
    status: p.InputStatus
    reason: ReasonAnswer | None = Field(description="why it is absent or rejected; null when used")
    contributions: list[ContributionAnswer] = Field(
        description="what the group did to each endpoint (exact Shapley value, in probability)"
    )
    features: list[FeatureContributionAnswer] = Field(
        description="what its single inputs did; empty unless used, and where the model cannot say"
    )
    worth: list[WorthAnswer] = Field(
        description="how much better the answer would be if the group were given; empty if used"
    )


class IssueAnswer(Answer):
    """Something to know about the input."""

    severity: Severity = Field(description="with `error` and `fatal` something was not used")
    code: str = Field(description="stable reason code")
    message: str
    location: str = Field(description="FHIRPath, DICOM UID or document fragment; empty: the input as a whole")
    origin: str = Field(description="who noticed it: imaging, clinical, notes, fusion or gateway")
    timepoint: str = Field(description="role of the timepoint; empty: none")
