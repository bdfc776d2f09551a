"""Code systems: their canonical URIs, the aliases that records use, and whether one is public or local."""

from __future__ import annotations

from tumorcast_clinical.model.record.tree import Json, text

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NCI_THESAURUS = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10_GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ATC = "http://www.whocc.no/atc"
HGNC = "http://www.genenames.org/geneId"
SEQUENCE_ONTOLOGY = "http://sequenceontology.org"
UCUM = "http://unitsofmeasure.org"

SHORT = {
    "loinc": LOINC,
    "sct": SNOMED,
    "rxnorm": RXNORM,
    "ncit": NCI_THESAURUS,
    "icd10": ICD_10,
    "icd10cm": ICD_10_CM,
    "icdo3": ICD_O_3,
    "atc": ATC,
    "hgnc": HGNC,
    "so": SEQUENCE_ONTOLOGY,
}
"""Names by which the tables of this service call a system."""

_ALIASES = {
    LOINC: ("https://loinc.org", "http://loinc.org/", "https://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"),
    SNOMED: ("https://snomed.info/sct", "http://snomed.info/sct/", "urn:oid:2.16.840.1.113883.6.96"),
    RXNORM: ("https://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"),
    NCI_THESAURUS: (
        "http://ncimeta.nci.nih.gov",
        "http://ncithesaurus-stage.nci.nih.gov",
        "urn:oid:2.16.840.1.113883.3.26.1.1",
        "https://nih-ncpi.github.io/ncpi-fhir-ig/CodeSystem-ncit.html",
    ),
    ICD_10: (
        "urn:oid:2.16.840.1.113883.6.3",
        "http://id.who.int/icd/release/10",
        "http://hl7.org/fhir/sid/icd-10-am",
    ),
    ICD_10_CM: ("urn:oid:2.16.840.1.113883.6.90",),
    ICD_10_GM: ("http://fhir.de/CodeSystem/dimdi/icd-10-gm",),
    ICD_O_3: (
        "urn:oid:2.16.840.1.113883.6.43.1",
        "http://terminology.hl7.org/CodeSystem/icd-o-3-morphology",
        "http://hl7.org/fhir/sid/icd-o-3",
    ),
    ATC: (
        "http://fhir.de/CodeSystem/bfarm/atc",
        "http://fhir.de/CodeSystem/dimdi/atc",
        "urn:oid:2.16.840.1.113883.6.73",
    ),
    HGNC: ("http://www.genenames.org", "https://www.genenames.org", "urn:oid:2.16.840.1.113883.6.281"),
    SEQUENCE_ONTOLOGY: (
        "http://www.sequenceontology.org",
        "http://www.sequenceontology.org/",
        "http://sequenceontology.org/",
    ),
    UCUM: ("https://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"),
}
_HL7 = ("http://hl7.org/fhir/", "http://terminology.hl7.org/CodeSystem/")
_UNREAD = frozenset(
    {"http://www.ama-assn.org/go/cpt", "http://www.cms.gov/Medicare/Coding/ICD10", "urn:iso:std:iso:11073:10101"}
    | {"http://dicom.nema.org/resources/ontology/DCM", "http://varnomen.hgvs.org", "http://va.gov/terminology/medrt"}
    | {"http://fhir.de/CodeSystem/bfarm/ops", "http://fhir.de/CodeSystem/ifa/pzn", "http://dmd.nhs.uk"}
)
"""Public systems that no table of analytes reads, by the URIs that HL7 lists (terminology.hl7.org)."""

_CANONICAL = {alias: system for system, aliases in _ALIASES.items() for alias in (system, *aliases)}


def system_of(coding: Json) -> str:
    """Return the canonical URI of the coding's system; as written where it is not known, empty where none is given."""
    system = text(coding, "system").strip()
    return _CANONICAL.get(system, system)


def is_public(system: str) -> bool:
    """Whether the system is known by its URI; any other is a hospital's own, or a typing error.

    >>> is_public(LOINC), is_public("http://hl7.org/fhir/sid/ndc"), is_public("http://hospital.example/labs")
    (True, True, False)
    """
    return system in _ALIASES or system in _UNREAD or system.startswith(_HL7)
