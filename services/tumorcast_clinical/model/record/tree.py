"""Safe steps through parsed JSON: a value of a wrong type reads as absent, since validation has told of it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

Json = dict[str, Any]
_SURROGATE = re.compile("[\ud800-\udfff]")


def child(node: Json, *keys: str) -> Json:
    """Return the object below ``keys``, or an empty one.

    >>> child({"subject": {"reference": "Patient/1"}}, "subject")
    {'reference': 'Patient/1'}
    """
    found: Any = node
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def items(node: Json, key: str) -> list[Json]:
    """Return the objects listed under ``key``; one of another type becomes an empty object, so that indexes hold."""
    found = node.get(key)
    return [item if isinstance(item, dict) else {} for item in found] if isinstance(found, list) else []


def text(node: Json, key: str) -> str:
    """Return the string under ``key``, or an empty one."""
    found = node.get(key)
    return found if type(found) is str else ""


def is_broken(string: str) -> bool:
    r"""Whether it holds half of a surrogate pair: JSON can escape one, no encoding can write it (RFC 8259 8.2).

    >>> is_broken("\ud83d"), is_broken("caf\u00e9")
    (True, False)
    """
    return not string.isascii() and _SURROGATE.search(string) is not None


def number(node: Json, key: str) -> int | Decimal | None:
    """Return the number under ``key``, exactly; text and booleans are no numbers."""
    found = node.get(key)
    return found if type(found) is Decimal or type(found) is int else None
