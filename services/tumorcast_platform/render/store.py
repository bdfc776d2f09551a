"""What became of a walk along the audit log, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorcast_platform.render.text import Line, Style, wrapped


def verdict_page(document: Mapping[str, Any]) -> list[Line]:
    """Whole or not; where it breaks; the head to note."""
    if document["ok"]:
        count = document["entries"]
        told = f"OK: the audit log is whole, {count} {'entry' if count == 1 else 'entries'}."
        return [Line(told, Style.GOOD), Line(f"Head, to be noted elsewhere: {document['head']}")]
    told = f"NOT OK: the audit log is wrong from entry {document['broken_at']} on. {document['fault']}"
    return [*wrapped(told, Style.ALARM), Line(f"Sound up to: {document['head']}")]
