"""Containers that end: out of memory, by a failing probe, or by themselves with an exit code and a last line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tumorcast_platform.cluster.diagnosis.facts import container_spec, events, left, note_of, recent, still_serving
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    kubectl,
    names,
    part_of,
    sentence,
    several,
    upgrade,
)  # fmt: skip
from tumorcast_platform.cluster.reading import Object, label, mapping, name_of, number, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import containers, is_ready, service_of

_DATABASE = re.compile(
    r"(?i)store of records|database|postgres|asyncpg|sqlalchemy|master key|no such table|tables? (?:are|is) older"
)
_SIGNALS = {
    1: "it gave up with an error",
    2: "it was started with wrong arguments",
    126: "its command cannot be run",
    127: "its command is not in the image",
    134: "it aborted",
    137: "it was killed (SIGKILL)",
    139: "it crashed (segmentation fault)",
    143: "it was told to stop (SIGTERM)",
}


@dataclass(frozen=True, slots=True)
class _End:
    """How a container ended last."""

    pod: Object
    container: str
    reason: str
    code: int
    restarts: int
    back_off: bool
    ended_at: str


def crash_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each service and way of ending."""
    groups: dict[tuple[str, str], list[_End]] = {}
    for end in _ends(snapshot):
        groups.setdefault((part_of(end.pod), _way(snapshot, end)), []).append(end)
    for (what, way), ends in sorted(groups.items()):
        match way:
            case "oom":
                yield _out_of_memory(snapshot, what, ends)
            case "probe":
                yield _killed_by_probe(snapshot, what, ends)
            case "database":
                yield _database(snapshot, what, ends)
            case _:
                yield _crash(snapshot, what, ends)


def _ends(snapshot: ReleaseSnapshot) -> Iterator[_End]:
    for pod in sorted(snapshot.of("Pod"), key=name_of):
        if text(pod, "status", "phase") in ("Succeeded", "Failed") or text(pod, "spec", "restartPolicy") == "Never":
            continue  # a Job's pod: see jobs.py
        for status in containers(pod):
            last = mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")
            back_off = text(status, "state", "waiting", "reason") == "CrashLoopBackOff"
            failed = bool(last) and (number(last, "exitCode") != 0 or text(last, "reason") == "OOMKilled")
            if back_off or (failed and recent(text(last, "finishedAt"), snapshot)):
                yield _End(
                    pod,
                    text(status, "name"),
                    text(last, "reason"),
                    number(last, "exitCode"),
                    number(status, "restartCount"),
                    back_off,
                    text(last, "finishedAt"),
                )


def _way(snapshot: ReleaseSnapshot, end: _End) -> str:
    if end.reason == "OOMKilled":
        return "oom"
    if end.code in (137, 143) and _probe_event(snapshot, end):
        return "probe"
    if service_of(end.pod) == "gateway" and _DATABASE.search(_last_line(snapshot, end)):
        return "database"
    return f"exit-{end.code}"


def _last_line(snapshot: ReleaseSnapshot, end: _End) -> str:
    log = snapshot.log_of(name_of(end.pod), end.container)
    return log.lines[-1] if log else ""


def _probe_event(snapshot: ReleaseSnapshot, end: _End) -> Object:
    found = events(snapshot, kind="Pod", name=name_of(end.pod), reason="Killing")
    return next((e for e in found if "probe" in note_of(e)), {})


def _weight(snapshot: ReleaseSnapshot, ends: list[_End]) -> Weight:
    return Weight.WORSE if all(is_ready(end.pod) for end in ends) or left(snapshot, _pods(ends)) else Weight.BROKEN


def _others(snapshot: ReleaseSnapshot, ends: list[_End]) -> str:
    """Whether others do the work, as a sentence; nothing of pods that are ready again."""
    return "" if all(is_ready(end.pod) for end in ends) else still_serving(snapshot, _pods(ends))


def _restarts(ends: list[_End]) -> str:
    most = max(end.restarts for end in ends)
    return f"restarted {most} times" if most != 1 else "restarted once"


def _pods(ends: list[_End]) -> list[Object]:
    return [end.pod for end in ends]


def _log_evidence(snapshot: ReleaseSnapshot, end: _End) -> tuple[Evidence, ...]:
    line = _last_line(snapshot, end)
    return (Evidence(f"Log of {name_of(end.pod)}, last line", line),) if line else ()


def _out_of_memory(snapshot: ReleaseSnapshot, what: str, ends: list[_End]) -> Finding:
    end = ends[0]
    resources = mapping(container_spec(end.pod, end.container), "resources")
    limit, request = text(resources, "limits", "memory"), text(resources, "requests", "memory")
    bounds = f"limit {limit or 'none'}, request {request or 'none'}"
    beyond = f"its limit of {limit}" if limit else "what its node had"
    return Finding(
        code="out-of-memory",
        weight=_weight(snapshot, ends),
        cause=f"{sentence(what)} needed more memory than {beyond} and was killed.{_others(snapshot, ends)}",
        evidence=(Evidence(several(_pods(ends)), f"container {end.container} OOMKilled, {_restarts(ends)}; {bounds}"),),
        steps=(
            "Give it more, or let it do less at once:",
            upgrade(snapshot, f"{_memory_value(end.pod)}={_more(limit)}"),
        ),
        runbook="encoder-out-of-memory",
        about=names(_pods(ends)),
    )


def _memory_value(pod: Object) -> str:
    """The value that sets a pod's memory."""
    service, group = service_of(pod) or "SERVICE", label(pod, "ray.io/group")
    if group.startswith("encoder-"):
        return f"{service}.encoders.{group.removeprefix('encoder-')}.memory"
    if group:
        return f"{service}.{'head' if group == 'headgroup' else group}.memory"
    return f"{service}.resources.limits.memory"


def _more(limit: str) -> str:
    """Half as much again, in the same unit.

    >>> _more("8Gi"), _more("1500M"), _more("")
    ('12Gi', '2250M', 'MORE')
    """
    match = re.fullmatch(r"(\d+)([A-Za-z]*)", limit)
    return f"{-(-int(match[1]) * 3 // 2)}{match[2]}" if match else "MORE"


def _killed_by_probe(snapshot: ReleaseSnapshot, what: str, ends: list[_End]) -> Finding:
    end = ends[0]
    failing = events(snapshot, kind="Pod", name=name_of(end.pod), reason="Unhealthy")
    told = note_of(failing[0]) if failing else note_of(_probe_event(snapshot, end))
    return Finding(
        code="killed-by-probe",
        weight=_weight(snapshot, ends),
        cause=f"{sentence(what)} does not answer its probe, so the kubelet kills it.{_others(snapshot, ends)}",
        evidence=(
            Evidence(several(_pods(ends)), f"container {end.container}: {told}; {_restarts(ends)}"),
            *_log_evidence(snapshot, end),
        ),
        steps=(
            "See what it was doing when it fell silent:",
            kubectl(snapshot, f"logs {name_of(end.pod)} --container={end.container} --previous --tail=50"),
        ),
        runbook="service-down",
        about=names(_pods(ends)),
    )


def _database(snapshot: ReleaseSnapshot, what: str, ends: list[_End]) -> Finding:
    end = ends[0]
    return Finding(
        code="gateway-without-database",
        weight=_weight(snapshot, ends),
        cause=f"{sentence(what)} does not start, because it cannot use its database.{_others(snapshot, ends)}",
        evidence=(
            *_log_evidence(snapshot, end),
            Evidence(several(_pods(ends)), f"exit code {end.code}, {_restarts(ends)}"),
        ),
        steps=(
            "Is the database up, is the secret with its URL right, has the migration run?",
            kubectl(snapshot, "get secret,job --selector=app.kubernetes.io/instance=" + snapshot.release),
            kubectl(snapshot, f"logs {name_of(end.pod)} --container={end.container} --previous --tail=50"),
        ),
        runbook="database-or-migration",
        about=names(_pods(ends)),
    )


def _crash(snapshot: ReleaseSnapshot, what: str, ends: list[_End]) -> Finding:
    end = ends[0]
    how = _SIGNALS.get(end.code, "it ended by itself") if end.code or end.reason else "it ends at once"
    weight = _weight(snapshot, ends)
    again = "ends soon after each start" if end.back_off else "ended and was started anew"
    return Finding(
        code="crash",
        weight=weight,
        cause=f"{sentence(what)} {again}: {how}.{_others(snapshot, ends)}",
        evidence=(
            *_log_evidence(snapshot, end),
            Evidence(several(_pods(ends)), f"container {end.container}: exit code {end.code}, {_restarts(ends)}"),
        ),
        steps=(
            "Read how it ended:",
            kubectl(snapshot, f"logs {name_of(end.pod)} --container={end.container} --previous --tail=50"),
        ),
        runbook="service-down",
        about=names(_pods(ends)),
    )
