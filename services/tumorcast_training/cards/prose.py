"""The words that are the same in every card, from ``prose.yaml``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

WIDTH = 118


def bullets(texts: Iterable[str]) -> list[str]:
    """Texts as bullets, wrapped.

    >>> bullets(["one", "two"])
    ['- one', '- two']
    """
    return [line for text in texts for line in _wrapped(f"- {text}", "  ")]


def paragraph(text: str) -> list[str]:
    """A text as a wrapped paragraph, with the empty line behind it."""
    return [*_wrapped(text, ""), ""]


def told(key: str, **values: Any) -> list[str]:
    """The texts under a key, filled in; a text alone is a list of one."""
    found = _prose()[key]
    texts: list[str] = found if isinstance(found, list) else [found]
    return [text.format(**values) for text in texts]


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


@cache
def _prose() -> Mapping[str, Any]:
    text = files(__package__).joinpath("prose.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found
