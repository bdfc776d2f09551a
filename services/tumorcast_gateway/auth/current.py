"""The caller of the gRPC call being served."""

from __future__ import annotations

from contextvars import ContextVar

from tumorcast_gateway.model.caller import Caller

caller: ContextVar[Caller] = ContextVar("caller")
"""Set by the interceptor; there is none, and so an error, where it did not run."""
