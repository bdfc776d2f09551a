"""Domain ↔ protobuf of the imaging service's own messages."""

from __future__ import annotations

from collections.abc import Sequence

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.errors import TumorcastError
from tumorcast_core.snapshot import Extraction, WantedOfImages
from tumorcast_imaging.model import Instance, StoredInstance


def wanted_from(request: pb.EncodeStudyRequest) -> WantedOfImages | None:
    """What the caller will read; ``None`` where everything is wanted."""
    if not request.HasField("wanted"):
        return None
    return WantedOfImages(frozenset(request.wanted.features), frozenset(request.wanted.encoders))


def encode_response(extraction: Extraction) -> pb.EncodeStudyResponse:
    """Extraction → answer of EncodeStudy."""
    return pb.EncodeStudyResponse(
        features=map(wire.feature_to, extraction.features),
        embeddings=map(wire.embedding_to, extraction.embeddings),
        issues=map(wire.issue_to, extraction.issues),
        patient_id=extraction.patient_id,
        date=extraction.date,
        lesions=map(wire.lesion_to, extraction.lesions),
    )


def upload_response(stored: Sequence[StoredInstance], refusals: Sequence[pb.UploadRefusal]) -> pb.UploadStudyResponse:
    """What became of each file → answer of UploadStudy, one entry per study in order of arrival."""
    studies: dict[str, pb.UploadedStudy] = {}
    for instance in (s.instance for s in stored):
        uid = instance.study_instance_uid
        study = studies.setdefault(uid, pb.UploadedStudy(study_instance_uid=uid))
        study.instances += 1
        study.date = min(filter(None, (study.date, instance.date)), default="")
        if instance.is_segmentation and instance.sop_instance_uid not in study.segmentation_uids:
            study.segmentation_uids.append(instance.sop_instance_uid)
    uploaded = (_uploaded(s.instance) for s in stored)
    return pb.UploadStudyResponse(studies=studies.values(), refusals=refusals, uploaded=uploaded)


def _uploaded(instance: Instance) -> pb.UploadedInstance:
    return pb.UploadedInstance(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        study_instance_uid=instance.study_instance_uid,
    )


def refusal(position: int, label: str, error: TumorcastError, instance: Instance | None) -> pb.UploadRefusal:
    """The refusal of one file, with its UIDs as far as they are known."""
    return pb.UploadRefusal(
        position=position,
        label=label,
        code=error.reason,
        message=error.message,
        sop_class_uid=instance.sop_class_uid if instance else "",
        sop_instance_uid=instance.sop_instance_uid if instance else "",
    )
