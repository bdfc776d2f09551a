"""A log line says where something went wrong and never what a caller sent."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core import logs, rpc
from tumorcast_core.errors import MalformedFhir

SECRET = "MRN-0815-Jane-Doe"


class _OddError(Exception):
    """Quotes its argument in every way that an exception can."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, {"patient": secret})
        self.secret = secret
        self.add_note(f"while reading {secret}")

    def __str__(self) -> str:
        return self.secret

    __repr__ = __str__


@contextmanager
def written(name: str) -> Iterator[StringIO]:
    """What a logger of that name writes through our formatter."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter("notes"))
    logger = logging.getLogger(name)
    kept = logger.propagate, logger.level
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.propagate, logger.level = kept


def _raise_chain(secret: str) -> None:
    try:
        try:
            raise KeyError(secret)
        except KeyError as e:
            raise _OddError(secret) from e
    except _OddError:
        raise ExceptionGroup(secret, [ValueError(secret), MalformedFhir("Not JSON.")])  # noqa: B904 - a context


def _caught(work: Callable[[], None]) -> BaseException:
    try:
        work()
    except BaseException as e:
        return e
    raise AssertionError


def lines(stream: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("logger", ["tumorcast_notes.model", "uvicorn.error", "asyncio", "grpc._cython.cygrpc", "ray"])
def test_an_exception_is_written_without_its_text(logger: str) -> None:
    exception = _caught(lambda: _raise_chain(SECRET))
    with written(logger) as stream:
        logging.getLogger(logger).error("it failed", exc_info=exception)
    assert SECRET not in stream.getvalue()
    (line,) = lines(stream)
    types = [one["type"] for one in line["failure"]]
    assert types[0] == "ExceptionGroup"
    assert {"ValueError", "KeyError", "tumorcast_core.errors.MalformedFhir"} < set(types)
    assert any("_raise_chain" in place for place in line["failure"][0]["at"])


def test_the_message_of_our_own_errors_is_kept() -> None:
    (told,) = logs.described(MalformedFhir("Not JSON."))
    assert told["message"] == "Not JSON."


def test_an_incident_has_places_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    error = rpc.incident(_caught(lambda: _raise_chain(SECRET)))
    assert SECRET not in caplog.text + error.message
    (record,) = caplog.records
    rendered = logs.JsonFormatter("notes").format(record)
    assert SECRET not in rendered
    assert "_raise_chain" in rendered


def test_what_asyncio_says_of_a_lost_task_is_withheld() -> None:
    async def go() -> None:
        async def lost() -> None:
            raise _OddError(SECRET)

        task = asyncio.create_task(lost())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.call_exception_handler(
            {"message": f"Exception in callback f({SECRET!r})", "exception": task.exception(), "task": task}
        )

    with written("asyncio") as stream:
        asyncio.run(go())
    assert lines(stream)
    assert SECRET not in stream.getvalue()
    assert "_OddError" in stream.getvalue()


def test_of_another_librarys_line_only_the_template_is_written() -> None:
    with written("httpx") as stream:
        logging.getLogger("httpx").warning("Invalid value for VR UI: %r", SECRET)
        logging.getLogger("httpx").warning(f"Invalid value {SECRET}")
    first, second = lines(stream)
    assert first["message"] == "Invalid value for VR UI: %r"
    assert SECRET not in second["message"]
    assert "test_logs" in second["message"]


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert len(logs.described(first)) == 2


@given(st.text(min_size=6, alphabet="XYZÄÖ漢789-"), st.integers(0, 60))
def test_no_text_of_any_exception_is_written(secret: str, depth: int) -> None:
    def dive(left: int) -> None:
        if left:
            dive(left - 1)
        raise _OddError(secret)

    described = logs.described(_caught(lambda: dive(depth)))
    assert secret not in json.dumps(described, ensure_ascii=False)
    assert len(described[0]["at"]) <= 40


@pytest.mark.parametrize(
    "failing",
    [
        "raise ValueError(secret)",
        "threading.Thread(target=lambda: [][int(secret)]).start()",
        "warnings.warn(secret)",
        "type('Odd', (), {'__del__': lambda self: int(secret)})()",
        "asyncio.run(broken())",
    ],
)
def test_a_process_says_nothing_of_what_nobody_caught(failing: str) -> None:
    program = textwrap.dedent(f"""
        import asyncio, threading, warnings
        from tumorcast_core import logs
        logs.configure("notes")
        secret = "MRN-" + str(0x32f)  # the source is no secret
        async def broken(): raise ValueError(secret)
        {failing}
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "MRN-815" not in done.stdout + done.stderr
    assert [json.loads(line)["service"] for line in done.stderr.splitlines()] == ["notes"]
