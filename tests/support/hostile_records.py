"""Records that are made to cost time and memory, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from support.big_records import lab_lines, lab_results
from support.records import LOINC, Resource, bundle, observation

MIB = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """A record in parts, the issue that is said of it, and how many observations are still read (``None``: refused)."""

    parts: Callable[[], Iterator[bytes]]
    code: str
    read: int | None


def _whole(data: bytes) -> Iterator[bytes]:
    yield data


def _beside(**more: object) -> bytes:
    """A sound hemoglobin, and one with more."""
    return bundle(observation("sound"), observation("hostile", "1751-7", 38, "g/L", **more))


def _with(mark: str, raw: bytes, **more: object) -> Iterator[bytes]:
    """The same with raw bytes in the place of a mark."""
    before, after = _beside(**more).split(json.dumps(mark).encode())
    yield from (before, raw, after)


def _deep(levels: int) -> Iterator[bytes]:
    raw = b'[{"url":"x","extension":' * levels + b"[]" + b"}]" * levels
    return _with("@", raw, extension="@")


def _bundle_of(part: bytes, count: int) -> Iterator[bytes]:
    yield b'{"resourceType":"Bundle","type":"collection","entry":['
    for _ in range(count // 10_000):
        yield part * 10_000
    yield b"{}]}"


def _narrated(mebibytes: int) -> Iterator[bytes]:
    """Lines of notes that nothing reads, with a laboratory result now and then."""
    note = {"resourceType": "Communication", "id": "note", "status": "completed", "note": [{"text": "word " * 4000}]}
    start, end = json.dumps(note).encode().split(b'"note"', 1)
    lines = lab_lines(500)
    size = number = 0
    while size < mebibytes * MIB:
        line = start + b'"note-%d"' % number + end + b"\n"
        number, size = number + 1, size + len(line)
        yield line
        yield next(lines, b"")


def _many_keys() -> Iterator[bytes]:
    keys = b",".join(b'"k%d":1' % i for i in range(3_000_000))
    return _with("@", b"{" + keys + b"}", extension="@")


def _binary(data: str) -> bytes:
    resource: Resource = {"resourceType": "Binary", "id": "b", "contentType": "application/gzip", "data": data}
    return bundle(observation("sound"), resource)


_EXTENSION = {"url": "https://example.org/x", "valueString": "y"}
HOSTILE: dict[str, Hostile] = {
    "an extension 4,000 levels deep": Hostile(lambda: _deep(4000), "NESTED_TOO_DEEP", 1),
    "an extension 200,000 levels deep": Hostile(lambda: _deep(200_000), "NESTED_TOO_DEEP", 1),
    "30 MB of opening brackets": Hostile(lambda: _whole(b"[" * 30_000_000), "MALFORMED_FHIR", None),
    "30 MB of opening brackets in an entry": Hostile(
        lambda: _with("@", b"[" * 30_000_000, extension="@"), "MALFORMED_FHIR", None
    ),
    "200 MB in one Bundle": Hostile(
        lambda: _bundle_of(b'{"resource":{"resourceType":"Basic"}},', 5_300_000), "PAYLOAD_TOO_LARGE", None
    ),
    "150 MB of empty resources": Hostile(
        lambda: _bundle_of(b'{"resource":{"resourceType":"Basic"}},', 3_900_000), "PAYLOAD_TOO_LARGE", None
    ),
    "NaN": Hostile(lambda: _with("@", b"NaN", valueQuantity={"value": "@"}), "NOT_A_NUMBER", 1),
    "five million digits": Hostile(
        lambda: _with("@", b"9" * 5_000_000, valueQuantity={"value": "@"}), "NOT_A_NUMBER", 1
    ),
    "a key that stands twice": Hostile(
        lambda: _with("@", b'1,"value":2', valueQuantity={"value": "@"}), "DUPLICATE_KEY", 1
    ),
    "100 MB of base64": Hostile(lambda: _whole(_binary("A" * 100_000_000)), "UNUSED_RESOURCE", 1),
    "a truncated file": Hostile(lambda: _whole(bundle(*lab_results(20_000))[:-1000]), "MALFORMED_FHIR", None),
    "a string of 50 MB": Hostile(lambda: _whole(_beside(note=[{"text": "x" * 50_000_000}])), "", 2),
    "3,000,000 keys in one object": Hostile(_many_keys, "RESOURCE_TOO_LARGE", 1),
    "300,000 extensions": Hostile(lambda: _whole(_beside(extension=[_EXTENSION] * 300_000)), "", 2),
    "300,000 extensions that are wrong": Hostile(
        lambda: _whole(_beside(extension=[_EXTENSION | {"valueString": 1}] * 300_000)), "RESOURCE_TOO_LARGE", 1
    ),
    "500,000 codings": Hostile(
        lambda: _whole(_beside(code={"coding": [{"system": LOINC, "code": str(i)} for i in range(500_000)]})),
        "UNMAPPED_CODE",
        1,
    ),
    "100,000 entries": Hostile(lambda: _whole(bundle(*lab_results(99_999, lean=True))), "", 99_999),
    "200,001 entries": Hostile(lambda: _whole(bundle(*lab_results(200_000, lean=True))), "PAYLOAD_TOO_LARGE", None),
    "300 MB of newline-delimited JSON": Hostile(lambda: _narrated(300), "UNUSED_RESOURCE", 500),
    "a line of 200 MB": Hostile(
        lambda: iter([*lab_lines(5), b'{"resourceType":"Basic","id":"', b"x" * 200_000_000, b'"}\n']),
        "PAYLOAD_TOO_LARGE",
        5,
    ),
}
