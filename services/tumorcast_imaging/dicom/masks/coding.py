"""A coded concept of a DICOM object as a Coding."""

from __future__ import annotations

from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom.nested import Item

SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
}
"""Coding scheme designators (PS3.16 section 8) and their FHIR systems; any other designator stands for itself."""
LEAVES = ("CodeValue", "LongCodeValue", "CodingSchemeDesignator", "CodeMeaning")
"""What must be read of a code sequence."""


def coding(item: Item | None) -> Coding | None:
    """The concept of a code sequence's item (PS3.3 section 8.1); none if it has no value."""
    code = (item.text("CodeValue") or item.text("LongCodeValue")) if item else ""
    if item is None or not code:
        return None
    scheme = item.text("CodingSchemeDesignator")
    return Coding(SYSTEMS.get(scheme, scheme), code, item.text("CodeMeaning"))
