"""What the command says and where: answers on standard output, progress, notes and errors on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tumorcast_platform.render import Line, as_text

AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document on standard output.")]

Progress = Callable[[int, int], None]
"""Called with (done, total) as long work goes on."""


def answer(document: Any, lines: Iterable[Line], *, as_json: bool) -> None:
    """Print the answer of a command: ``document`` as one line of JSON, or ``lines`` as text."""
    if as_json:
        text = json.dumps(document) + "\n"
    else:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ  # https://no-color.org
        text = as_text(lines, color=color, encoding=sys.stdout.encoding or "ascii")
    sys.stdout.write(text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something beside the answer."""
    sys.stderr.write(as_text([Line(line) for line in text.splitlines()], encoding=sys.stderr.encoding or "ascii"))
    sys.stderr.flush()


def failure(code: str, message: str, *, as_json: bool) -> None:
    """Say why a command failed, as ``CODE: message`` or ``{"error": {"code", "message"}}``."""
    if as_json:
        answer({"error": {"code": code, "message": message}}, (), as_json=True)
    else:
        note(f"{code}: {' '.join(message.split())}")


def _silent(*_: object) -> None:
    """Take progress and show nothing."""


@contextmanager
def progress(title: str, *, as_json: bool) -> Iterator[Progress]:
    """Show a progress bar on standard error; none with JSON or where nobody looks."""
    if as_json or not sys.stderr.isatty():
        yield _silent
        return
    from rich import progress as rich_progress
    from rich.console import Console

    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def status(title: str, *, as_json: bool) -> Iterator[Callable[[str], None]]:
    """Show a line on standard error that changes while something is awaited; none with JSON or where nobody looks."""
    if as_json or not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console

    with Console(stderr=True).status(title) as line:
        yield line.update
