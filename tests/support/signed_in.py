"""A gateway that asks for the tokens of an issuer, as it stands in a hospital."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from support.gateway_served import Served, served
from support.issuer import AUDIENCE, Issuer, served_issuer

JSON = {"content-type": "application/json"}
QUERY = b'{"model": "simulated", "patient_id": "p1", "fhir": {"resourceType": "Bundle"}}'


def with_gateway(test: Callable[[Served, Issuer], Awaitable[None]], **settings: Any) -> None:
    """A gateway that takes the tokens of an issuer."""

    async def main(issuer: Issuer) -> None:
        chosen = {"auth": "oidc", "oidc_issuers": (issuer.url,), "oidc_audiences": (AUDIENCE,), **settings}
        async with served(**chosen) as gateway:
            await test(gateway, issuer)

    with served_issuer() as issuer:
        asyncio.run(main(issuer))
