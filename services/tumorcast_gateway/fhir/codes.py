"""Code systems and codes that the resources speak, each with where it was read.

LOINC: 21889-1, 33728-7, 33729-5, 97509-4 by mCODE 4.0.0 (profiles TumorSize, CancerDiseaseStatus); 75328-5 by C-CDA
(Prognosis Observation). SNOMED CT: trends by mCODE's ConditionStatusTrendVS, modalities by its TumorSizeMethodVS,
evidence by its CancerDiseaseStatusEvidenceTypeVS.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
DICOM_UID = "urn:dicom:uid"  # FHIR R4 section 2.24.0.12 (Identifier): the value is urn:oid:<uid>
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
OBSERVATION_CATEGORY, DATA_ABSENT = f"{_TERMINOLOGY}/observation-category", f"{_TERMINOLOGY}/data-absent-reason"
REPORT_SECTION = f"{_TERMINOLOGY}/v2-0074"
OURS, MODEL = "urn:tumorcast:prognosis", "urn:tumorcast:model"
EVIDENCE_TYPE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-disease-status-evidence-type"
REPORT_RISK = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-risk"
TEST_DATA = {"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}


def concept(system: str, code: str, display: str, text: str = "") -> Json:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding], "text": text} if text else {"coding": [coding]}


PROGNOSIS = concept(LOINC, "75328-5", "Prognosis", "Tumor prognosis")
TUMOR_SIZE = concept(LOINC, "21889-1", "Size Tumor")
LONGEST_DIAMETER = concept(LOINC, "33728-7", "Size.maximum dimension in Tumor")
SHORT_AXIS = concept(LOINC, "33729-5", "Size additional dimension in Tumor")
VOLUME = concept(SNOMED, "118565006", "Volume")
DISEASE_STATUS = concept(LOINC, "97509-4", "Cancer disease progression")
IMAGING_CATEGORY = concept(OBSERVATION_CATEGORY, "imaging", "Imaging")
OTHER_SECTION = concept(REPORT_SECTION, "OTH", "Other")
IMAGING_EVIDENCE = concept(SNOMED, "363679005", "Imaging (procedure)")
MODALITIES = {
    "CT": concept(SNOMED, "77477000", "Computerized axial tomography (procedure)"),
    "MR": concept(SNOMED, "113091000", "Magnetic resonance imaging (procedure)"),
    "PT": concept(SNOMED, "82918005", "Positron emission tomography (procedure)"),
}
IMPROVED = ("268910001", "Patient's condition improved (finding)")
STABLE = ("359746009", "Patient's condition stable (finding)")
WORSENED = ("271299001", "Patient's condition worsened (finding)")

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 section 2.24.0.1, data type id
_REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})")
# No control characters in a FHIR string (section 2.24.0.1), none that XML cannot hold in a narrative.
_OTHER_BLANK = re.compile(r"[^\S \r\n\t]")  # R4's string: [ \r\n\t\S]+
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")


def is_id(text: str) -> bool:
    """Whether it can be the id of a resource, and safely a part of a URL.

    >>> is_id("17"), is_id(".."), is_id("a/b")
    (True, False, False)
    """
    return bool(_ID.fullmatch(text)) and text not in (".", "..")


def local_reference(text: str) -> tuple[str, str] | None:
    """Type and id of ``Type/id``; a place within the resource after ``#`` does not count.

    >>> local_reference("Observation/123#component[0]"), local_reference("n1#char=3,10")
    (('Observation', '123'), None)
    """
    found = _REFERENCE.fullmatch(text.partition("#")[0])
    return (found[1], found[2]) if found and is_id(found[2]) else None


def plain(text: str) -> str:
    """The text as a FHIR string: trimmed, with plain blanks, without what neither JSON readers nor XHTML take."""
    return _UNPRINTABLE.sub("\ufffd", _OTHER_BLANK.sub(" ", text)).strip()


def filled(node: Json) -> Json:
    """Without what is empty: FHIR has no empty values."""
    return {key: value for key, value in node.items() if value not in (None, "", [], {}, ())}


def identifier(value: str) -> Json:
    """The business identifier of one of our resources, by which an EHR finds it again."""
    return {"system": OURS, "value": value}


def dicom_uid(uid: str) -> Json:
    """A DICOM UID as identifier."""
    return {"system": DICOM_UID, "value": f"urn:oid:{uid}"}


def quantity(value: float, unit: str) -> Json:
    """A quantity in a UCUM unit, to two decimals."""
    return {"value": round(value, 2), "unit": unit, "system": UCUM, "code": unit}


def instant(moment: datetime) -> str:
    """A moment as FHIR instant, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
