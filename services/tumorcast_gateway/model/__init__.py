"""What the gateway computes: one query's way through the services, free of wires."""

from tumorcast_gateway.model.create import FUSION_RESERVE_S, create_prognosis
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
    "FUSION_RESERVE_S",
    "MAX_CHUNK_BYTES",
    "ClinicalPort",
    "FileStart",
    "FusionPort",
    "HealthPort",
    "ImagingPort",
    "NotesPort",
    "Origin",
    "Piece",
    "Ports",
    "Upload",
    "UploadPort",
    "UploadRefusal",
    "UploadedInstance",
    "UploadedStudy",
    "create_prognosis",
]
