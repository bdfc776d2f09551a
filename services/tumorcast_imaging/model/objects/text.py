"""Text that a reader typed, as DICOM's text values can hold it (PS3.5 6.2); always written in UTF-8 (ISO_IR 192)."""

from __future__ import annotations

import unicodedata

CHARACTER_SET = "ISO_IR 192"
_LONG_STRING = 64
_SHORT_TEXT = 1024
"""What a Long String (LO) and a Short Text (ST) hold: characters, but some readers count bytes, which are more."""


def clean(text: str) -> str:
    r"""The text in one line, without control characters and lone surrogates.

    >>> clean(" left\nlung\x00 ")
    'left lung'
    """
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    return " ".join(unicodedata.normalize("NFC", spaced).split())


def long_string(text: str, fallback: str = "") -> str:
    r"""The text as one Long String: at most 64 bytes, no backslash, which would part two values.

    >>> long_string("C:\\lesion", "Lesion 1")
    'C:/lesion'
    >>> long_string(" ", "Lesion 1")
    'Lesion 1'
    """
    return _cut(clean(text).replace("\\", "/"), _LONG_STRING) or fallback


def short_text(text: str) -> str:
    """The text as a Short Text: at most 1,024 bytes."""
    return _cut(clean(text), _SHORT_TEXT)


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").strip()
