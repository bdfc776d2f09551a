"""A document as it arrives, and as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tumorcast_core.errors import MalformedDocument

_CHARSETS = {
    "": "utf-8",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
}
_CONTENT_TYPE = re.compile(r"[ \t]*([a-z0-9.+\-]+/[a-z0-9.+\-]+)[ \t]*(;.*)?", re.IGNORECASE)
_CHARSET = re.compile(r";[ \t]*charset[ \t]*=[ \t]*\"?([a-z0-9_\-]*)\"?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class Limits:
    """Most that one call may carry."""

    max_document_bytes: int = 1 << 20
    max_documents: int = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """One document; an empty ``content_type`` means plain text in UTF-8, an empty ``date`` undated."""

    id: str = ""
    date: str = ""
    content_type: str = ""
    content: bytes = b""
    timepoint: str = ""


def decode(document: Document) -> str:
    """Return the document's text, whose characters the spans count; raises ``MalformedDocument``."""
    match = _CONTENT_TYPE.fullmatch(document.content_type or "text/plain")
    if match is None or match[1].lower() != "text/plain":
        raise MalformedDocument("The document is not of type text/plain.")
    charset = _CHARSET.search(match[2] or "")
    codec = _CHARSETS.get(charset[1].lower() if charset else "")
    if codec is None:
        raise MalformedDocument("The document's character set is not known.")
    try:
        text = document.content.decode(codec)
    except UnicodeDecodeError as e:
        raise MalformedDocument("The document is not text in its character set.") from e
    text = text.removeprefix("\ufeff")
    if _CONTROL.search(text):
        raise MalformedDocument("The document holds control characters: it is not plain text.")
    return text
