"""What the answers of a DICOMweb server mean (DICOM PS3.18 Annexes F and I, section 8.5)."""

from __future__ import annotations

from typing import Any

import httpx

from tumorcast_core.errors import InvalidInput, PayloadTooLarge, ResourceExhausted, ServiceUnavailable, StudyNotFound
from tumorcast_imaging.adapters.studies.multipart import Unreadable
from tumorcast_imaging.dicom.header import UID

_SOP_INSTANCE_UID, _SERIES_INSTANCE_UID = "00080018", "0020000E"
_FAILED_SOP_SEQUENCE, _OTHER_FAILURES, _FAILURE_REASON = "00081198", "0008119A", "00081197"
_OUT_OF_RESOURCES, _PROCESSING_FAILURE = 0xA7, 0x0110


def raise_status(status: int, *, storing: bool) -> None:
    """Raise what a status means; those of a failed store with a body to read (400, 409) pass."""
    if status == httpx.codes.NO_CONTENT and not storing:
        raise StudyNotFound
    if httpx.codes.is_success(status) or (storing and status in (400, 409)):
        return
    match status:
        case 401 | 403:
            raise ServiceUnavailable("The DICOMweb server refuses this service's credentials.")
        case 404 | 410 if not storing:
            raise StudyNotFound
        case 413:
            raise PayloadTooLarge("The file is larger than the DICOMweb server takes.")
        case 429 | 507:
            raise ResourceExhausted("The DICOMweb server is at its limit; try again later.")
        case _ if httpx.codes.is_redirect(status):
            raise ServiceUnavailable("The DICOMweb server redirects elsewhere, which is not followed.")
        case _:
            raise ServiceUnavailable(f"The DICOMweb server failed with status {status}.")


def raise_failures(status: int, answer: Any) -> None:
    """Raise what the Store Instances Response Module (PS3.18 Annex I) says of the only instance that was sent."""
    failed = answer.get(_FAILED_SOP_SEQUENCE, {}).get("Value") or answer.get(_OTHER_FAILURES, {}).get("Value")
    if not failed:
        if httpx.codes.is_success(status):
            return
        raise InvalidInput("The DICOMweb server refused the file.")
    reason = int(failed[0].get(_FAILURE_REASON, {}).get("Value", [_PROCESSING_FAILURE])[0])
    if reason >> 8 == _OUT_OF_RESOURCES:
        raise ResourceExhausted("The DICOMweb server's store is full.")
    raise InvalidInput(f"The DICOMweb server refused the file with failure reason {reason:04X}H.")


def instance_and_series(item: Any) -> tuple[str, str]:
    """SOP and series instance UID of one item of an instance list; foreign items make it raise ``LookupError`` etc."""
    return _uid(item, _SOP_INSTANCE_UID), _uid(item, _SERIES_INSTANCE_UID)


def _uid(item: Any, tag: str) -> str:
    """A UID of a DICOM JSON object (PS3.18 Annex F); it becomes part of a path, so nothing else will do."""
    (value,) = item[tag]["Value"]
    if not UID.fullmatch(value):
        raise Unreadable
    return str(value)
