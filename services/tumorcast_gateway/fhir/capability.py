"""What this facade serves, as tables; the CapabilityStatement and the OperationDefinition are made from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from tumorcast_gateway.fhir.codes import Json, filled

FHIR_VERSION = "4.0.1"
OPERATION = "prognosis"


@dataclass(frozen=True, slots=True)
class Served:
    """One resource type: what can be done with it, and by what it is found."""

    kind: Literal["RiskAssessment", "DiagnosticReport", "Observation", "OperationDefinition"]
    says: str
    found_by: tuple[str, ...] = ()

    @property
    def interactions(self) -> tuple[str, ...]:
        return ("read", "search-type") if self.found_by else ("read",)


SERVED = (
    Served("RiskAssessment", "A stored prognosis; its id is that of the prognosis.", ("patient", "subject", "_id")),
    Served("DiagnosticReport", "The same as a report: <id>-report.", ("patient", "subject", "_id")),
    Served("Observation", "What it rests on: <id>-tumorsize-<n>, and <id>-status, a preliminary RECIST 1.1 response."),
    Served("OperationDefinition", "The definition of $prognosis."),
)
_TYPES = {"patient": "reference", "subject": "reference", "_id": "token"}


def capability_statement(base: str, software_version: str, since: date, *, smart: bool) -> Json:
    """The CapabilityStatement of the facade at ``base``; ``smart``: callers need SMART access tokens."""
    operation = {"name": OPERATION, "definition": f"{base}/OperationDefinition/{OPERATION}"}
    security = {"service": [{"coding": [_SMART]}], "description": "SMART Backend Services and App Launch 2.2"}
    return {
        "resourceType": "CapabilityStatement",
        "id": "tumorcast",
        "status": "active",
        "date": since.isoformat(),
        "kind": "instance",
        "software": {"name": "Tumorcast", "version": software_version},
        "implementation": {"description": "Tumorcast FHIR facade: prognosis of tumors", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            filled(
                {
                    "mode": "server",
                    "documentation": "Research software: not for care. Every answer is kept and can be read again.",
                    "security": security if smart else None,
                    "resource": [
                        *map(_resource, SERVED),
                        {"type": "Patient", "documentation": _PATIENT, "operation": [operation]},
                    ],
                    "operation": [operation],
                }
            )
        ],
    }


_SMART = {
    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
    "code": "SMART-on-FHIR",
    "display": "SMART-on-FHIR",
}
_PATIENT = "No patients are kept here; the operation takes one of the EHR that the operator configured."


def _resource(served: Served) -> Json:
    return filled(
        {
            "type": served.kind,
            "documentation": served.says,
            "interaction": [{"code": code} for code in served.interactions],
            "searchParam": [{"name": name, "type": _TYPES[name]} for name in served.found_by],
        }
    )


def operation_definition(base: str, since: date) -> Json:
    """The OperationDefinition of ``$prognosis``."""
    return {
        "resourceType": "OperationDefinition",
        "id": OPERATION,
        "url": f"{base}/OperationDefinition/{OPERATION}",
        "name": "Prognosis",
        "title": "Tumor prognosis",
        "status": "active",
        "kind": "operation",
        "date": since.isoformat(),
        "description": "How a tumor will respond and when disease will progress, from whatever subset of images, "
        "record and documents is given. Answers a collection Bundle: RiskAssessment, DiagnosticReport, Observations.",
        "affectsState": False,
        "comment": "Answers are kept, as an audit trail is; nothing in the patient's record changes. GET takes the "
        "primitive parameters, with the patient in the URL.",
        "code": OPERATION,
        "resource": ["Patient"],
        "system": True,
        "type": False,
        "instance": True,
        "parameter": [*_IN, {"name": "return", "use": "out", "min": 1, "max": "1", "type": "Bundle"}],
    }


def _in(name: str, least: int, most: str, says: str, kind: str = "", parts: tuple[Json, ...] = ()) -> Json:
    told = {"name": name, "use": "in", "min": least, "max": most, "documentation": says}
    return filled(told | {"type": kind, "part": list(parts)})


_IN = (
    _in("model", 1, "1", "Model to ask, one of GET /v1/models", "string"),
    _in("subject", 0, "1", "Patient; at the instance level the URL names it", "Reference"),
    _in("patient", 0, "1", "The same as subject", "Reference"),
    _in("record", 0, "1", "Record as a Bundle or one resource; without it, it is fetched from the EHR", "Resource"),
    _in("index-date", 0, "1", "Day of prediction; nothing later is used. Without it, the latest day seen", "date"),
    _in("horizon", 0, "*", "Days from then on, as decimal or as duration; without it, the model's", "decimal"),
    _in(
        "document",
        0,
        "*",
        "A clinical document",
        parts=(
            _in("id", 0, "1", "Its id, quoted in sources", "string"),
            _in("date", 0, "1", "When it was written", "dateTime"),
            _in("timepoint", 0, "1", "Role of the timepoint it belongs to", "string"),
            _in("text", 0, "1", "The document in words", "string"),
            _in("attachment", 0, "1", "The document as data of a content type", "Attachment"),
        ),
    ),
    _in(
        "timepoint",
        0,
        "*",
        "A visit or scan",
        parts=(
            _in("role", 1, "1", "Role in the model, each once, e.g. baseline", "string"),
            _in("date", 0, "1", "Its day; without it, that of the images", "date"),
            _in("study", 0, "1", "Study Instance UID: system urn:dicom:uid, value urn:oid:…", "Identifier"),
            _in("segmentation", 0, "1", "SOP Instance UID of the segmentation, likewise", "Identifier"),
        ),
    ),
)
