"""Domain enumerations ↔ protobuf ones: the same words, other spelling."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast_core import snapshot as s
from tumorcast_core.errors import MalformedRequest

_E = TypeVar("_E", bound=StrEnum)


def enum_to(wrapper: Any, prefix: str, value: StrEnum) -> Any:
    """Domain value → message value; ``prefix`` is that of the proto's enum values."""
    return wrapper.Value(f"{prefix}_{value.replace('-', '_').upper()}")


def enum_from(kind: type[_E], wrapper: Any, prefix: str, number: int) -> _E:
    """Message value → domain value; raises ``MalformedRequest`` for one that is unset or unknown."""
    try:
        return kind(wrapper.Name(number).removeprefix(f"{prefix}_").replace("_", "-").lower())
    except ValueError as e:  # unspecified, unknown to the proto or to the domain
        raise MalformedRequest(f"{prefix.replace('_', ' ').lower()} is not set or not known.") from e


def modality_from(value: sp.Modality) -> s.Modality:
    """Message → domain modality; it must be stated."""
    return enum_from(s.Modality, sp.Modality, "MODALITY", value)


def modality_to(value: s.Modality) -> sp.Modality:
    """Domain modality → message."""
    message: sp.Modality = enum_to(sp.Modality, "MODALITY", value)
    return message
