"""Structured logs: one JSON object a line, with request and trace id, never with patient data.

A message of ours is written as it is. An exception is written as its type and the places it passed through; its text
only where it is a Tumorcast error, as any other may quote what a caller sent. The same holds for lines of other
libraries: of those only the template is written, and not even that where the text was put together before.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from tumorcast_core import telemetry
from tumorcast_core.errors import TumorcastError

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Opaque id of the query being served; travels in gRPC metadata."""

_OURS = "tumorcast"
_SPEAKS_IN_TEMPLATES = frozenset({"uvicorn.error"})
"""Loggers of others that say nothing in a message without arguments but what stands in their source."""
_MOST_FRAMES = 40
_MOST_LINKED = 8
Failure = list[dict[str, Any]]


def described(exception: BaseException) -> Failure:
    """An exception and those behind it, newest first: type, places, and the text of Tumorcast errors.

    >>> described(ValueError("Jane Doe"))
    [{'type': 'ValueError', 'at': []}]
    """
    found: Failure = []
    waiting: list[BaseException | None] = [exception]
    seen: set[int] = set()
    while waiting and len(found) < _MOST_LINKED:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        found.append(_one(one))
        waiting.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
    return found


def _one(exception: BaseException) -> dict[str, Any]:
    kind = type(exception)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    told = {"message": exception.message} if isinstance(exception, TumorcastError) else {}
    return {"type": name, **told, "at": _places(exception.__traceback__)}


def _places(trace: TracebackType | None) -> list[str]:
    """``module:function:line`` of every frame, outermost first; no source text, no values."""
    places = [
        f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return places[-_MOST_FRAMES:]


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Render time (UTC), level, service, logger, ids, message, and the exception if there is one."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "request_id": request_id.get(),
            "trace_id": telemetry.trace_id(),
            "message": _message(record),
        }
        if failure := _failure(record):
            line["failure"] = failure
        return json.dumps(line)


def _message(record: logging.LogRecord) -> str:
    if record.name.split(".", 1)[0].startswith(_OURS):
        return record.getMessage()
    if record.args or record.name in _SPEAKS_IN_TEMPLATES:
        return str(record.msg).strip()
    return f"said by {record.module}:{record.funcName}:{record.lineno}; the text is withheld"


def _failure(record: logging.LogRecord) -> Failure | None:
    if record.exc_info and record.exc_info[1] is not None:
        return described(record.exc_info[1])
    failure: Failure | None = getattr(record, "failure", None)
    return failure


def configure(service: str, level: str = "INFO") -> None:
    """Send this process's logs to standard error as JSON lines, and what nobody caught likewise."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    log = logging.getLogger(__name__)

    def uncaught(kind: type[BaseException], exception: BaseException, _: object) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("the process ends by an exception that nobody caught", extra={"failure": described(exception)})

    def uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
            log.error("a thread ends by an exception", extra={"failure": described(arguments.exc_value)})

    def unraisable(arguments: Any) -> None:
        if arguments.exc_value is not None:
            log.error("an exception could not be raised", extra={"failure": described(arguments.exc_value)})

    sys.excepthook, threading.excepthook, sys.unraisablehook = uncaught, uncaught_in_thread, unraisable
