"""What is to be changed so that a service has so many replicas: patches of objects, none of them sent yet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tumorcast_core.errors import Conflict, InvalidInput

Object = Mapping[str, Any]
"""An object as the API sends it."""

SERVICES = ("gateway", "imaging", "clinical", "notes", "fusion")
INGRESS = "ingress"
BEFORE_HOLD = "tumorcast/bounds-before-hold"
"""Annotation that keeps an autoscaler's own bounds while it is held at one number, as JSON."""
RELEASE_HINT = "--release-to-autoscaler"


@dataclass(frozen=True, slots=True)
class Target:
    """What to scale: a service, and of imaging its ingress or one encoder."""

    service: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.service}/{self.part}" if self.part else self.service

    @classmethod
    def of(cls, text: str) -> Target:
        """Read ``SERVICE[/ENCODER]``; imaging alone is its ingress. Raises ``InvalidInput``.

        >>> Target.of("imaging/ct-lesion"), str(Target.of("imaging"))
        (Target(service='imaging', part='ct-lesion'), 'imaging/ingress')
        """
        service, _, part = text.partition("/")
        if service not in SERVICES:
            raise InvalidInput(f"There is no such service; there are {', '.join(SERVICES)} and imaging/ENCODER.")
        if part and service != "imaging":
            raise InvalidInput("Only imaging has parts that scale on their own: imaging/ENCODER.")
        return cls(service, part or INGRESS) if service == "imaging" else cls(service)


@dataclass(frozen=True, slots=True)
class Patch:
    """A merge patch of one object."""

    kind: str
    name: str
    body: Mapping[str, Any]
    subresource: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        what: dict[str, Any] = {"kind": self.kind, "name": self.name, "patch": self.body}
        return what | ({"subresource": self.subresource} if self.subresource else {})


@dataclass(frozen=True, slots=True)
class Plan:
    """Patches, and what to tell about them."""

    target: Target
    name: str
    """Of the Deployment or RayService."""
    before: int | None
    """Replicas as asked for until now; none where an autoscaler decides."""
    after: int | None
    """Replicas asked for now; none where it is given back to an autoscaler."""
    through: str
    """The object that is changed, and which of its fields, in words."""
    patches: tuple[Patch, ...] = ()
    notes: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    """Arguments for ``helm upgrade`` under which the next one renders the same."""
    pods: int | None = None
    """Pods that this makes; none where it is the number of replicas."""
    group: str = ""
    """Of a RayService: the worker group."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """Of a RayService: what the group gets."""
    shared: bool = False
    """Of a RayService: whether several replicas stand in one pod."""

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return {
            "target": str(self.target),
            "object": self.name,
            "through": self.through,
            "before": self.before,
            "after": self.after,
            "pods": self.after if self.pods is None else self.pods,
            "patches": [patch.to_json() for patch in self.patches],
            "notes": list(self.notes),
            "helm": list(self.keep),
        }


def refused(message: str) -> Conflict:
    """The error of a change that does not go with what is there."""
    return Conflict(message)


def guarded(found: Object, body: Mapping[str, Any]) -> dict[str, Any]:
    """The patch, which the API refuses with 409 if the object has changed since it was read."""
    metadata = {**body.get("metadata", {}), "resourceVersion": found["metadata"]["resourceVersion"]}
    return {**body, "metadata": metadata}


def held_bounds(found: Object) -> dict[str, Any] | None:
    """The bounds that an object had before it was held; none where it is not held.

    Raises ``Conflict`` where somebody has edited the annotation beyond reading.
    """
    text = (found["metadata"].get("annotations") or {}).get(BEFORE_HOLD)
    if text is None:
        return None
    try:
        bounds = json.loads(text)
    except ValueError:
        bounds = None
    if not isinstance(bounds, dict):
        raise refused(f"The annotation {BEFORE_HOLD} of {found['metadata']['name']} is not what this command writes.")
    return bounds


def annotation(bounds: Mapping[str, Any] | None) -> dict[str, Any]:
    """``metadata`` of a patch that keeps these bounds; without them, of one that takes the annotation away."""
    return {"annotations": {BEFORE_HOLD: json.dumps(bounds, sort_keys=True) if bounds else None}}
