"""What an issuer says of itself (OpenID Connect Discovery 1.0 section 4), and what SMART clients are told of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from tumorcast_core.errors import ServiceUnavailable, TumorcastError
from tumorcast_core.outbound import Outbound

_KEPT_S = 600.0
_AGAIN_S = 5.0
"""An issuer that failed is left alone for so long: strangers ask for its configuration, too."""
_OFF = "The issuer's OpenID configuration cannot be used."
_TAKEN_OVER = (
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "registration_endpoint",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "response_types_supported",
    "code_challenge_methods_supported",
)
CAPABILITIES = (
    "client-public",
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "context-standalone-patient",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)
"""SMART App Launch 2.2, "Conformance": what this service understands of tokens, whoever issues them."""
SCOPES = ("patient/*.rs", "patient/RiskAssessment.cruds", "user/*.rs", "system/*.rs", "system/RiskAssessment.cruds")


class Discovery:
    """The OpenID configuration of one issuer, kept for ten minutes; asked for once, however many wait."""

    def __init__(self, outbound: Outbound, issuer: str) -> None:
        self._outbound, self._issuer = outbound, issuer
        self._document: dict[str, Any] = {}
        self._failure: TumorcastError | None = None
        self._until_s = 0.0
        self._lock = asyncio.Lock()

    async def document(self) -> dict[str, Any]:
        """Fetch it; raises ``ServiceUnavailable``, ``HostNotAllowed``, and what else ``Outbound`` raises."""
        async with self._lock:
            if time.monotonic() >= self._until_s:
                await self._fetch()
        if self._failure:
            raise type(self._failure)(self._failure.message) from self._failure
        return self._document

    async def _fetch(self) -> None:
        try:
            found = await self._outbound.get_json(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if not isinstance(found, dict) or found.get("issuer") != self._issuer:  # section 4.3
                raise ServiceUnavailable(_OFF)
        except TumorcastError as e:
            self._failure, self._until_s = e, time.monotonic() + _AGAIN_S
        else:
            self._document, self._failure, self._until_s = found, None, time.monotonic() + _KEPT_S

    async def keys(self) -> Any:
        """Fetch the JWK Set that the configuration names; raises as ``document``."""
        url = (await self.document()).get("jwks_uri")
        if not isinstance(url, str):
            raise ServiceUnavailable(_OFF)
        return await self._outbound.get_json(url)

    async def smart_configuration(self) -> dict[str, Any]:
        """For ``/.well-known/smart-configuration`` (SMART App Launch 2.2); raises as ``document``."""
        document = await self.document()
        return {
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            **{name: document[name] for name in _TAKEN_OVER if _is_plain(document.get(name), name)},
            "scopes_supported": list(SCOPES),
            "capabilities": list(CAPABILITIES),
        }


def _is_plain(value: Any, name: str) -> bool:
    """Whether it is a list of words, or a URL, whichever the name says."""
    if isinstance(value, str) and not name.endswith("_supported"):
        try:
            return httpx.URL(value).scheme in ("https", "http")
        except (httpx.InvalidURL, ValueError):
            return False
    listed = isinstance(value, list) and name.endswith("_supported")
    return listed and all(isinstance(item, str) for item in value)
