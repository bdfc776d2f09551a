"""Narratives: XHTML that a clinician can read, of the few elements that FHIR allows (R4 section 2.3.1).

Whatever text comes in is escaped here and nowhere else: no caller's string is ever markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tumorcast_gateway.fhir.codes import Json, plain


def narrative(*parts: str) -> Json:
    """The ``text`` of a resource from parts that the functions below made."""
    body = "".join(parts)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}


def paragraph(text: str, *, bold: bool = False) -> str:
    """One paragraph; nothing for no text.

    >>> paragraph("<script>alert(1)</script>")
    '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>'
    """
    told = _told(text)
    return f"<p><b>{told}</b></p>" if told and bold else f"<p>{told}</p>" if told else ""


def bullets(lines: Iterable[str]) -> str:
    """A list; nothing for no lines."""
    items = "".join(f"<li>{_told(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a caption; nothing for no rows."""
    body = "".join(f"<tr>{''.join(f'<td>{_told(cell)}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    heads = "".join(f"<th>{_told(cell)}</th>" for cell in head)
    return f"<table><caption>{_told(title)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _told(text: str) -> str:
    return escape(plain(text), quote=True)
