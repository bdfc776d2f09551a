"""Everything that one stored prognosis is in FHIR: resources whose ids derive from its own, and Bundles of them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tumorcast_gateway.fhir import codes
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.diagnostic_report import diagnostic_report
from tumorcast_gateway.fhir.disease_status import disease_status
from tumorcast_gateway.fhir.risk_assessment import assessment
from tumorcast_gateway.fhir.subject import Place
from tumorcast_gateway.fhir.tumor_size import tumor_sizes
from tumorcast_gateway.model.records import PredictionRecord

_ID = re.compile(r"([0-9a-f]{32})(?:-(?:report|status|tumorsize-[1-9][0-9]{0,4}))?")
_NAMESPACE = uuid.UUID("6f1d2a52-0f7b-5c55-9c0e-6f9a4f0d7c11")  # of the URNs in a transaction, drawn once


def resources(record: PredictionRecord, place: Place) -> list[Json]:
    """RiskAssessment, DiagnosticReport, Observations."""
    sizes = tumor_sizes(record, place)
    status = disease_status(record, place)
    observations = [*sizes, status] if status else sizes
    risk = assessment(record.prognosis, record.snapshot.patient_id, record.snapshot.features, place)
    return [risk, diagnostic_report(record, place, observations), *observations]


def prognosis_of(resource_id: str) -> str:
    """The id of the prognosis that a resource of this id renders; empty if it can be none.

    >>> prognosis_of("0123456789abcdef0123456789abcdef-tumorsize-2")
    '0123456789abcdef0123456789abcdef'
    """
    found = _ID.fullmatch(resource_id)
    return found[1] if found else ""


def collection(record: PredictionRecord, place: Place, base: str) -> Json:
    """All of it as a Bundle; ``base`` is this facade's URL."""
    entries = [{"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r} for r in resources(record, place)]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": codes.identifier(record.prognosis_id),
        "timestamp": codes.instant(record.created_at),
        "entry": entries,
    }


def searchset(found: Iterable[Json], base: str, links: Mapping[str, str]) -> Json:
    """One page of what a search found, with the links of ``links`` by relation."""
    entries = [
        {"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}} for r in found
    ]
    link = [{"relation": relation, "url": url} for relation, url in links.items()]
    return codes.filled({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})


def transaction(record: PredictionRecord, place: Place) -> Json:
    """All of it to be created on an EHR, each resource only where none of its identifier is there yet."""
    made = resources(record, place)
    urns = {f"{r['resourceType']}/{r['id']}": f"urn:uuid:{uuid.uuid5(_NAMESPACE, r['id'])}" for r in made}
    entries = []
    for resource in made:
        name = f"{resource['resourceType']}/{resource['id']}"
        body = _pointing(resource, urns)
        del body["id"]  # the server gives its own
        condition = f"identifier={codes.OURS}|{resource['id']}"
        request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": condition}
        entries.append({"fullUrl": urns[name], "resource": body, "request": request})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _pointing(node: Any, urns: Mapping[str, str]) -> Any:
    """The same with references to its siblings by their URNs."""
    if isinstance(node, dict):
        return {
            key: urns.get(value, value) if key == "reference" and isinstance(value, str) else _pointing(value, urns)
            for key, value in node.items()
        }
    return [_pointing(item, urns) for item in node] if isinstance(node, list) else node
