"""The OpenAPI document: what FastAPI finds, with the documents that are read and made by hand."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tumorcast_api.answers.examples import EXAMPLES
from tumorcast_api.bodies import FeedbackBody, JobBody, OutcomeBody, PatientSearchBody, PrognosisBody
from tumorcast_api.problem import Problem
from tumorcast_gateway.cds.documents import CdsCall, CdsFeedbackBody
from tumorcast_gateway.rest.deprecated import POLICY
from tumorcast_gateway.rest.kinds import kinds
from tumorcast_gateway.rest.security import is_open

BY_HAND = (
    PrognosisBody,
    JobBody,
    FeedbackBody,
    OutcomeBody,
    PatientSearchBody,
    CdsCall,
    CdsFeedbackBody,
    Problem,
)
TAGS = {
    "prognoses": "Queries and their stored answers.",
    "feedback": "What readers decided on a prognosis.",
    "outcomes": "What became of the patient.",
    "models": "What can be asked.",
    "studies": "Images: stored, and read as far as models measure them.",
    "jobs": "Batches, answered in the background.",
    "patients": "Patients by an id that is made here, and erasure.",
    "health": "Is it alive, is it ready?",
    "CDS Hooks": "Cards beside the chart (CDS Hooks 2.0).",
    "problems": "What reason codes stand for.",
}
_TEXT = {"type": "string"}
HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "id of the request, made here; it stands in the logs of all services",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "Location": {"description": "where it is to be read", "schema": _TEXT},
    "Link": {"description": 'RFC 8288: rel="next", the next page; rel="successor-version", what takes its place',
             "schema": _TEXT},
    "Retry-After": {
        "description": "seconds after which it may go better, where trying again may help",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {"description": "RFC 6750", "schema": _TEXT},
    "Deprecation": {"description": "since when the route is deprecated (RFC 9745)", "schema": _TEXT},
    "Sunset": {"description": "when the route goes at the earliest (RFC 8594)", "schema": _TEXT},
}  # fmt: skip
_TRYING_AGAIN, _WHO = ("429", "503"), ("401", "403")
SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "an access token of the operator's issuer with SMART scopes; where it is to be had, "
        "/.well-known/smart-configuration says. A server without authentication (auth=none) wants none.",
    }
}


def openapi(app: FastAPI, with_tokens: bool) -> dict[str, Any]:
    """The document; ``with_tokens``: callers must show one."""
    schema = get_openapi(
        title=app.title,
        version=version("tumorcast"),
        summary=app.summary,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=[{"name": name, "description": told} for name, told in TAGS.items()],
    )
    schema["info"]["x-deprecation-policy"] = POLICY
    components = schema["components"]
    for model in BY_HAND:
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"].update(own.pop("$defs", {}))
        components["schemas"][model.__name__] = own
    for name, example in EXAMPLES.items():
        components["schemas"][name]["examples"] = [example]  # FastAPI would leave its nulls out
    components["schemas"] |= {name: _resource(name) for name in ("OperationOutcome", "RiskAssessment")}
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which is never sent
        components["schemas"].pop(name, None)
    components["examples"] = {kind.code: _example(kind.code, kind.title, kind.http_status) for kind in kinds()}
    components["headers"] = HEADERS
    components["securitySchemes"] = SCHEMES
    for path, operations in schema["paths"].items():
        for found in operations.values():
            _complete(found)
            if not is_open(path):
                found["security"] = [{"bearer": []}] if with_tokens else [{}, {"bearer": []}]
    return schema


def query_parameters(schema: dict[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """Names of the query parameters that each operation documents, by method and path."""
    return {
        (method.upper(), path): frozenset(p["name"] for p in found.get("parameters", ()) if p["in"] == "query")
        for path, operations in schema["paths"].items()
        for method, found in operations.items()
    }


def _complete(operation: dict[str, Any]) -> None:
    """Add what every answer has."""
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, response in responses.items():
        names = ["X-Request-Id"]
        names += ["Retry-After"] * (status in _TRYING_AGAIN) + ["WWW-Authenticate"] * (status in _WHO)
        response.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in names})
    if not operation.get("parameters", True):
        del operation["parameters"]


def _resource(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"FHIR R4 {name}",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": name}},
        "externalDocs": {"url": f"https://hl7.org/fhir/R4/{name.lower()}.html"},
    }


def _example(code: str, title: str, status: int) -> dict[str, Any]:
    problem = Problem(
        type=f"/problems/{code}", title=title, status=status, detail=title, code=code, request_id="0" * 31 + "1"
    )
    return {"value": problem.model_dump(mode="json")}
