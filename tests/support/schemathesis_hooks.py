"""Bodies that schemathesis cannot write by itself: DICOM files, alone and in multipart/related."""

from __future__ import annotations

from typing import Any

import schemathesis

_MULTIPART = 'multipart/related; type="application/dicom"'


def _bytes(value: Any) -> bytes:
    data = getattr(value, "data", value)
    return data if isinstance(data, bytes) else str(data).encode(errors="replace")


@schemathesis.serializer("application/dicom")
def one_file(ctx: schemathesis.SerializationContext, value: Any) -> Any:
    return {"data": b"\0" * 128 + b"DICM" + _bytes(value)}


@schemathesis.serializer(_MULTIPART, "multipart/related")
def files(ctx: schemathesis.SerializationContext, value: Any) -> Any:
    part = b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM" + _bytes(value)
    return {"data": part + b"\r\n--b--\r\n", "headers": {"Content-Type": f"{_MULTIPART}; boundary=b"}}
