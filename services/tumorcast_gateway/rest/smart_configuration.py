"""``/.well-known/smart-configuration``: sends SMART clients to the issuer of tokens."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from tumorcast_core.errors import NotFound, ServiceUnavailable
from tumorcast_gateway.rest.describing import SENT_TO_ALL, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import JSON, media_type
from tumorcast_gateway.rest.parameters import documented

PATHS = {"/.well-known/smart-configuration": "", "/fhir/.well-known/smart-configuration": "OfFhir"}


class SmartConfiguration(BaseModel):
    """What SMART App Launch 2.2 calls the authorization endpoints and capabilities, as far as the issuer tells them."""

    issuer: str | None = None
    jwks_uri: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    registration_endpoint: str | None = None
    grant_types_supported: list[str] = Field(description="how tokens are granted")
    token_endpoint_auth_methods_supported: list[str] | None = None
    response_types_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] = Field(description="PKCE")
    scopes_supported: list[str] = Field(description="scopes that count here")
    capabilities: list[str] = Field(description="what this service understands of SMART")


def routes(door: Door) -> APIRouter:
    """Make the routes, below the root and below the FHIR base."""
    router = APIRouter(tags=["security"], dependencies=[Depends(documented)])

    async def smart_configuration(request: Request) -> Response:
        media_type(request, (JSON,))
        if door.discovery is None:
            raise NotFound("This service asks for no tokens.")
        told = SmartConfiguration.model_validate(await door.discovery.smart_configuration())
        return Response(told.model_dump_json(exclude_none=True), media_type=JSON)

    for path, suffix in PATHS.items():
        about: dict[str, Any] = operation(
            f"getSmartConfiguration{suffix}",
            "Say where access tokens are to be had (SMART App Launch 2.2)",
            SmartConfiguration,
            *SENT_TO_ALL,
            NotFound,
            ServiceUnavailable,
            parameters=(),
        )
        router.get(path, **about)(smart_configuration)
    return router
