"""One HTTP request at a time: bounded, retried, and every way in which it fails told as one ``Failure``."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from tumorcast_clinical.adapters.fhir_server.access import FhirAccess
from tumorcast_clinical.adapters.fhir_server.addresses import not_allowed
from tumorcast_core.errors import (
    FhirAccessDenied,
    HostNotAllowed,
    PatientNotFound,
    PayloadTooLarge,
    ResourceExhausted,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.outbound import Broken, Destinations, PinnedTransport, Resolve, read_body, resolve

UNREADABLE = "The FHIR server gave an answer that cannot be read."
_PASSING = (429, 500, 502, 503, 504)
_BROKEN_OFF = "The FHIR server broke off its answer."
_FIRST_WAIT_S = 0.2


class Failure(Exception):  # noqa: N818, as in the house
    """No usable answer; ``error`` is what it is if it ends the whole call, ``status`` 0 if there was no answer."""

    def __init__(self, error: TumorcastError, status: int = 0, *, again: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(error, status)
        self.error, self.status, self.again, self.wait_s = error, status, again, wait_s

    def __str__(self) -> str:
        return self.error.message


class Unreachable(Failure):
    """There was no connection."""


class Transport:
    """Connections to all servers that may be asked; no redirects, no proxies, nothing else from the environment."""

    def __init__(self, access: FhirAccess, resolve: Resolve = resolve) -> None:
        self._timeout_s, self._retries = access.timeout_s, access.retries
        tls = ssl.create_default_context(cafile=access.ca_file) if access.ca_file else None
        self._shared = PinnedTransport(Destinations.of(access.allowed_hosts, access.networks), tls, resolve)

    def client(self) -> httpx.AsyncClient:
        """A client for one record: its cookies, such as a load balancer's, go with no other patient's requests."""
        return httpx.AsyncClient(
            transport=self._shared,
            headers={"Accept-Encoding": "gzip", "User-Agent": "tumorcast"},
            timeout=self._timeout_s,
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._shared.aclose()

    async def send(
        self, client: httpx.AsyncClient, request: Callable[[], httpx.Request], max_bytes: int, until_s: float
    ) -> bytes:
        """The body of a 200 answer; raises ``Failure``, or ``PayloadTooLarge`` beyond ``max_bytes`` once decoded.

        What may pass is tried again, unless the server asks for a wait beyond ``until_s`` (monotonic clock).
        """
        for attempt in range(self._retries + 1):
            try:
                return await _sent(client, request(), max_bytes)
            except Failure as e:
                wait_s = max(e.wait_s, _FIRST_WAIT_S * 2**attempt * random.uniform(0.5, 1))  # noqa: S311, no secret
                if not e.again or attempt == self._retries or time.monotonic() + wait_s >= until_s:
                    raise
            await asyncio.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")


async def _sent(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int) -> bytes:
    try:
        response = await client.send(request, stream=True)
        try:
            if response.status_code != httpx.codes.OK:
                raise _of_status(response)
            return await read_body(response, max_bytes)
        finally:
            await response.aclose()
    except HostNotAllowed as e:
        raise not_allowed(e) from e
    except PayloadTooLarge as e:
        raise PayloadTooLarge("The record on the FHIR server is larger than the limit.") from e
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as e:
        raise Unreachable(ServiceUnavailable("The FHIR server does not answer."), again=True) from e
    except httpx.TimeoutException as e:
        raise Failure(ServiceUnavailable("The FHIR server is silent for too long.")) from e
    except (httpx.TransportError, Broken) as e:
        raise Failure(ServiceUnavailable(_BROKEN_OFF), again=True) from e
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as e:  # h11 refuses headers by ValueErrors of its own
        raise Failure(ServiceUnavailable(UNREADABLE)) from e


def _of_status(response: httpx.Response) -> Failure:
    status = response.status_code
    again, wait_s = status in _PASSING, _retry_after_s(response.headers.get("retry-after", ""))
    match status:
        case 401 | 403:
            return Failure(FhirAccessDenied(), status)
        case 404 | 410:
            return Failure(PatientNotFound(), status)
        case 429:
            error = ResourceExhausted("The FHIR server is at its limit; try again later.")
            return Failure(error, status, again=again, wait_s=wait_s)
        case _ if 300 <= status < 400:
            return Failure(ServiceUnavailable("The FHIR server redirects elsewhere, which is not followed."), status)
        case _:
            error_ = ServiceUnavailable(f"The FHIR server failed with status {status}.")
            return Failure(error_, status, again=again, wait_s=wait_s)


def _retry_after_s(value: str) -> float:
    """Seconds to wait (RFC 9110 section 10.2.3: a number, or a date); 0 if it says neither.

    >>> _retry_after_s("120"), _retry_after_s("soon"), _retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    (120.0, 0.0, 0.0)
    """
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, IndexError, TypeError):
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
