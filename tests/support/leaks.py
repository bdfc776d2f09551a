"""Identifiers that stand nowhere else, and where they may go: into every place of a schema, a message, a header."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

NAME, MRN, DATE = "Zyxwine Quorblatt", "MRN-77310465", "1931-07-29"
UID, EMAIL, TEXT = "2.25.918273645546372819", "zyxwine@quorblatt.example", "denies quorblattosis since Whitsun"
ALL = f"{NAME} {MRN} {DATE} {UID} {EMAIL} {TEXT}"
MARKERS = (NAME, MRN, DATE, UID, EMAIL, TEXT, "Quorblatt")
PLAIN = f"{MRN}-{DATE}-Quorblatt"
"""For places that take letters, digits and hyphens only."""


def found_in(text: str) -> list[str]:
    """Markers that a text holds as they are, in another case, for URLs, in hexadecimal or base64.

    >>> found_in("patient=ZYXWINE%20quorblatt"), found_in("nothing")
    (['Zyxwine Quorblatt', 'Quorblatt'], [])
    """
    small = text.lower()
    return [marker for marker in MARKERS if any(form in small for form in _forms(marker))]


def _forms(marker: str) -> set[str]:
    encoded = [base64.b64encode(b"x" * shift + marker.encode()).decode() for shift in range(3)]
    cut = [word[(shift and 4) : -4].lower() for shift, word in enumerate(encoded)]
    plain = {marker, quote(marker), quote(marker, safe=""), marker.replace(" ", "+"), marker.replace(" ", "_")}
    return {form.lower() for form in plain} | {marker.encode().hex()} | {word for word in cut if len(word) > 8}


# JSON schemas


def instance(schema: dict[str, Any], components: dict[str, Any], depth: int = 0) -> Any:
    """A value that has every field of a schema, with markers where anything may stand."""
    if "$ref" in schema:
        return instance(components[schema["$ref"].rsplit("/", 1)[1]], components, depth + 1)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            chosen = next((s for s in schema[word] if s.get("type") != "null"), {})
            return instance(chosen, components, depth)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {}) if depth < 12 else {}
            return {name: instance(of, components, depth + 1) for name, of in properties.items()} or {NAME: TEXT}
        case "array":
            return [instance(schema.get("items", {}), components, depth + 1)]
        case "integer" | "number":
            return schema.get("minimum", 48_151_623)
        case "boolean":
            return True
        case _:
            return _text(schema)


def _text(schema: dict[str, Any]) -> str:
    if "date" in schema.get("format", ""):
        return DATE
    pattern = schema.get("pattern", "")
    fitting = (text for text in (ALL, NAME, MRN, UID, DATE, PLAIN, "a" * 32) if re.search(pattern, text))
    return next(fitting, ALL)[: schema.get("maxLength", 1000)]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all scalars of a JSON value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))
    else:
        yield path


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at that path."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return changed


def spoiled(value: Any) -> Iterator[Any]:
    """The value with one scalar after another in markers, and with fields that nobody knows."""
    yield value
    for path in places(value):
        for marker in (ALL, DATE, {NAME: [TEXT]}, [EMAIL]):
            yield replaced(value, path, marker)
    if isinstance(value, dict):
        yield value | {ALL: ALL}
        for name, inner in value.items():
            if isinstance(inner, dict):
                yield value | {name: inner | {ALL: ALL}}


# Messages


def filled(message: Message, choice: int = 0, depth: int = 0) -> Message:
    """The message with markers in every field; of each oneof the field with the number ``choice``."""
    for one in message.DESCRIPTOR.fields:
        group = one.containing_oneof
        if group is not None and len(group.fields) > 1 and group.fields[choice % len(group.fields)] is not one:
            continue
        if one.message_type is not None:
            _fill_message(message, one, choice, depth)
        elif one.is_repeated:
            getattr(message, one.name).append(_scalar(one))
        else:
            setattr(message, one.name, _scalar(one))
    return message


def _fill_message(message: Message, one: FieldDescriptor, choice: int, depth: int) -> None:
    if depth > 5 or one.message_type.GetOptions().map_entry:
        return
    inner = getattr(message, one.name)
    if one.is_repeated:
        filled(inner.add(), choice, depth + 1)
    else:
        inner.SetInParent()
        filled(inner, choice, depth + 1)


def _scalar(one: FieldDescriptor) -> Any:
    match one.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return ALL.encode() if one.type == FieldDescriptor.TYPE_BYTES else DATE if "date" in one.name else PLAIN
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_ENUM:
            return one.enum_type.values[-1].number
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return 48_151_623.5
        case _:
            return 1


def choices(descriptor: Descriptor, depth: int = 0) -> int:
    """How many alternatives the largest oneof of a message has."""
    if depth > 5:
        return 1
    own = [len(group.fields) for group in descriptor.oneofs]
    inner = [choices(f.message_type, depth + 1) for f in descriptor.fields if f.message_type is not None]
    return max([1, *own, *inner])
