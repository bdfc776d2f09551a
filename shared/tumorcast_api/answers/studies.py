"""What became of an upload, and what imaging reads of a study."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from tumorcast_api.answers.base import Answer, CodingAnswer, FeatureAnswer
from tumorcast_api.answers.inputs import IssueAnswer


class UploadedStudyAnswer(Answer):
    """A study that received instances."""

    study_id: str = Field(description="opaque id, for GET /v1/studies/{study_id}")
    study_instance_uid: str = Field(description="for `timepoints[].study_instance_uid` of a query")
    instances: int = Field(description="instances stored by this upload, including those that were there already")
    segmentation_uids: list[str] = Field(description="SOP instance UIDs of segmentations among them")
    date: str = Field(description="study date, ISO 8601; empty: none")


class UploadRefusalAnswer(Answer):
    """A file that was not stored."""

    position: int = Field(description="part of the body, from 0")
    code: str = Field(description="stable reason code")
    message: str


class UploadAnswer(Answer):
    """What became of an upload."""

    studies: list[UploadedStudyAnswer]
    refusals: list[UploadRefusalAnswer]

    @classmethod
    def of(cls, stored: Any) -> Self:
        """Make the answer of what was stored."""
        studies = [
            {name: getattr(study, name) for name in UploadedStudyAnswer.model_fields if name != "study_id"}
            | {"study_id": study_id}
            for study, study_id in zip(stored.upload.studies, stored.study_ids, strict=True)
        ]
        return cls.model_validate({"studies": studies, "refusals": stored.upload.refusals}, from_attributes=True)


class LesionAnswer(Answer):
    """One lesion in one series."""

    tracking_uid: str = Field(description="the same for one lesion at every timepoint")
    label: str
    series_instance_uid: str
    dicom_modality: str = Field(description="DICOM modality of the series, e.g. CT")
    source: str = Field(description="SOP instance UID of where it was drawn")
    date: str = Field(description="ISO 8601; empty: none")
    measurements: list[FeatureAnswer]
    site: CodingAnswer | None = Field(description="where it lies, as the drawing codes it")
    organ: str = Field(description="organ that it is said to lie in; empty: not said")
    lymph_node: bool = Field(description="whether it is said to be a lymph node")


class StudyAnswer(Answer):
    """One stored study: what imaging reads of it."""

    study_id: str
    study_instance_uid: str
    date: str = Field(description="acquisition or study date, ISO 8601; empty: none")
    features: list[FeatureAnswer] = Field(description="measurements that models read")
    lesions: list[LesionAnswer] = Field(description="every lesion of every series")
    issues: list[IssueAnswer] = Field(description="what was noticed")
