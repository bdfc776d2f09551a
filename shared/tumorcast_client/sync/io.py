"""What the two clients do differently: waiting, reading files, asking for a token. Twin: ``aio.io``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

Token = str | Callable[[], str]
"""A bearer token, or what gives one before each request (and is asked again when one has expired)."""

sleep = time.sleep


def streamed(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts."""
    return parts


def value_of(token: Token) -> str:
    """The token itself."""
    return token if isinstance(token, str) else token()
