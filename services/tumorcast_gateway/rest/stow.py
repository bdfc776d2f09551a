"""The Store Instances Response Module (DICOM PS3.18 Annex I) in the DICOM JSON model (PS3.18 Annex F).

``UploadStudy`` reports by study, so that stored instances are told in a ReferencedStudySequence (0008,1110) and
refusals, whose SOP class and instance nobody could read, in the OtherFailuresSequence (0008,119A).
"""

from __future__ import annotations

from typing import Any

import msgspec

from tumorcast_gateway.model import Upload

# Failure Reason (0008,1197), PS3.18 Table I.2-2.
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0x0110
FAILURES = {
    "NOT_DICOM": CANNOT_UNDERSTAND,
    "PAYLOAD_TOO_LARGE": OUT_OF_RESOURCES,
    "RESOURCE_EXHAUSTED": OUT_OF_RESOURCES,
}


def store_instances_response(upload: Upload, studies_url: str) -> bytes:
    """Render an upload as one DICOM JSON object."""
    urls = [f"{studies_url.split('?')[0].rstrip('/')}/{study.study_instance_uid}" for study in upload.studies]
    dataset: dict[str, Any] = {}
    if upload.studies:
        dataset["00081110"] = _element(
            "SQ",
            *(
                {
                    "00081190": _element("UR", url),
                    "0020000D": _element("UI", study.study_instance_uid),
                    "00201208": _element("IS", study.instances),  # Number of Study Related Instances
                }
                for study, url in zip(upload.studies, urls, strict=True)
            ),
        )
    if len(urls) == 1:
        dataset["00081190"] = _element("UR", urls[0])
    if upload.refusals:
        reasons = (FAILURES.get(refusal.code, PROCESSING_FAILURE) for refusal in upload.refusals)
        dataset["0008119A"] = _element("SQ", *({"00081197": _element("US", reason)} for reason in reasons))
    return msgspec.json.encode(dataset)


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}
