"""What all methods share: the desk, who calls, how long it may take, which page is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import NotFound
from tumorcast_gateway.auth import current
from tumorcast_gateway.model import Caller, Desk
from tumorcast_gateway.model.records import DEFAULT_PAGE_SIZE, PageRequest
from tumorcast_gateway.settings import Settings

_OPAQUE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Methods:
    """The desk behind the methods, and the settings that bound them."""

    desk: Desk
    settings: Settings

    def deadline(self, grpc_context: rpc.CallContext, longest_s: float = 0.0) -> Deadline:
        """The caller's deadline, or ``longest_s`` (0: that of a query) from now where that is sooner."""
        own = Deadline.after(longest_s or self.settings.deadline_s)
        return Deadline(min(rpc.deadline_of(grpc_context).at_s, own.at_s))


class PageFields(Protocol):
    """Requests of lists."""

    page_size: int
    page_token: str


def page_from(request: PageFields) -> PageRequest:
    """The page that a request asks for; its bounds the desk checks."""
    return PageRequest(request.page_size or DEFAULT_PAGE_SIZE, request.page_token)


def caller() -> Caller:
    """Who calls, as the interceptor established it."""
    return current.get()


def is_opaque(identifier: str) -> bool:
    """Whether it can be an id that was made here."""
    return bool(_OPAQUE_ID.fullmatch(identifier))


def opaque(identifier: str, missing: type[NotFound]) -> str:
    """The id, if it can be one; else raises ``missing``, and no store is asked for whatever stands there."""
    if not is_opaque(identifier):
        raise missing
    return identifier
