"""One patient's record with something of every kind that is read, and what must never be said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from support.records import (
    LOINC,
    RXNORM,
    SNOMED,
    UCUM,
    Resource,
    concept,
    diagnosis,
    medication,
    observation,
    patient,
    procedure,
)

NAME, MRN, NOTE = "Quibble_worth", "MRN_77_315590", "told_in confidence"
SECRETS = (NAME, MRN, NOTE, "7319")
"""What no message may hold: a name, a number, a note, and the digits that every value of the record ends in."""
SERVER = "https://fhir.example.org/r4"

HGNC, SEQUENCE_ONTOLOGY = "http://www.genenames.org/geneId", "http://sequenceontology.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
GENOMICS = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"

_LABS = (
    ("718-7", 12.17319, "g/dL"),
    ("751-8", 4.17319, "10*9/L"),
    ("731-0", 1.47319, "K/uL"),
    ("777-3", 231.7319, "10*3/uL"),
    ("1751-7", 38.17319, "g/L"),
    ("1975-2", 0.97319, "mg/dL"),
    ("2160-0", 88.7319, "umol/L"),
    ("2532-0", 3.47319, "ukat/L"),
    ("1988-5", 12.7319, "mg/L"),
    ("2039-6", 7.7319, "ng/mL"),
    ("2857-1", 4.7319, "ug/L"),
    ("6301-6", 1.17319, "{INR}"),
)


def rich_resources() -> list[Resource]:
    """The patient p1 first; then what is used, what is not used and why, in no special order."""
    return [_person(), *_labs(), *_odd_labs(), *_findings(), *_genomics(), *_diseases(), *_treatments(), *_others()]


def rich_bundle(kind: str = "collection") -> bytes:
    """All of it in one Bundle, each with its ``fullUrl``."""
    return bundle_of([entry_of(resource) for resource in rich_resources()], kind)


def entry_of(resource: Resource) -> Resource:
    """The entry of a Bundle, under an absolute ``fullUrl``."""
    return {"fullUrl": f"{SERVER}/{name_of(resource)}", "resource": resource}


def bundle_of(entries: Sequence[Any], kind: str = "collection") -> bytes:
    """A Bundle of these entries."""
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": list(entries)}).encode()


def lines_of(resources: Sequence[Resource]) -> bytes:
    """The resources as newline-delimited JSON."""
    return b"".join(json.dumps(resource).encode() + b"\n" for resource in resources)


def name_of(resource: Resource) -> str:
    """``Type/id``."""
    return f"{resource['resourceType']}/{resource['id']}"


def subject(id_: str) -> Resource:
    """The elements that say whose a resource is."""
    return {"subject": {"reference": f"Patient/{id_}"}}


def _person() -> Resource:
    return patient(
        name=[{"family": NAME, "given": [NAME]}],
        identifier=[{"system": "https://hospital.example.org/mrn", "value": MRN}],
        birthDate="1960-05-20",
        deceasedBoolean=False,
    )


def _labs() -> list[Resource]:
    found = []
    for day in ("2025-12-10", "2026-01-12T08:30:00+01:00", "2026-03-01"):
        for i, (code, value, unit) in enumerate(_LABS):
            id_ = f"lab-{day[:10]}-{i}"
            said = {"note": [{"text": NOTE}], "effectiveDateTime": day, "specimen": {"reference": "Specimen/s1"}}
            found.append(observation(id_, code, value, unit, **(said if i % 3 == 0 else {"effectiveDateTime": day})))
    return found


def _odd_labs() -> list[Resource]:
    quantity = {"value": 3.7319, "unit": "g/dL", "system": UCUM, "code": "g/dL"}
    return [
        observation("bound", "1988-5", valueQuantity={"value": 0.57319, "unit": "mg/L", "comparator": "<"}),
        observation("early", value=9.7319, status="preliminary", effectiveDateTime="2026-02-14"),
        observation("wrong", value=8.7319, status="entered-in-error"),
        observation("future", value=7.7319, effectiveDateTime="2026-05-01"),
        observation("rough", value=10.7319, effectiveDateTime="2026-02"),
        observation("undated", "1920-8", 31.7319, "U/L", effectiveDateTime=None),
        observation("furlong", value=12.7319, unit="furlong"),
        observation("implausible", value=99.7319),
        observation("local", code={"coding": [{"system": "urn:local", "code": "HB"}], "text": NOTE}),
        observation("absent", "2823-3", valueQuantity=None, dataAbsentReason={"text": NOTE}, valueString=None),
        observation("worded", "2823-3", valueString=f"4.7319 {NOTE}"),
        observation("unmapped", "9999-9", value=1.7319),
        observation("period", "2951-2", 139.7319, "mmol/L", effectiveDateTime=None,
                    effectivePeriod={"start": "2026-01-03", "end": "2026-01-04"}),
        observation("panel", "58410-2", valueString=None, component=[
            {"code": concept(LOINC, "718-7"), "valueQuantity": quantity | {"value": 11.7319}},
            {"code": concept(LOINC, "26515-7"), "valueQuantity": {"value": 207.7319, "unit": "10*9/L"}},
            {"code": concept(LOINC, "0-0"), "valueQuantity": quantity},
        ]),
        observation("alike", value=11.57319), observation("alike", value=11.57319),
        observation("stranger", value=6.7319, **subject("p2")),
        observation("nobody", "17861-6", 2.37319, "mmol/L", subject=None),
    ]  # fmt: skip


def _coded(id_: str, code: str, system: str, answer: str, display: str = "", **more: Any) -> Resource:
    return observation(id_, code, valueCodeableConcept=concept(system, answer, display), **more)


def _findings() -> list[Resource]:
    size = {"unit": "cm", "system": UCUM, "code": "cm"}
    return [
        observation("ecog", "89247-1", valueInteger=1),
        observation("weight", "29463-7", 72.7319, "kg"),
        observation("height", "8302-2", 1.757319, "m"),
        _coded("smoking", "72166-2", SNOMED, "8517006"),
        _coded("status", "97509-4", SNOMED, "271299001"),
        _coded("ct", "21905-5", "http://cancerstaging.org", "cT2a"),
        _coded("pn", "21900-6", "http://cancerstaging.org", "pN1a"),
        _coded("cm", "21907-1", SNOMED, "1229910003"),
        _coded("stage", "21908-9", SNOMED, "258228008", "Stage 4", focus=[{"reference": "Condition/cancer"}]),
        observation("size", "21889-1", valueString=None, component=[
            {"code": concept(LOINC, "33728-7"), "valueQuantity": size | {"value": 2.57319}},
            {"code": concept(LOINC, "33729-5"), "valueQuantity": size | {"value": 1.47319}},
        ]),
    ]  # fmt: skip


def _part(code: str, value: Resource) -> Resource:
    return {"code": concept(LOINC, code), "valueCodeableConcept": value}


def _variant(id_: str, *parts: Resource, **more: Any) -> Resource:
    return _coded(id_, "69548-6", LOINC, "LA9633-4", "Present", component=list(parts), **more)


def _genomics() -> list[Resource]:
    pathogenic = _part("53037-8", concept(LOINC, "LA6668-3", "Pathogenic"))
    percent = {"value": 60.7319, "unit": "%", "system": UCUM, "code": "%"}
    return [
        _variant("kras", _part("48018-6", concept(HGNC, "HGNC:6407", "KRAS")), pathogenic),
        _variant("braf", _part("48018-6", concept(HGNC, "HGNC:1097", "BRAF"))),
        _variant("brca", _part("48018-6", concept(HGNC, "HGNC:1100", "BRCA1")), pathogenic,
                 _part("48002-0", concept(LOINC, "LA6683-2", "Germline"))),
        observation("implied", code=concept(GENOMICS, "diagnostic-implication"), valueString=None,
                    component=[pathogenic], derivedFrom=[{"reference": "Observation/braf"}]),
        _coded("msi", "81695-9", LOINC, "LA26203-2"),
        observation("tmb", "94076-7", 12.7319, "1/1000000{Nucleotide}"),
        observation("er", "85329-1", valueQuantity=percent),
        _coded("her2", "48676-1", LOINC, "LA6577-6", "Negative"),
    ]  # fmt: skip


def _diseases() -> list[Resource]:
    cancer = (ICD10, "C34.11")
    return [
        diagnosis(cancer, id="cancer", onsetDateTime="2025-11", clinicalStatus=concept(CLINICAL, "active"),
                  note=[{"text": NOTE}],
                  extension=[{"url": MORPHOLOGY, "valueCodeableConcept": concept(
                      "http://terminology.hl7.org/CodeSystem/icd-o-3", "8140/3")}],
                  stage=[{"summary": concept(SNOMED, "258228008", "Stage 4"),
                          "assessment": [{"reference": "Observation/stage"}]}]),
        diagnosis((ICD10, "C79.51"), id="bone"),
        diagnosis((SNOMED, "44054006"), id="diabetes"),
        diagnosis((ICD10, "I50.22"), id="refuted", verificationStatus=concept(VERIFICATION, "refuted")),
        diagnosis((ICD10, "C50.911"), id="later", recordedDate="2026-04-02"),
        diagnosis((ICD10, "C61"), id="theirs", **subject("p2")),
        {"resourceType": "FamilyMemberHistory", "id": "mother", "status": "completed", "name": NAME,
         "patient": {"reference": "Patient/p1"}, "relationship": {"text": "mother"},
         "condition": [{"code": concept(ICD10, "C50.911")}]},
    ]  # fmt: skip


def _treatments() -> list[Resource]:
    reason = {"reasonReference": [{"reference": "Condition/cancer"}]}
    return [
        medication(id_="order", rxnorm="32592", **reason),
        medication("MedicationAdministration", "dose-1", "32592", effectiveDateTime="2026-01-05"),
        medication("MedicationAdministration", "dose-2", "32592", effectiveDateTime="2026-01-26"),
        medication("MedicationAdministration", "not-given", "32592", status="not-done"),
        medication("MedicationAdministration", "dose-later", "32592", effectiveDateTime="2026-04-06"),
        medication("MedicationStatement", "home", "1547545", effectiveDateTime=None,
                   effectivePeriod={"start": "2026-02-20"}, dosage=[{"text": NOTE}]),
        medication(id_="stopped", rxnorm="1547545", status="stopped"),
        medication(id_="theirs", rxnorm="1547545", **subject("p2")),
        {"resourceType": "Medication", "id": "drug", "code": concept(RXNORM, "1547545")},
        medication(id_="by-reference", medicationCodeableConcept=None,
                   medicationReference={"reference": "Medication/drug"}),
        procedure(concept(SNOMED, "392021009"), id="surgery", reasonCode=None, **reason, note=[{"text": NOTE}]),
        procedure(concept(SNOMED, "53438000"), id="radiation", performedDateTime=None,
                  performedPeriod={"start": "2026-02-01", "end": "2026-02-28"}),
        procedure(concept(SNOMED, "86273004"), id="biopsy"),
        procedure(concept(SNOMED, "392021009"), id="undone", status="not-done"),
    ]  # fmt: skip


def _others() -> list[Resource]:
    return [
        {"resourceType": "OperationOutcome", "id": "outcome",
         "issue": [{"severity": "warning", "code": "incomplete", "diagnostics": NOTE}]},
        {"resourceType": "Specimen", "id": "s1", "subject": {"reference": "Patient/p1"}},
        {"resourceType": "Encounter", "id": "visit", "status": "finished", "subject": {"reference": "Patient/p1"},
         "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
        {"resourceType": "DiagnosticReport", "id": "report", "status": "final", "code": concept(LOINC, "58410-2"),
         "subject": {"reference": "Patient/p1"}, "conclusion": NOTE,
         "result": [{"reference": "Observation/panel"}]},
    ]  # fmt: skip
