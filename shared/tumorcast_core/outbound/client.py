"""One request to an allowed server: bounded in time and size, without redirects, cookies, proxies and environment."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, MalformedRequest, ServiceUnavailable, TumorcastError
from tumorcast_core.outbound.body import ACCEPTED, read_body
from tumorcast_core.outbound.destinations import Destinations
from tumorcast_core.outbound.pinned import PinnedTransport, Resolve, resolve

_LONGEST_URL = 8192


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and decoded body."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; raises ``ServiceUnavailable`` where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as e:
            raise ServiceUnavailable("A server gave an answer that cannot be read.") from e


class Outbound:
    """Asks ``destinations``; holds connections, for one event loop.

    ``ca_file`` names the certificate authorities to trust, as PEM; none: those of ``certifi``. Raises ``OSError`` where
    it cannot be read.
    """

    def __init__(
        self,
        destinations: Destinations,
        *,
        ca_file: Path | None = None,
        timeout_s: float = 10.0,
        max_bytes: int = 1 << 20,
        resolve: Resolve = resolve,
    ) -> None:
        tls = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self._timeout_s, self._max_bytes = timeout_s, max_bytes
        self._client = httpx.AsyncClient(
            transport=PinnedTransport(destinations, tls, resolve),
            headers={"Accept-Encoding": ACCEPTED, "User-Agent": "tumorcast"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline: Deadline | None = None,
    ) -> Answer:
        """Send one request and read its answer, whatever its status below 300 or from 400 on.

        Raises ``MalformedRequest`` for what is no URL and ``HostNotAllowed``, both before anything is sent;
        ``ServiceUnavailable`` where no whole answer comes or it redirects; ``PayloadTooLarge``, ``DeadlineExceeded``.
        """
        deadline = deadline or Deadline()
        deadline.check()
        try:
            request = self._client.build_request(method, _parsed(url), headers=dict(headers or {}), content=content)
            async with asyncio.timeout(min(self._timeout_s, deadline.left_s)):
                return await self._sent(request)
        except (TimeoutError, httpx.TimeoutException) as e:
            raise _late(deadline) from e
        except httpx.TransportError as e:
            raise ServiceUnavailable("A server that is needed does not answer.") from e
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:  # h11 refuses headers by ValueErrors of its own
            raise ServiceUnavailable("A server gave an answer that cannot be read.") from e

    async def get_json(self, url: str, deadline: Deadline | None = None) -> Any:
        """GET a JSON document; raises as ``send``, and ``ServiceUnavailable`` for any status but 200."""
        answer = await self.send("GET", url, headers={"Accept": "application/json"}, deadline=deadline)
        if answer.status != httpx.codes.OK:
            raise ServiceUnavailable(f"A server that is needed failed with status {answer.status}.")
        return answer.json()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _sent(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            if response.is_redirect or 300 <= response.status_code < 400:
                raise ServiceUnavailable("A server redirects elsewhere, which is not followed.")
            body = await read_body(response, self._max_bytes)
            return Answer(response.status_code, response.headers, body)
        finally:
            await response.aclose()


def _parsed(url: str) -> httpx.URL:
    try:
        if len(url) > _LONGEST_URL:
            raise ValueError
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as e:  # httpx lets some of the standard library's through
        raise MalformedRequest("A URL cannot be read.") from e


def _late(deadline: Deadline) -> TumorcastError:
    try:
        deadline.check()
    except DeadlineExceeded as e:
        return e
    return ServiceUnavailable("A server that is needed is silent for too long.")
