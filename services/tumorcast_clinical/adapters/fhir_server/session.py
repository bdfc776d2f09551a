"""Authorized GETs of one server for one record, within its time and bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.credentials import Credentials
from tumorcast_clinical.adapters.fhir_server.transport import Failure, Transport
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, ServiceUnavailable, TumorcastError

_FHIR_JSON = "application/fhir+json"
_MAX_ASIDE_BYTES = 8 << 20
"""Of an answer that is no part of the record: a capability statement, a token."""


_READING_S = 3.0
"""Of the caller's time, kept for reading what was fetched: a part of a record with a word on the rest is an answer."""


class TooSlow(Failure):
    """The time for the whole record is over."""


class NoToken(Failure):
    """There is no token to ask with."""


class Session:
    """Asks ``base`` and, for tokens, its token endpoint."""

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        access: FhirAccess,
        base: httpx.URL,
        deadline: Deadline,
    ) -> None:
        self._transport, self._credentials, self._base = transport, credentials, base
        self._client = transport.client()
        own_end_s, early_s = time.monotonic() + access.longest_s, deadline.reserve(_READING_S).at_s
        self._too_late: TumorcastError = (
            DeadlineExceeded() if early_s < own_end_s else ServiceUnavailable("The FHIR server is too slow.")
        )
        self._end_s = min(own_end_s, early_s)
        self._max_bytes = access.max_bytes
        self.bytes_left = access.max_bytes

    def start_over(self) -> None:
        """What was fetched so far is dropped and no longer counts."""
        self.bytes_left = self._max_bytes

    async def page(self, url: httpx.URL) -> bytes:
        """A part of the record; raises ``Failure`` or ``PayloadTooLarge``."""
        body = await self._get(url, self.bytes_left)
        self.bytes_left -= len(body)
        return body

    async def aside(self, url: httpx.URL) -> bytes:
        """What is no part of the record; raises ``Failure`` or ``PayloadTooLarge``."""
        return await self._get(url, _MAX_ASIDE_BYTES)

    async def _get(self, url: httpx.URL, max_bytes: int) -> bytes:
        try:
            async with asyncio.timeout(max(0.0, self._end_s - time.monotonic())):
                return await self._authorized(url, max_bytes)
        except TimeoutError as e:
            raise TooSlow(self._too_late) from e

    async def _authorized(self, url: httpx.URL, max_bytes: int) -> bytes:
        """With a token; one that is refused is renewed once."""
        header = await self._header()
        try:
            return await self._send(url, header, max_bytes)
        except Failure as e:
            if e.status != httpx.codes.UNAUTHORIZED:
                raise
            self._credentials.forget(self._base, header)
            renewed = await self._header()
            if renewed == header:
                raise
        return await self._send(url, renewed, max_bytes)

    async def _header(self) -> dict[str, str]:
        try:
            return await self._credentials.header(self._base, self._ask)
        except Failure as e:
            raise NoToken(e.error) from e

    async def _send(self, url: httpx.URL, header: dict[str, str], max_bytes: int) -> bytes:
        def request() -> httpx.Request:
            return self._client.build_request("GET", url, headers={"Accept": _FHIR_JSON} | header)

        return await self._transport.send(self._client, request, max_bytes, self._end_s)

    async def _ask(self, request: Callable[[], httpx.Request]) -> bytes:
        return await self._transport.send(self._client, request, _MAX_ASIDE_BYTES, self._end_s)
