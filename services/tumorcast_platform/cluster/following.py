"""What goes on for long: watches that heal themselves, and logs that go on where a connection broke."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from tumorcast_core.errors import ClusterObjectNotFound, ClusterUnavailable, ResourceExhausted, TumorcastError
from tumorcast_platform.cluster.answers import Gone
from tumorcast_platform.cluster.api import Cluster, Object

SILENCE_S = 75.0
"""Without a byte for so long a stream counts as dead; the API sends a bookmark about every minute."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_BREAKS = 3
"""So often in turn the log of a container that has ended may break off before it is given up."""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) ?(.*)", re.DOTALL)


def watch(cluster: Cluster, kind: str, selector: str, timeout_s: float) -> Iterator[tuple[str, Object]]:
    """See ``Cluster.watch``."""
    deadline = time.monotonic() + timeout_s
    known: dict[str, Object] = {}
    pause = FIRST_PAUSE_S
    while True:
        heard = False
        failed: TumorcastError | None = None
        try:
            listed, version = cluster.listed(kind, selector=selector)
            yield from _differences(known, {_key(item): item for item in listed})
            for event, item in _stream(cluster, kind, selector, version, deadline):
                heard = True
                if event == "DELETED":
                    known.pop(_key(item), None)
                else:
                    known[_key(item)] = item
                yield event, item
        except (ClusterUnavailable, ResourceExhausted) as e:
            failed = e
        except Gone:
            pass
        pause = FIRST_PAUSE_S if heard else min(2 * pause, LONGEST_PAUSE_S)
        left = deadline - time.monotonic()
        if left <= 0:
            if failed:
                raise failed
            return
        time.sleep(min(pause, left))


def _differences(known: dict[str, Object], now: dict[str, Object]) -> Iterator[tuple[str, Object]]:
    """What a new list tells beside what was known, which becomes what is listed."""
    before = dict(known)
    known.clear()
    known.update(now)
    yield from (("DELETED", item) for key, item in before.items() if key not in now)
    for key, item in now.items():
        if key not in before:
            yield "ADDED", item
        elif _version(before[key]) != _version(item):
            yield "MODIFIED", item


def _stream(cluster: Cluster, kind: str, selector: str, version: str, deadline: float) -> Iterator[tuple[str, Object]]:
    """The changes of one stream; ends with it. Raises ``Gone``; a line that is no event ends it too."""
    left = deadline - time.monotonic()
    if left <= 0:
        return
    query = [("watch", "true"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(max(1, int(left))))]
    query += [("resourceVersion", version)] if version else []
    query += [("labelSelector", selector)] if selector else []
    for line in cluster.stream(kind, "watch", query, silence_s=min(left, SILENCE_S)):
        event, item = _event(line)
        if event == "ERROR":
            raise Gone
        if event in ("ADDED", "MODIFIED", "DELETED"):
            yield event, item
        if time.monotonic() > deadline:
            return


def _event(line: bytes) -> tuple[str, Object]:
    """One line of a watch; ERROR also for what cannot be read, since then the place in the stream is lost."""
    if not line.strip():
        return "", {}
    try:
        document = json.loads(line)
        return str(document["type"]), dict(document["object"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return "ERROR", {}


def _key(item: Object) -> str:
    metadata = _metadata(item)
    return str(metadata.get("uid") or metadata.get("name"))


def _version(item: Object) -> Any:
    return _metadata(item).get("resourceVersion")


def _metadata(item: Object) -> Object:
    metadata = item.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def follow_log(cluster: Cluster, pod: str, container: str | None) -> Iterator[str]:
    """See ``Cluster.follow_log``; time stamps, which are taken off, tell where to go on after a break."""
    stamp = ""
    pause = FIRST_PAUSE_S
    breaks = 0
    while True:
        query = [("follow", "true"), ("timestamps", "true")]
        query += [("container", container)] if container else []
        query += [("sinceTime", stamp)] if stamp else []
        heard = False
        try:
            for line in cluster.stream("Pod", "get", query, pod, silence_s=SILENCE_S, subresource="log"):
                at, text = _stamped(line.decode("utf-8", "replace"))
                if at and stamp and _in_order(at) <= _in_order(stamp):
                    continue
                stamp, heard, breaks = at or stamp, True, 0
                yield text
            breaks = 0
        except ClusterUnavailable:
            breaks += 1
        try:
            if _ended(cluster.get("Pod", pod), container) and (breaks == 0 or breaks >= _BREAKS):
                return  # after a break the last lines may be still to come
        except ClusterObjectNotFound:
            return
        pause = FIRST_PAUSE_S if heard else min(2 * pause, LONGEST_PAUSE_S)
        time.sleep(pause)


def _stamped(line: str) -> tuple[str, str]:
    match = _STAMP.match(line)
    return (match[1], match[2]) if match else ("", line)


def _in_order(stamp: str) -> tuple[str, str]:
    """RFC 3339 with nanoseconds, of which trailing zeros are left out, in an order that strings have.

    >>> _in_order("2026-01-01T00:00:01Z") < _in_order("2026-01-01T00:00:01.000000001Z")
    True
    """
    second, _, fraction = stamp.rstrip("Z").partition(".")
    return second, fraction.ljust(9, "0")


def _ended(pod: Object, container: str | None) -> bool:
    """Whether the container writes no more: it has terminated for good, or the pod has."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    if (pod.get("spec") or {}).get("restartPolicy", "Always") == "Always":
        return False
    states = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    mine = [s for s in states if container in (None, s.get("name"))]
    return bool(mine) and all("terminated" in (s.get("state") or {}) for s in mine)
