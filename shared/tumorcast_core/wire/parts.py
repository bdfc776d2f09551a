"""Small parts of a prognosis ↔ ``prognosis.proto``: identity, reasons, intervals, contributions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast_core import prognosis as p
from tumorcast_core.errors import MalformedRequest

_Message = TypeVar("_Message")
_Domain = TypeVar("_Domain")


def each_from(name: str, convert: Callable[[_Message], _Domain], messages: Iterable[_Message]) -> Iterator[_Domain]:
    """Convert the elements of the field ``name``; a ``MalformedRequest`` says which of them it is about."""
    for position, message in enumerate(messages):
        try:
            yield convert(message)
        except MalformedRequest as e:
            raise e.inside(f"{name}[{position}]") from e


def model_ref_to(r: p.ModelRef) -> pp.ModelRef:
    """Domain model reference → message."""
    return pp.ModelRef(name=r.name, version=r.version, sha256=r.sha256)


def model_ref_from(m: pp.ModelRef) -> p.ModelRef:
    """Message → domain model reference."""
    return p.ModelRef(m.name, m.version, m.sha256)


def reason_to(r: p.Reason) -> pp.Reason:
    """Domain reason → message."""
    return pp.Reason(code=r.code, message=r.message)


def reason_from(m: pp.Reason) -> p.Reason:
    """Message → domain reason."""
    return p.Reason(m.code, m.message)


def interval_to(i: p.Interval) -> pp.Interval:
    """Domain interval → message."""
    return pp.Interval(lower=i.lower, upper=i.upper, level=i.level)


def interval_from(m: pp.Interval) -> p.Interval:
    """Message → domain interval."""
    return p.Interval(m.lower, m.upper, m.level)


def contribution_to(c: p.Contribution) -> pp.Contribution:
    """Domain contribution → message."""
    return pp.Contribution(endpoint_id=c.endpoint_id, value=c.value, horizon_days=c.horizon_days)


def contribution_from(m: pp.Contribution) -> p.Contribution:
    """Message → domain contribution."""
    return p.Contribution(m.endpoint_id, m.value, m.horizon_days)
