"""HTTP/1.1 as uvicorn speaks it, with bounds on the head of a request, which uvicorn with httptools has not."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
HEAD_S = 15.0
"""A request line and headers must be there by then, or the connection is closed (Slowloris)."""
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head of more than ``MAX_HEAD_BYTES`` (and what one read brought), or one that does not end."""

    _head_bytes = 0
    _tail = b""
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Parse, unless this is too much of a head."""
        if self._in_head:
            end = (self._tail + data).find(_END_OF_HEAD)  # what follows it is body, and may be long
            self._head_bytes += len(data) if end < 0 else end
            self._tail = (self._tail + data)[-3:]
            if self._head_bytes > MAX_HEAD_BYTES:
                self._give_up(_TOO_LARGE)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A head begins, maybe amid data that held a body before; what comes after that counts."""
        super().on_message_begin()
        if not self._in_head:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """A body begins."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._stop_timer()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        self._in_head, self._head_bytes, self._tail = True, 0, b""
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._give_up, b"")

    def _give_up(self, last_words: bytes) -> None:
        if last_words:
            self.transport.write(last_words)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
