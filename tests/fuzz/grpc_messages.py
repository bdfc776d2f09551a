"""Random and damaged requests for any method, by its descriptor."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

CANARY = "Quibbleworth"
"""Stands for patient data: it may not come back in an error."""
_DOUBLES = (0.0, -0.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 1.0, 365.25, -1.0, 2.0**53 + 1)
_WORDS = (
    *("", " ", "\0", "a\0b", "\n\r\t", "é" * 300, "\U0001f600", "\u202e", "x" * 20_000, "%s%n", "';--", "{}", "../.."),
    *("simulated", "baseline", "2026-03-04", "2026-02-30", "9999-12-31T23:59:60Z", "2.25.1", "0" * 32, "f" * 32),
    *(
        "albumin",
        "g/dL",
        "text/plain; charset=utf-8",
        "text/html",
        "https://ehr.example.org/fhir",
        "file:///etc/passwd",
    ),
    *(f"{CANARY} lives at 12 Elm Street", CANARY, f"{CANARY}\0", f"1.2.{CANARY}"),
)
_BYTES = (b"", b"\xff\xfe", b"DICM", b"\0" * 128 + b"DICM", b'{"resourceType": "Bundle"}', b"{" * 5_000, b"x" * 100_000)
_BUDGETS = ("nan", "inf", "-inf", "-1", "0", "0.001", "1e400", "", "soon", "9" * 400, "1_0", " 5 ")
_MAX_DEPTH = 6
_MAX_BYTES = 2 << 20
"""Of one list: beyond 64 MiB gRPC itself refuses a message."""


@dataclass(frozen=True)
class Made:
    """One call: its messages as bytes, its metadata, and how it came about."""

    messages: tuple[bytes, ...]
    metadata: tuple[tuple[str, str | bytes], ...]
    story: str


@dataclass(frozen=True)
class Known:
    """Words that something stands behind, by the name of the field."""

    words: dict[str, Sequence[str]] = field(default_factory=dict)
    sound: dict[str, Sequence[Message]] = field(default_factory=dict)
    """Requests that are answered, by method."""


def make(random: Random, method: MethodDescriptor, known: Known) -> Made:
    """One call of that method: random, or a sound one with something changed, or one whose bytes are damaged."""
    count = random.choice((0, 1, 1, 2, 5, 9)) if method.client_streaming else 1
    messages, stories = [], []
    for _ in range(count):
        message, story = _message(random, method, known)
        data = message.SerializeToString()
        if random.random() < 0.4:
            damage = random.choice(_DAMAGES)
            data, story = damage(random, data), f"{story}, {damage.__name__.strip('_')}"
        messages.append(data)
        stories.append(story)
    if method.client_streaming and random.random() < 0.5:
        sound = [one.SerializeToString() for one in known.sound.get(method.name, ())]
        at = random.randrange(len(sound) + 1)
        messages = [*sound[:at], *messages, *sound[at:]]
    metadata = _metadata(random)
    return Made(tuple(messages), metadata, f"{method.name}: {'; '.join(stories)} {metadata or ''}")


def _message(random: Random, method: MethodDescriptor, known: Known) -> tuple[Message, str]:
    sound = known.sound.get(method.name)
    if sound and random.random() < 0.6:
        message = type(sound[0])()
        message.CopyFrom(random.choice(sound))
        changed = [_change(random, message, known) for _ in range(random.choice((0, 1, 1, 2, 4)))]
        return message, f"sound but {', '.join(changed) or 'nothing'}"
    message = GetMessageClass(method.input_type)()
    fill(random, message, known, 0, random.choice((0.1, 0.5, 0.9)))
    return message, "random"


def fill(random: Random, message: Message, known: Known, depth: int, share: float) -> None:
    """Set about that share of the fields, at random."""
    for one in message.DESCRIPTOR.fields:
        if random.random() < share / (1 + depth):
            _set(random, message, one, known, depth)


def _change(random: Random, message: Message, known: Known) -> str:
    """Set or clear one field, however deep."""
    path = ""
    while True:
        one = random.choice(message.DESCRIPTOR.fields)
        path += f".{one.name}"
        inner = getattr(message, one.name)
        if one.is_repeated and one.message_type and len(inner) and random.random() < 0.7:
            message = random.choice(inner)
        elif not one.is_repeated and one.message_type and message.HasField(one.name) and random.random() < 0.7:
            message = inner
        else:
            break
        if not message.DESCRIPTOR.fields:
            return path
    if random.random() < 0.3:
        message.ClearField(one.name)
        return f"without {path}"
    _set(random, message, one, known, 0)
    return f"other {path}"


def _set(random: Random, message: Message, one: FieldDescriptor, known: Known, depth: int) -> None:
    if one.message_type and depth >= _MAX_DEPTH:
        return
    if one.is_repeated:
        many = random.choice((1, 1, 2, 3, 40, 1_001)) if depth < 2 else 1
        target = getattr(message, one.name)
        if one.message_type:
            first = target.add()
            fill(random, first, known, depth + 1, 0.6)
            for _ in range(min(many, 1 + _MAX_BYTES // (1 + first.ByteSize())) - 1):
                target.add().CopyFrom(first)
        else:
            target.extend(_scalar(random, one, known) for _ in range(many))
    elif one.message_type:
        inner = getattr(message, one.name)
        inner.SetInParent()
        fill(random, inner, known, depth + 1, 0.6)
    else:
        setattr(message, one.name, _scalar(random, one, known))


def _scalar(random: Random, one: FieldDescriptor, known: Known) -> Any:
    match one.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if one.type == FieldDescriptor.TYPE_BYTES:
            return random.choice((*_BYTES, random.randbytes(random.randrange(64))))
        case FieldDescriptor.CPPTYPE_STRING:
            words = known.words.get(one.name)
            return random.choice(words) if words and random.random() < 0.6 else random.choice(_WORDS)
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return random.choice((*_DOUBLES, random.uniform(-10, 1000)))
        case FieldDescriptor.CPPTYPE_BOOL:
            return random.random() < 0.5
        case FieldDescriptor.CPPTYPE_ENUM:
            return random.choice((0, 1, 2, 3, 99, -1, 2**31 - 1, -(2**31)))
        case FieldDescriptor.CPPTYPE_UINT32:
            return random.choice((0, 1, 2**32 - 1))
        case FieldDescriptor.CPPTYPE_UINT64:
            return random.choice((0, 1, 7, 2**63, 2**64 - 1))
        case FieldDescriptor.CPPTYPE_INT64:
            return random.choice((0, 1, -1, 2**63 - 1, -(2**63)))
        case _:
            return random.choice((0, 1, 2, 200, 201, -1, 2**31 - 1, -(2**31)))


def _truncated(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _flipped(random: Random, data: bytes) -> bytes:
    damaged = bytearray(data or b"\x0a")
    for _ in range(random.choice((1, 1, 3, 20))):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _spliced(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randrange(1, 30)) + data[at:]


def _noise(random: Random, data: bytes) -> bytes:
    return random.randbytes(random.randrange(200))


def _no_utf8(random: Random, data: bytes) -> bytes:
    """A string field with bytes that are no UTF-8."""
    number = random.randrange(1, 13)
    return data + bytes([number << 3 | 2, 3]) + b"\xff\xc0\x80"


def _nested(random: Random, data: bytes) -> bytes:
    """A message within a message, deeper than any parser goes."""
    inner, number = b"", random.randrange(1, 13)
    for _ in range(200):
        size, varint = len(inner), bytearray()
        while size > 127:
            varint.append(size & 127 | 128)
            size >>= 7
        inner = bytes([number << 3 | 2, *varint, size]) + inner
    return data + inner


def _groups(random: Random, data: bytes) -> bytes:
    return data + bytes([random.randrange(1, 13) << 3 | random.choice((3, 4, 6, 7))]) * random.choice((1, 150, 5_000))


def _overlong(random: Random, data: bytes) -> bytes:
    return data + bytes([random.randrange(1, 13) << 3]) + b"\xff" * random.choice((5, 9, 10, 30)) + b"\x01"


def _promised(random: Random, data: bytes) -> bytes:
    """A length that nothing follows."""
    return data + bytes([random.randrange(1, 13) << 3 | 2]) + struct.pack("<I", 0x7FFFFFFF) + b"\x07"


def _unknown(random: Random, data: bytes) -> bytes:
    """Fields that this version does not know, which is no fault."""
    return data + b"\xfa\x3f\x03abc" * random.choice((1, 1_000))


_DAMAGES: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_truncated, _flipped, _spliced, _noise, _no_utf8, _nested, _groups, _overlong, _promised, _unknown),
)


def _metadata(random: Random) -> tuple[tuple[str, str | bytes], ...]:
    """Headers that callers may send; mostly none."""
    if random.random() < 0.7:
        return ()
    made: list[tuple[str, str | bytes]] = [
        ("tumorcast-budget-ms", random.choice(_BUDGETS)),
        ("tumorcast-request-id", f"{CANARY} {random.random()}"),
        ("traceparent", random.choice(("00-0-0-00", "x" * 500, f"00-{'a' * 32}-{'b' * 16}-01", ""))),
        ("tracestate", "a=b," * 100),
        ("baggage", f"patient={CANARY}"),
        ("authorization", random.choice(("Bearer x.y.z", "Basic eDp5", "", "Bearer", CANARY))),
        ("x-odd-bin", random.randbytes(20)),
        ("grpc-status-details-bin", b"\xff\xff"),
    ]
    return tuple(random.sample(made, random.randrange(1, 4)))


def fields_of(descriptor: Descriptor) -> set[str]:
    """Names of all fields of a message and of what stands in it."""
    found: set[str] = set()
    waiting = [descriptor]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one.full_name in seen:
            continue
        seen.add(one.full_name)
        found |= {field.name for field in one.fields}
        waiting += [field.message_type for field in one.fields if field.message_type]
    return found
