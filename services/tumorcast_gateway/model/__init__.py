"""What the gateway computes: one query's way through the services, and every use case around it, free of wires."""

from tumorcast_gateway.model.admission import Admission
from tumorcast_gateway.model.answering import FUSION_RESERVE_S, Answered, answer_query
from tumorcast_gateway.model.caller import ANYONE, Caller, Permission
from tumorcast_gateway.model.desk import Context, Desk, Stored, StudyReading
from tumorcast_gateway.model.explaining import Explanation
from tumorcast_gateway.model.ports import (
    ClinicalPort,
    FusionPort,
    HealthPort,
    ImagingPort,
    NotesPort,
    Ports,
    UploadPort,
)
from tumorcast_gateway.model.reading import Origin
from tumorcast_gateway.model.replaying import Replay
from tumorcast_gateway.model.upload import (
    MAX_CHUNK_BYTES,
    FileStart,
    Piece,
    Upload,
    UploadedInstance,
    UploadedStudy,
    UploadRefusal,
)

__all__ = [
    "ANYONE",
    "FUSION_RESERVE_S",
    "MAX_CHUNK_BYTES",
    "Admission",
    "Answered",
    "Caller",
    "ClinicalPort",
    "Context",
    "Desk",
    "Explanation",
    "FileStart",
    "FusionPort",
    "HealthPort",
    "ImagingPort",
    "NotesPort",
    "Origin",
    "Permission",
    "Piece",
    "Ports",
    "Replay",
    "Stored",
    "StudyReading",
    "Upload",
    "UploadPort",
    "UploadRefusal",
    "UploadedInstance",
    "UploadedStudy",
    "answer_query",
]
