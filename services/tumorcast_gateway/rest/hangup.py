"""Ends the work for a caller who hangs up: nobody would read the answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HangUp:
    """ASGI middleware. Once the body has been read it listens for the caller leaving, and cancels the request then.

    What the request was waiting for, such as calls to other services, is cancelled with it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = _Call(receive, send, asyncio.current_task())
        try:
            await self._app(scope, call.receive, call.send)
        except asyncio.CancelledError:
            if not call.hung_up:
                raise
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
        finally:
            await call.end()


class _Call:
    """One request: hands messages on, and listens where the application no longer does."""

    def __init__(self, receive: Receive, send: Send, task: asyncio.Task[object] | None) -> None:
        self._receive, self._send, self._task = receive, send, task
        self._listening: asyncio.Task[Message] | None = None
        self._answered = False
        self.hung_up = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._answered = True  # what follows is tidying up, and has nobody waiting for it anyway
        await self._send(message)

    async def receive(self) -> Message:
        if self._listening is not None:  # the application listens, too
            return await asyncio.shield(self._listening)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._listening = asyncio.create_task(self._listen())
        return message

    async def _listen(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._task is not None and not self._answered:
            self.hung_up = True
            self._task.cancel()
        return message

    async def end(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
