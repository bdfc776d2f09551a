"""What several rules ask a snapshot: recent events of an object, container specs, groups of pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tumorcast_platform.cluster.diagnosis.finding import part_of
from tumorcast_platform.cluster.observing import last_seen
from tumorcast_platform.cluster.reading import Object, items, label, name_of, number, seconds_between, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import SERVICES, is_ready, service_of

RECENT_S = 3600.0
"""What is older than an hour at the time of the snapshot is no evidence of what is wrong now."""


def events(snapshot: ReleaseSnapshot, *, kind: str = "", name: str = "", reason: str = "") -> list[Object]:
    """Recent events, the newest first, of an object where one is named."""
    found = [
        e
        for e in snapshot.of("Event")
        if (not kind or text(e, "regarding", "kind") == kind)
        and (not name or text(e, "regarding", "name") == name)
        and (not reason or text(e, "reason") == reason)
        and _recent(last_seen(e), snapshot)
    ]
    return sorted(found, key=last_seen, reverse=True)


def _recent(when: str, snapshot: ReleaseSnapshot) -> bool:
    age = seconds_between(when, snapshot.taken_at)
    return age is None or age < RECENT_S


def recent(when: str, snapshot: ReleaseSnapshot) -> bool:
    """Whether an RFC 3339 time lies in the last hour before the snapshot; false for what is no time."""
    age = seconds_between(when, snapshot.taken_at)
    return age is not None and age < RECENT_S


def note_of(event: Object) -> str:
    """An event's text in one line."""
    return one_line(text(event, "note"))


def one_line(told: str, most: int = 300) -> str:
    """A text in one line of at most ``most`` characters."""
    line = " ".join(told.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def times(event: Object) -> int:
    """How often an event was seen."""
    return max(number(event, "series", "count"), number(event, "deprecatedCount"), 1)


def container_spec(pod: Object, name: str) -> Object:
    """The spec of a pod's container, init containers included; empty if there is none of that name."""
    all_of_them = [*items(pod, "spec", "initContainers"), *items(pod, "spec", "containers")]
    return next((c for c in all_of_them if text(c, "name") == name), {})


def left(snapshot: ReleaseSnapshot, pods: list[Object]) -> int:
    """How many other pods of the same service and group are ready."""
    if not pods:
        return 0
    own = {name_of(pod) for pod in pods}
    service, group = service_of(pods[0]), label(pods[0], "ray.io/group")
    return sum(
        is_ready(pod) and name_of(pod) not in own
        for pod in snapshot.of("Pod")
        if (service_of(pod), label(pod, "ray.io/group")) == (service, group)
    )


def still_serving(snapshot: ReleaseSnapshot, pods: list[Object]) -> str:
    """Whether others do the work meanwhile, as a sentence with a blank before; empty for what serves nobody."""
    count = left(snapshot, pods)
    if count:
        return f" {count} others still serve." if count > 1 else " One other still serves."
    if not pods or service_of(pods[0]) not in SERVICES:
        return ""
    return f" No pod of {part_of(pods[0])} is ready now."


def grouped(pods: Iterable[Object], key: Callable[[Object], str]) -> list[list[Object]]:
    """Pods that share a key, in groups, each and all in order of name."""
    groups: dict[str, list[Object]] = {}
    for pod in sorted(pods, key=name_of):
        groups.setdefault(key(pod), []).append(pod)
    return list(groups.values())
