"""GitHub-flavored Markdown that shows text as it is, whatever is in it (https://github.github.com/gfm)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~#&!@]|:(?=/)|(?<=[wW]{3})\.")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def plain(text: str) -> str:
    r"""Text on one line without meaning: no emphasis, link, autolink, image, HTML or cell of a table.

    >>> print(plain("see [x](http://a) <b>www.a.example"))
    see \[x\](http\://a) \<b\>www\.a.example
    """
    return _SPECIAL.sub(lambda found: "\\" + found[0], one_line(text))


def one_line(text: str) -> str:
    """Text without breaks and control characters."""
    return _BREAKS.sub(" ", text).strip()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; head and cells are plain text."""
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def bullets(items: Iterable[str]) -> str:
    """A list of items that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)
