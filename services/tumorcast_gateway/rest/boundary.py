"""The outermost layer of the REST door: request id, security headers, and nothing unexpected shown."""

from __future__ import annotations

import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tumorcast_core import logs, rpc
from tumorcast_gateway.rest import problems


class Boundary:
    """ASGI middleware. The request id is made here: a caller's own could name the patient in our logs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an unexpected exception becomes an incident, and its text goes to the log."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        logs.request_id.set(request_id)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as e:  # the boundary: whatever else happens becomes an incident
            incident = rpc.incident(e)
            if not started:
                await problems.answer(Request(scope), incident)(scope, receive, send_with_headers)
