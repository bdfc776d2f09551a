"""The recorded clusters as tests use them: loaded once, copied, and changed in one way."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tumorcast_platform.cluster.snapshot import LogTail, ReleaseSnapshot

FOLDER = Path(__file__).parent / "recorded_clusters"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))

Object = dict[str, Any]


@functools.cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def recording(name: str) -> ReleaseSnapshot:
    """A recording of one's own, to be changed at will."""
    return ReleaseSnapshot.from_json(json.loads(_text(name)))


def pods(snapshot: ReleaseSnapshot, prefix: str) -> list[Object]:
    """Pods by the beginning of their names."""
    return [pod for pod in snapshot.of("Pod") if pod["metadata"]["name"].startswith(prefix)]


def find(snapshot: ReleaseSnapshot, kind: str, name: str) -> Object:
    """One object."""
    [found] = [item for item in snapshot.of(kind) if item["metadata"]["name"] == name]
    return found


def with_logs(snapshot: ReleaseSnapshot, *logs: tuple[str, str, bool, Iterable[str]]) -> ReleaseSnapshot:
    """The same with log tails: pod, container, whether of the previous run, lines."""
    return replace(snapshot, logs=tuple(LogTail(pod, c, before, tuple(lines)) for pod, c, before, lines in logs))


def event(item: Object, reason: str, note: str, *, kind: str = "Warning", container: str = "") -> Object:
    """An event about an object, a minute before the recording was made."""
    regarding = {"kind": item["kind"], "name": item["metadata"]["name"], "namespace": "tumor-board"}
    if container:
        regarding["fieldPath"] = f"spec.containers{{{container}}}"
    return {
        "kind": "Event",
        "metadata": {"name": f"{item['metadata']['name']}.1", "namespace": "tumor-board"},
        "regarding": regarding,
        "reason": reason,
        "note": note,
        "type": kind,
        "deprecatedCount": 3,
        "deprecatedLastTimestamp": "2026-11-20T03:11:00Z",
    }
