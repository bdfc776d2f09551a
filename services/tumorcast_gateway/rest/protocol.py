"""HTTP/1.1 as uvicorn speaks it, with bounds that uvicorn with httptools lacks: heads, trailers, waits, connections.

Who is let in is asked later; what stands here holds against those who never are.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
"""Of a head; also of what stands in a body beside its content: trailers, extensions of chunks."""
HEAD_S = 15.0
"""A request line and headers must be there by then, or the connection is closed (Slowloris); so must the rest of a
body that was answered before its end."""
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
MAX_CONNECTIONS = 4_096 if _FILES == resource.RLIM_INFINITY else min(4_096, _FILES // 2)
"""Beyond these the connection that has been idle longest makes room; half of all files are for others to open."""
_END_OF_HEAD = b"\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHttp(HttpToolsProtocol):
    """Refuses a head of more than ``MAX_HEAD_BYTES`` (and what one read brought), or one that does not end."""

    _head_bytes = 0
    _beside_body = 0
    _tail = b""
    _in_head = True
    _is_whole = True
    _idle_since = 0.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Parse, unless this is too much of a head, or of a body without content."""
        if self._in_head:
            end = (self._tail + data).find(_END_OF_HEAD)  # what follows it is body, and may be long
            self._head_bytes += len(data) if end < 0 else end
            self._tail = (self._tail + data)[-3:]
            if self._head_bytes > MAX_HEAD_BYTES:
                self._give_up(_TOO_LARGE)
                return
        elif self._is_whole and self._is_idle and self._timer is None:
            self._wait()  # empty lines before a request line: the parser passes over them
        elif not self._is_whole:
            self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body > MAX_HEAD_BYTES and not self._is_whole:
            self._give_up(b"")

    def on_message_begin(self) -> None:
        """A head begins, maybe amid data that held a body before; what comes after that counts."""
        super().on_message_begin()
        self._is_whole = False
        if not self._in_head:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """A body begins."""
        self._in_head, self._beside_body = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Content came: what stood beside it was little enough."""
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._is_whole = True
        self._stop_timer()
        if self._is_idle:
            self._wait()  # it was answered before its end: the next request is late already
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait a little for the rest of a body that nobody reads, or for the next request."""
        super().on_response_complete()
        self._idle_since = self.loop.time()
        if not self._is_whole and not self._in_head:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._stop_timer()
        super().connection_lost(exc)

    @property
    def _is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        """Close the connection that has been idle longest; this one, where all others are being answered."""
        idle = (c for c in self.connections if isinstance(c, BoundedHttp) and c._is_idle)
        min(idle, key=lambda c: c._idle_since, default=self).transport.abort()

    def _expect_head(self) -> None:
        self._in_head, self._head_bytes, self._tail = True, 0, b""
        self._wait()

    def _wait(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._give_up, b"")

    def _give_up(self, last_words: bytes) -> None:
        if not (last_words or self._is_idle or self._beside_body > MAX_HEAD_BYTES):
            self._wait()  # the next request may come slowly while this one is being answered
            return
        if last_words:
            self.transport.write(last_words)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
