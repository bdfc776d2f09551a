"""Morphology that an Observation states (LOINC 59847-4), brought to the one code that stands for its histology."""

from __future__ import annotations

from tumorcast_clinical.model.record.entry import Refusal
from tumorcast_clinical.model.record.tree import Json, child
from tumorcast_clinical.model.terms.answers import value_sets
from tumorcast_clinical.model.terms.diagnoses import morphology_of
from tumorcast_clinical.model.terms.systems import ICD_O_3
from tumorcast_core.catalog import CatalogEntry
from tumorcast_core.snapshot import Severity

_NOT_PRIMARY = {
    "0": Refusal(
        "BENIGN_NEOPLASM", "states a benign morphology, which no feature reads.", severity=Severity.INFORMATION
    ),
    "1": Refusal(
        "UNCERTAIN_NEOPLASM",
        "states a morphology of uncertain behavior, which no feature reads.",
        severity=Severity.INFORMATION,
    ),
    "2": Refusal(
        "IN_SITU_NEOPLASM", "states a morphology in situ, which no feature reads.", severity=Severity.INFORMATION
    ),
    "6": Refusal(
        "UNUSED_ELEMENT",
        "states the morphology of a metastasis, which no feature reads.",
        severity=Severity.INFORMATION,
    ),
}


def as_histology(node: Json, _analyte: CatalogEntry) -> Json | Refusal:
    """Read a morphology of behavior /3 as its histology; any other behavior, and an unknown code, is refused."""
    if "valueCodeableConcept" not in node:
        return node
    found = morphology_of(child(node, "valueCodeableConcept"))
    if found and found.behavior in _NOT_PRIMARY:
        return _NOT_PRIMARY[found.behavior]
    if found is None or not found.histology:
        message = "has a morphology that histology has no category for; it is not used."
        return Refusal("UNKNOWN_VALUE", message, "valueCodeableConcept")
    code = next(code for (_, code), member in value_sets()["histology"].items() if member == found.histology)
    return {"valueCodeableConcept": {"coding": [{"system": ICD_O_3, "code": code}]}}
