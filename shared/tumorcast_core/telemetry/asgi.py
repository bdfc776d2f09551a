"""Traces and metrics of a REST door, as ASGI middleware around the whole application.

What is recorded is the route's template, never the URL. A caller's ``traceparent`` is not read: its ids are 24 bytes of
the caller's choosing, room enough for a patient's number, and would go to every log and trace store behind this door.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from opentelemetry import trace

from tumorcast_core.errors import Incident
from tumorcast_core.telemetry import metrics
from tumorcast_core.telemetry.calls import CANCELLED, close
from tumorcast_core.telemetry.tracing import Attribute, span

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REASON = "tumorcast.reason"
"""Where in the ASGI scope whoever renders an error leaves its reason code; without it the HTTP status is the code."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RestTelemetry:
    """Wraps an application; ``quiet`` routes, such as probes, leave no span and no count."""

    def __init__(self, app: Application, service: str, quiet: frozenset[str] = frozenset()) -> None:
        self._app, self._service, self._quiet = app, service, quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._quiet:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        about: dict[Attribute, str | int] = {Attribute.SERVICE: self._service, Attribute.HTTP_METHOD: method}
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with (
            span(method, trace.SpanKind.SERVER, about, {}) as opened,
            metrics.in_flight.labels(self._service, "rest").track_inprogress(),
        ):
            code = ""
            try:
                await self._app(scope, receive, sending)
            except BaseException as e:
                code = CANCELLED if isinstance(e, asyncio.CancelledError) else Incident.reason
                raise
            finally:
                self._tell(opened, method, template(scope), status, code or _code(scope, status), began)

    def _tell(self, opened: trace.Span, method: str, route: str, status: int, code: str, began: float) -> None:
        name = f"{method} {route}"
        opened.update_name(name)
        opened.set_attribute(Attribute.ROUTE.value, route)
        opened.set_attribute(Attribute.HTTP_STATUS.value, status)
        close(opened, code)
        metrics.requests.labels(self._service, "rest", name, code).inc()
        metrics.request_seconds.labels(self._service, "rest", name).observe(time.perf_counter() - began)


def template(scope: Scope) -> str:
    """The template of the route that matched; ``unmatched`` if none did."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else metrics.UNMATCHED


def _code(scope: Scope, status: int) -> str:
    if status == 0:
        return CANCELLED  # the caller was gone before there was an answer
    if status < HTTPStatus.BAD_REQUEST:
        return metrics.OK
    return str(scope.get(REASON) or HTTPStatus(status).name)
