"""UIDs that are made from what they name: the same input gives the same UID, so that sending again changes nothing.

Written as 2.25 and the decimal of a UUID (PS3.5 B.2); the UUID is name-based (RFC 9562, version 5).
"""

from __future__ import annotations

import uuid

_TUMORCAST = uuid.UUID("4b1d3a52-5c0e-5a6d-9a34-6f1b0c7e2d88")


def derived_uid(kind: str, *parts: str) -> str:
    """The UID of a ``kind`` of thing that these parts tell apart.

    >>> derived_uid("series", "1.2.3") == derived_uid("series", "1.2.3")
    True
    >>> derived_uid("series", "1.2", "3") == derived_uid("series", "1.2.3")
    False
    """
    name = "\x1e".join((kind, *parts)).encode(errors="backslashreplace").decode()  # labels may hold lone surrogates
    return f"2.25.{uuid.uuid5(_TUMORCAST, name).int}"
