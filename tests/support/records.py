"""Small FHIR records for tests, and what is extracted from them."""

from __future__ import annotations

import json
from typing import Any

from tumorcast_clinical.model import extract_features
from tumorcast_core.snapshot import Feature

INDEX = "2026-03-28"
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
UCUM, RXNORM = "http://unitsofmeasure.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
Resource = dict[str, Any]


def concept(system: str, code: str, display: str = "", text: str = "") -> Resource:
    """A CodeableConcept of one coding; empty parts are left out."""
    coding = {key: value for key, value in (("system", system), ("code", code), ("display", display)) if value}
    return {key: value for key, value in (("coding", [coding] if coding else None), ("text", text)) if value}


def patient(**more: Any) -> Resource:
    """A Patient p1; ``None`` removes an element."""
    return _made({"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1960-05-20"}, more)


def observation(id_: str = "o1", loinc: str = "718-7", value: Any = 12.5, unit: str = "g/dL", **more: Any) -> Resource:
    """An Observation of p1: by default a hemoglobin of 12.5 g/dL on 2026-03-01; ``None`` removes an element."""
    base = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": concept(LOINC, loinc),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-01",
    }
    if not any(key.startswith("value") for key in more):
        base["valueQuantity"] = {"value": value, "unit": unit}
    return _made(base, more)


def medication(kind: str = "MedicationRequest", id_: str = "m1", rxnorm: str = "32592", **more: Any) -> Resource:
    """A medication resource of p1: by default an active order of oxaliplatin on 2026-02-20."""
    base: Resource = {
        "resourceType": kind,
        "id": id_,
        "status": "completed" if kind == "MedicationAdministration" else "active",
        "medicationCodeableConcept": concept(RXNORM, rxnorm),
        "subject": {"reference": "Patient/p1"},
    }
    if kind == "MedicationRequest":
        base |= {"intent": "order", "authoredOn": "2026-02-20"}
    else:
        base |= {"effectiveDateTime": "2026-02-20"}
    return _made(base, more)


def condition(**more: Any) -> Resource:
    """A Condition of p1: liver cell carcinoma with stage IV of its own."""
    stage = [{"summary": concept(SNOMED, "258228008", "Stage 4")}]
    base = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "recordedDate": "2026-02-01",
    }
    return base | {"code": concept("http://hl7.org/fhir/sid/icd-10-cm", "C22.0"), "stage": stage} | more


def bundle(*resources: Resource, **more: Any) -> bytes:
    """A collection Bundle of p1 and the resources."""
    entries = [{"resource": resource} for resource in (patient(), *resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries, **more}).encode()


def _made(base: Resource, more: Resource) -> Resource:
    return {key: value for key, value in (base | more).items() if value is not None}


def values(data: bytes, index_date: str = INDEX) -> dict[str, float | str | None]:
    """Extracted values by feature."""
    return {f.name: f.value for f in extract_features(data, index_date).features}


def codes(data: bytes, index_date: str = INDEX) -> list[str]:
    """Codes of the issues, in order."""
    return [issue.code for issue in extract_features(data, index_date).issues]


def issues_at(data: bytes, index_date: str = INDEX) -> dict[str, str]:
    """Codes of the issues by location."""
    return {issue.location: issue.code for issue in extract_features(data, index_date).issues}


def procedure(code: Resource, **more: Any) -> Resource:
    """A completed Procedure of p1 on 2026-01-15, by default done for a liver cell carcinoma."""
    base: Resource = {
        "resourceType": "Procedure",
        "id": "pr1",
        "status": "completed",
        "code": code,
        "subject": {"reference": "Patient/p1"},
        "performedDateTime": "2026-01-15",
        "reasonCode": [concept("http://hl7.org/fhir/sid/icd-10-cm", "C22.0")],
    }
    return _made(base, more)


def features(data: bytes, name: str, index_date: str = INDEX) -> list[Feature]:
    """The extracted features of that name, in order."""
    return [feature for feature in extract_features(data, index_date).features if feature.name == name]


def diagnosis(*codings: tuple[str, str], **more: Any) -> Resource:
    """A Condition c1 of p1 with these (system, code), recorded on 2026-02-01; ``None`` removes an element."""
    base = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "recordedDate": "2026-02-01",
        "code": {"coding": [{"system": system, "code": code} for system, code in codings]},
    }
    return _made(base, more)


def read_of(resource: Resource, index_date: str = INDEX) -> tuple[dict[str, float | str | None], list[str]]:
    """What is read of one resource beside p1: values of the features that name it, and the codes of its issues."""
    extraction = extract_features(bundle(resource), index_date)
    named = f"{resource['resourceType']}/{resource['id']}"
    values_of_it = {f.name: f.value for f in extraction.features if f.source.split("#")[0] == named}
    return values_of_it, [i.code for i in extraction.issues if i.location.startswith("Bundle.entry[1]")]
