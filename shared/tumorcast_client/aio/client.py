"""One server, and how requests are sent to it."""

from __future__ import annotations

import ssl
from importlib.metadata import version
from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel

from tumorcast_client.aio.io import Token, sleep, streamed, value_of
from tumorcast_client.aio.jobs import AsyncJobs
from tumorcast_client.aio.resources import (
    AsyncFeedback,
    AsyncModels,
    AsyncOutcomes,
    AsyncPatients,
    AsyncPrognoses,
    AsyncStudies,
)
from tumorcast_client.requests import Request
from tumorcast_client.retrying import Retries
from tumorcast_client.telling import answer_of, http_errors
from tumorcast_core.errors import InvalidInput, TokenExpired, TumorcastError
from tumorcast_core.settings import is_loopback

_Answer = TypeVar("_Answer", bound=BaseModel)
_CONNECT_S = 5.0


class AsyncTumorcast:
    """A Tumorcast server. Use it as a context manager; its methods raise Tumorcast errors only.

    ``token``: a bearer token, or a function that gives one; it travels over https, or to this machine, only.
    ``timeout_s``: longest silence of the server; ``retries``: how often requests that can be repeated are sent again
    when the server is busy or not there. Every POST that keeps something has an idempotency key, so all can but one:
    ``patients.erase``.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        timeout_s: float = 60.0,
        retries: Retries | None = None,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._token, self._retries = token, retries or Retries()
        with http_errors():
            base = httpx.URL(url)
            local = is_loopback(base.host)
            if token is not None and base.scheme != "https" and not local:
                raise InvalidInput("A token must not travel in clear: give an https URL.")
            self._http = httpx.AsyncClient(
                base_url=base,
                transport=transport,
                timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
                verify=verify,
                headers={"Accept": "application/json", "User-Agent": f"tumorcast/{version('tumorcast')}"},
                trust_env=not local,  # no proxy between us and ourselves
            )
        self.prognoses = AsyncPrognoses(self)
        self.feedback = AsyncFeedback(self)
        self.outcomes = AsyncOutcomes(self)
        self.models = AsyncModels(self)
        self.studies = AsyncStudies(self)
        self.jobs = AsyncJobs(self)
        self.patients = AsyncPatients(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[_Answer]) -> _Answer:
        """Send a request, again where that may help and does no harm; raises the error that was told last."""
        attempt, renewed = 0, False
        while True:
            try:
                return await self._sent(request)
            except TokenExpired:
                if renewed or not callable(self._token):
                    raise
                renewed = True
                continue
            except TumorcastError as e:
                wait_s = self._retries.wait_s(e, attempt) if request.repeatable else None
                if wait_s is None:
                    raise
            attempt += 1
            await sleep(wait_s)

    async def _sent(self, request: Request[_Answer]) -> _Answer:
        content = request.content
        authorization = {} if self._token is None else {"Authorization": f"Bearer {await value_of(self._token)}"}
        with http_errors():
            response = await self._http.request(
                request.method,
                request.path,
                params=dict(request.params),
                headers={**request.headers, **authorization},
                content=streamed(content()) if callable(content) else content or None,
            )
        return answer_of(response, request.answer, request.also_good)
