"""The Authorization header: none, a bearer token, or one that SMART Backend Services give for a signed assertion.

SMART App Launch 2.x: http://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.addresses import check_host
from tumorcast_clinical.adapters.fhir_server.signing import SigningKey
from tumorcast_clinical.adapters.fhir_server.transport import Failure
from tumorcast_core.errors import FhirAccessDenied, ServiceUnavailable

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DEFAULT_LIFE_S, _MARGIN_S = 300.0, 30.0
_MAX_SERVERS = 64
_NO_ENDPOINT = "The FHIR server does not say where access tokens are to be had."
_NO_TOKEN = "The FHIR server's token endpoint gave an answer that cannot be read."  # noqa: S105, a message

Ask = Callable[[Callable[[], httpx.Request]], Awaitable[bytes]]
"""Sends what the function makes, anew for each try; raises ``Failure`` or ``PayloadTooLarge``."""


class Credentials(Protocol):
    """Makes the Authorization header for a server."""

    async def header(self, base: httpx.URL, ask: Ask) -> dict[str, str]: ...
    def forget(self, base: httpx.URL, header: dict[str, str]) -> None: ...


def credentials_of(access: FhirAccess) -> Credentials:
    """What the operator chose; raises ``ValueError`` or ``OSError`` for a key that is none."""
    return SmartTokens(access) if access.smart_client_id else BearerToken(access)


class BearerToken:
    """A token as it is; one from a file is read anew for every request, so it may rotate."""

    def __init__(self, access: FhirAccess) -> None:
        self._token, self._file = access.bearer_token, access.bearer_token_file

    async def header(self, base: httpx.URL, ask: Ask) -> dict[str, str]:  # noqa: ARG002
        """Empty without a token."""
        token = self._token
        if self._file:
            try:
                token = self._file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as e:
                raise Failure(FhirAccessDenied("The token for the FHIR server cannot be read.")) from e
        return _bearer(token) if token else {}

    def forget(self, base: httpx.URL, header: dict[str, str]) -> None:
        """Nothing is kept."""


@dataclass(slots=True)
class _Held:
    header: dict[str, str] = field(default_factory=dict, repr=False)
    until_s: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SmartTokens:
    """Access tokens for each server, kept until shortly before they expire."""

    def __init__(self, access: FhirAccess) -> None:
        self._access = access
        self._key()
        self._held: OrderedDict[str, _Held] = OrderedDict()

    async def header(self, base: httpx.URL, ask: Ask) -> dict[str, str]:
        """The header with a token that is still good; those that wait for one of the same server ask once."""
        held = self._held.setdefault(str(base), _Held())
        self._held.move_to_end(str(base))
        if len(self._held) > _MAX_SERVERS:
            self._held.popitem(last=False)
        async with held.lock:
            if time.monotonic() >= held.until_s:
                held.header, life_s = await self._fetch(base, ask)
                held.until_s = time.monotonic() + life_s - min(_MARGIN_S, life_s / 2)
            return held.header

    def forget(self, base: httpx.URL, header: dict[str, str]) -> None:
        """Ask for another next time, unless somebody already did."""
        held = self._held.get(str(base))
        if held and held.header == header:
            held.until_s = 0.0

    async def _fetch(self, base: httpx.URL, ask: Ask) -> tuple[dict[str, str], float]:
        url = self._access.smart_token_url or await _discovered(base, ask)
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as e:
            raise Failure(ServiceUnavailable(_NO_ENDPOINT)) from e
        check_host(target, self._access.allowed_hosts)
        try:
            key = self._key()
        except (ValueError, OSError) as e:
            raise Failure(FhirAccessDenied("The key for the FHIR server cannot be read.")) from e

        def request() -> httpx.Request:
            form = {
                "grant_type": "client_credentials",
                "scope": self._access.smart_scope,
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": key.assertion(self._access.smart_client_id, url),
            }
            return httpx.Request("POST", target, data=form, headers={"Accept": "application/json"})

        try:
            return _granted(await ask(request))
        except Failure as e:
            if e.status in (400, 401, 403):  # RFC 6749 section 5.2
                raise Failure(FhirAccessDenied("The FHIR server grants this service no access token.")) from e
            raise _not_the_patient(e) from e

    def _key(self) -> SigningKey:
        """Read anew for each token, so it may rotate."""
        path = self._access.smart_key
        if path is None:
            raise ValueError("SMART Backend Services need a private key")
        return SigningKey.load(path, self._access.smart_key_id)


async def _discovered(base: httpx.URL, ask: Ask) -> str:
    """The token endpoint (SMART App Launch 2.x, ``.well-known/smart-configuration``)."""
    url = base.join(".well-known/smart-configuration")
    try:
        body = await ask(lambda: httpx.Request("GET", url, headers={"Accept": "application/json"}))
    except Failure as e:
        raise _not_the_patient(e) from e
    endpoint = _json(body, _NO_ENDPOINT).get("token_endpoint")
    if not isinstance(endpoint, str) or not endpoint:
        raise Failure(ServiceUnavailable(_NO_ENDPOINT))
    return endpoint


def _granted(body: bytes) -> tuple[dict[str, str], float]:
    """Header and life of the token of an answer (RFC 6749 section 5.1): five minutes where it does not say."""
    answer = _json(body, _NO_TOKEN)
    token, life_s = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or str(answer.get("token_type", "bearer")).lower() != "bearer":
        raise Failure(ServiceUnavailable(_NO_TOKEN))
    if not isinstance(life_s, int | float) or not 0 < life_s < 10**9:
        life_s = _DEFAULT_LIFE_S
    return _bearer(token), float(life_s)


def _bearer(token: str) -> dict[str, str]:
    """RFC 6750 section 2.1; what cannot stand in a header is no token."""
    if not _TOKEN.fullmatch(token):
        raise Failure(FhirAccessDenied("The token for the FHIR server is none."))
    return {"Authorization": f"Bearer {token}"}


def _json(body: bytes, message: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise Failure(ServiceUnavailable(message)) from e
    if not isinstance(answer, dict):
        raise Failure(ServiceUnavailable(message))
    return answer


def _not_the_patient(failure: Failure) -> Failure:
    """A 404 of these places says nothing of the patient."""
    if failure.status in (401, 403, 404, 410):
        return Failure(ServiceUnavailable(_NO_ENDPOINT))
    return failure
