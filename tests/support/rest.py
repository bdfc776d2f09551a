"""What tests of the REST door have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from support.gateway_served import Served, served

QUERY: dict[str, Any] = {
    "model": "simulated",
    "patient_id": "SIM-000017",
    "index_date": "2026-03-04",
    "fhir": {"resourceType": "Bundle"},
}


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    """Run a test beside a gateway."""

    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, which must be one by RFC 9457."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"] == f"/problems/{told['code']}"
    assert told["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, told["code"]


async def made(gateway: Served, **change: Any) -> str:
    """The id of a prognosis made now."""
    answer = await gateway.http.post("/v1/prognoses", json=QUERY | change)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["prognosis_id"])
