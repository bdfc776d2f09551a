"""Lines of text with a meaning, wrapped, aligned and printed so that any terminal can show them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

WIDTH = 100
"""Columns of a page."""

_ASCII = str.maketrans(
    {
        "─": "-",
        "═": "=",
        "│": "|",
        "┤": "|",
        "└": "+",
        "┴": "+",
        "█": "#",
        "●": "*",
        "░": ".",
        "–": "-",
        "−": "-",
        "…": "~",
    }
    | {"×": "x", "≥": ">", "≤": "<", "·": "-", "→": ">", "’": "'"}
)
"""One plain character for each one that a page draws with, so that columns stay in line."""


class Style(StrEnum):
    """What a line is; the value is its ANSI SGR code (ECMA-48)."""

    PLAIN = ""
    HEADING = "1"
    QUIET = "2"
    GOOD = "32"
    CAUTION = "33"
    ALARM = "1;31"


class Line(NamedTuple):
    """One line of a page."""

    text: str = ""
    style: Style = Style.PLAIN

    def within(self, width: int) -> Line:
        """The same line, cut where it is longer than ``width``."""
        return self if len(self.text) <= width else Line(f"{self.text[: width - 1]}…", self.style)


def wrapped(
    text: str, style: Style = Style.PLAIN, *, indent: int = 0, hanging: int | None = None, width: int = WIDTH
) -> list[Line]:
    """Break ``text`` into lines of at most ``width`` columns; ``hanging`` is the indent from the second line on."""
    later = " " * (indent if hanging is None else hanging)
    lines = textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=later)
    return [Line(line, style) for line in lines]


def columns(rows: Sequence[Sequence[str]], *, align: str, indent: int = 2, gap: int = 3) -> list[str]:
    """Rows as aligned columns; ``align`` has one of ``<`` and ``>`` per column.

    >>> columns([["a", "10"], ["bcd", "7"]], align="<>", indent=0)
    ['a     10', 'bcd    7']
    """
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(align))]
    cells = [[f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)] for row in rows]
    return [(" " * indent + (" " * gap).join(row)).rstrip() for row in cells]


def as_text(lines: Iterable[Line], *, color: bool = False, encoding: str = "utf-8") -> str:
    """Give the page for a terminal; characters that ``encoding`` lacks become plain ones, controls blanks."""
    page = []
    for text, style in lines:
        safe = "".join(c if c.isprintable() else " " for c in text)
        if not _can_show(safe, encoding):
            safe = safe.translate(_ASCII).encode(encoding, "replace").decode(encoding)
        page.append(f"\x1b[{style}m{safe}\x1b[0m" if color and style and safe else safe)
    return "\n".join(page) + "\n"


def _can_show(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
