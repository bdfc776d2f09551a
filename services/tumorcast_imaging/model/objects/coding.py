"""Codes as DICOM writes them: FHIR code systems ↔ coding scheme designators (PS3.16 section 8)."""

from __future__ import annotations

import re

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from tumorcast_core.snapshot import Coding
from tumorcast_imaging.model.objects.text import long_string

_DESIGNATORS = {
    "http://snomed.info/sct": "SCT",
    "http://loinc.org": "LN",
    "http://dicom.nema.org/resources/ontology/dcm": "DCM",
    "http://unitsofmeasure.org": "UCUM",
    "http://sig.biostr.washington.edu/fma3.0": "FMA",
    "http://www.radlex.org": "RADLEX",
}
_DESIGNATOR = re.compile(r"[A-Za-z0-9_.-]{1,16}")
_CODE = re.compile(r"[!-\[\]-~]{1,64}")
"""Printable ASCII without space and backslash; beyond 16 characters it becomes a Long Code Value."""

ABNORMAL_STRUCTURE: Code = codes.SCT.MorphologicallyAbnormalStructure
"""Category of a lesion (CID 7150), where its source gives none."""
MASS: Code = codes.SCT.Mass
"""Type of a lesion (CID 7159), where its source gives none: nobody has said that it is a neoplasm."""


def concept(coding: Coding | None) -> CodedConcept | None:
    """The coding as a DICOM code, or ``None`` where it is none that DICOM can write."""
    if coding is None:
        return None
    system = coding.system.strip()
    designator = _DESIGNATORS.get(system.lower().rstrip("/"), system)
    if not _DESIGNATOR.fullmatch(designator) or not _CODE.fullmatch(coding.code):
        return None
    return CodedConcept(coding.code, designator, long_string(coding.display, coding.code[:64]))
