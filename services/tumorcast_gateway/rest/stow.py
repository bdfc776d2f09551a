"""The Store Instances Response Module (DICOM PS3.18 Annex I) in the DICOM JSON model (PS3.18 Annex F).

Every stored instance stands in the Referenced SOP Sequence, every refused one in the Failed SOP Sequence or, where its
UIDs could not be read, in the Other Failures Sequence. Retrieve URL is type 2, and empty: nothing is retrieved here.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tumorcast_gateway.model import Upload, UploadRefusal

# Failure Reason (0008,1197), PS3.18 section I.2.2; of DIMSE, PS3.7 section C.5: 0111H.
OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA901
CANNOT_UNDERSTAND = 0xC000
DUPLICATE_INSTANCE = 0x0111
PROCESSING_FAILURE = 0x0110
FAILURES = {
    "INSTANCE_CONFLICT": DUPLICATE_INSTANCE,
    "NOT_DICOM": CANNOT_UNDERSTAND,
    "PAYLOAD_TOO_LARGE": OUT_OF_RESOURCES,
    "RESOURCE_EXHAUSTED": OUT_OF_RESOURCES,
    "STUDY_MISMATCH": MISMATCH,
}

_RETRIEVE_URL, _SOP_CLASS, _SOP_INSTANCE, _REASON = "00081190", "00081150", "00081155", "00081197"
_REFERENCED, _FAILED, _OTHER = "00081199", "00081198", "0008119A"
_NO_URL = {"vr": "UR"}


def store_instances_response(upload: Upload) -> bytes:
    """Render an upload as one DICOM JSON object."""
    sequences = {
        _REFERENCED: [
            {**_instance(u.sop_class_uid, u.sop_instance_uid), _RETRIEVE_URL: _NO_URL} for u in upload.uploaded
        ],
        _FAILED: [
            {**_instance(r.sop_class_uid, r.sop_instance_uid), _REASON: _reason(r)}
            for r in upload.refusals
            if r.sop_instance_uid
        ],
        _OTHER: [{_REASON: _reason(r)} for r in upload.refusals if not r.sop_instance_uid],
    }
    dataset = {tag: _element("SQ", *items) for tag, items in sequences.items() if items}
    return msgspec.json.encode({_RETRIEVE_URL: _NO_URL, **dataset})


def _instance(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Any]:
    return {_SOP_CLASS: _element("UI", sop_class_uid), _SOP_INSTANCE: _element("UI", sop_instance_uid)}


def _reason(refusal: UploadRefusal) -> dict[str, Any]:
    return _element("US", FAILURES.get(refusal.code, PROCESSING_FAILURE))


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}
