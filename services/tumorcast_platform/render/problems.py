"""Problems of an imaging document as lines: one sentence and its code each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tumorcast_platform.render.text import WIDTH, Line, Style, wrapped

_STYLES = {"fatal": Style.ALARM, "error": Style.ALARM, "warning": Style.CAUTION}


def sentence(message: str, code: str) -> str:
    """A message with its code.

    >>> sentence("A slice is missing.", "MISSING_SLICE")
    'A slice is missing (MISSING_SLICE)'
    """
    return f"{message.rstrip('.')} ({code})"


def style_of(severity: str) -> Style:
    """How a problem of that severity is shown."""
    return _STYLES.get(severity, Style.PLAIN)


def problem_lines(problems: Iterable[Mapping[str, str]], *, indent: int = 2, width: int = WIDTH) -> list[Line]:
    """Each problem once, however often it is told."""
    told = dict.fromkeys((sentence(one["message"], one["code"]), one["severity"]) for one in problems)
    return [
        line
        for text, severity in told
        for line in wrapped(text, style_of(severity), indent=indent, hanging=indent + 2, width=width)
    ]
