"""A CDS Hooks client, and the routes in memory before real readers and real models: nothing but sockets is missing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from support.desks import Clock, desk_of
from support.gateway import Fakes
from support.records import concept, medication, observation, patient
from tumorcast_core.outbound import Outbound
from tumorcast_gateway.adapters.outbound import outbound_of
from tumorcast_gateway.auth import Guard
from tumorcast_gateway.auth.authenticator import Everyone
from tumorcast_gateway.cds.services import PREFETCH
from tumorcast_gateway.model import Desk
from tumorcast_gateway.rest import cds, problems
from tumorcast_gateway.rest.boundary import Boundary
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.settings import Settings
from tumorcast_platform.inputs import FhirCredentials
from tumorcast_platform.local import LocalClinical, LocalFusion
from tumorcast_platform.weights import Weights

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
NIVOLUMAB, IPILIMUMAB, PARACETAMOL = "1597876", "1094833", "161"  # RxNorm ingredients
IMMUNOTHERAPY = "tumorcast-immunotherapy-patient-view"
AT_ORDER = "tumorcast-immunotherapy-order-select"
PUBLIC = "https://tumorcast.example.org"


@cache
def fusion() -> LocalFusion:
    return LocalFusion(Weights.of(None))


def real() -> Fakes:
    """The clinical service's code and the shipped models, in this process."""
    return Fakes(clinical=LocalClinical(FhirCredentials()), fusion=fusion())  # type: ignore[arg-type]


def melanoma() -> dict[str, Any]:
    code = concept(ICD10, "C43.9", "Malignant melanoma of skin, unspecified")
    return {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "code": code,
            "recordedDate": "2026-01-10"}  # fmt: skip


def labs() -> list[dict[str, Any]]:
    known = (("1751-7", 41.0, "g/L"), ("718-7", 13.1, "g/dL"), ("777-3", 231.0, "10*3/uL"))
    return [observation(f"o{i}", code, value, unit) for i, (code, value, unit) in enumerate(known)]


def searchset(*resources: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What a FHIR server answers to a search."""
    entry = [
        {"fullUrl": f"https://ehr.example.org/fhir/{r['resourceType']}/{r.get('id')}", "resource": r,
         "search": {"mode": "match"}}
        for r in resources
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entry), "entry": entry, **more}


def prefetch(**changed: Any) -> dict[str, Any]:
    """All keys of a patient with melanoma and a few laboratory results; ``...`` takes a key away."""
    whole: dict[str, Any] = dict.fromkeys(PREFETCH)
    whole |= {"patient": patient(), "conditions": searchset(melanoma()), "laboratory": searchset(*labs())}
    return {key: value for key, value in (whole | changed).items() if value is not ...}


def view(**changed: Any) -> dict[str, Any]:
    """A request of ``patient-view``."""
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirServer": "https://ehr.example.org/fhir",
        "context": {"userId": "Practitioner/dr", "patientId": "p1"},
        "prefetch": prefetch(),
    } | changed


def draft(rxnorm: str = NIVOLUMAB, id_: str = "rx1", **more: Any) -> dict[str, Any]:
    return medication(id_=id_, rxnorm=rxnorm, status="draft", **more)


def select(*drafts: Mapping[str, Any], selections: list[str] | None = None, **changed: Any) -> dict[str, Any]:
    """A request of ``order-select`` with these drafts, all of them selected."""
    chosen = [f"MedicationRequest/{d.get('id')}" for d in drafts] if selections is None else selections
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": d} for d in drafts]}
    context = {"userId": "Practitioner/dr", "patientId": "p1", "selections": chosen, "draftOrders": bundle}
    return view(hook="order-select", context=context, **changed)


@dataclass
class Ehr:
    """A client of the routes."""

    http: httpx.AsyncClient
    desk: Desk
    settings: Settings
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    async def discovery(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/cds-services")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["services"])

    async def call(self, body: Any, service: str = IMMUNOTHERAPY, **headers: str) -> httpx.Response:
        """POST a request; ``bytes`` go as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._post(f"/cds-services/{service}", content, headers)

    async def cards(self, body: Any, service: str = IMMUNOTHERAPY) -> list[dict[str, Any]]:
        answer = await self.call(body, service)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["cards"])

    async def feedback(self, *entries: Any, service: str = IMMUNOTHERAPY, **headers: str) -> httpx.Response:
        content = json.dumps({"feedback": entries}).encode()
        return await self._post(f"/cds-services/{service}/feedback", content, headers)

    async def _post(self, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        sent = {"Content-Type": "application/json", **self.headers, **headers}
        return await self.http.post(path, content=content, headers=sent)


@asynccontextmanager
async def ehr_of(
    folder: Path, fakes: Fakes | None = None, outbound: Outbound | None = None, **how: Any
) -> AsyncIterator[Ehr]:
    """Open everything; further arguments are settings."""
    settings, clock = Settings(data_dir=folder, **how), Clock()
    async with desk_of(folder, fakes or real(), clock) as desk:
        asked = outbound or outbound_of(settings)
        door = Door(desk, None, settings, Guard(Everyone(), settings), asked)  # type: ignore[arg-type]
        app = FastAPI(openapi_url=None)
        app.include_router(cds.routes(door))
        app.state.query_parameters = defaultdict(frozenset)
        problems.install(app)
        app.add_middleware(Boundary)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 4711))
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC) as http:
            yield Ehr(http, desk, settings, clock)
        await asked.close()
