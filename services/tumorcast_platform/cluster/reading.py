"""Getters for objects of the API that never raise: whatever is absent or of another type is empty."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]


def at(item: Any, *path: str) -> Any:
    """The value at a path of keys; none where it breaks off.

    >>> at({"spec": {"replicas": 2}}, "spec", "replicas"), at({"spec": []}, "spec", "replicas")
    (2, None)
    """
    for key in path:
        if not isinstance(item, dict):
            return None
        item = item.get(key)
    return item


def text(item: Any, *path: str) -> str:
    """The string at a path, or an empty one."""
    value = at(item, *path)
    return value if isinstance(value, str) else ""


def number(item: Any, *path: str, default: int = 0) -> int:
    """The whole number at a path, or ``default``."""
    value = at(item, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def mapping(item: Any, *path: str) -> Object:
    """The object at a path, or an empty one; keys are strings."""
    value = at(item, *path)
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def items(item: Any, *path: str) -> list[Object]:
    """The objects in the list at a path, without members that are none."""
    value = at(item, *path)
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []


def name_of(item: Any) -> str:
    """``metadata.name``."""
    return text(item, "metadata", "name")


def label(item: Any, key: str) -> str:
    """One of ``metadata.labels``."""
    return text(item, "metadata", "labels", key)


def condition(item: Any, kind: str) -> Object:
    """The condition of that type in ``status.conditions``, or an empty one."""
    return next((c for c in items(item, "status", "conditions") if c.get("type") == kind), {})


def owner(item: Any) -> tuple[str, str]:
    """Kind and name of the controller that owns it; empty where there is none."""
    for reference in items(item, "metadata", "ownerReferences"):
        return text(reference, "kind"), text(reference, "name")
    return "", ""


def moment(value: Any) -> datetime | None:
    """An RFC 3339 time as the API writes it.

    >>> moment("2026-01-01T00:00:00Z").isoformat(), moment("soon")
    ('2026-01-01T00:00:00+00:00', None)
    """
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def seconds_between(earlier: Any, later: Any) -> float | None:
    """Seconds from one RFC 3339 time to another; none where one cannot be read."""
    begin, end = moment(earlier), moment(later)
    return (end - begin).total_seconds() if begin and end else None


def duration(seconds: float | None) -> str:
    """A time span in words, one unit.

    >>> [duration(s) for s in (None, -5, 59, 150, 7300, 200_000)]
    ['', '0 s', '59 s', '2 min', '2 h', '2 days']
    """
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds // 86_400)} days"


_UNITS = {
    "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip


def quantity(value: Any) -> float | None:
    """A resource quantity (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity).

    >>> quantity("500m"), quantity("2Gi"), quantity(3), quantity("lots")
    (0.5, 2147483648.0, 3.0, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        return None
    digits = value.rstrip("mkMGTPi")
    try:
        return float(digits) * _UNITS[value[len(digits) :]]
    except (ValueError, KeyError):
        return None
