"""How tests ask the FHIR facade."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from support.gateway_served import Served, served

Json = dict[str, Any]
FHIR_JSON = "application/fhir+json"
EHR = "https://ehr.example.org/fhir"
LAB = b'{"resourceType": "Observation", "id": "1", "valueQuantity": {"value": 1.00}}'
RECORD = b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": ' + LAB + b"}]}"


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


def parameters(*given: Json, record: bytes = b"") -> bytes:
    """A Parameters resource; the record is put in as it is."""
    body = {"resourceType": "Parameters", "parameter": [{"name": "model", "valueString": "simulated"}, *given]}
    if record:
        body["parameter"].append({"name": "record", "resource": "@record"})
    return json.dumps(body).encode().replace(b'"@record"', record)


SUBJECT = {"name": "subject", "valueReference": {"reference": "Patient/SIM-000017"}}


async def ask(gateway: Served, body: bytes, path: str = "/fhir/$prognosis", **headers: str) -> Any:
    return await gateway.http.post(path, content=body, headers={"content-type": FHIR_JSON} | headers)


def kinds(bundle: Json) -> list[str]:
    return [entry["resource"]["resourceType"] for entry in bundle["entry"]]
