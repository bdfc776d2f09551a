"""Secrets, ConfigMaps and their keys that a pod names and that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tumorcast_platform.cluster.diagnosis.facts import events, left, note_of, one_line, still_serving
from tumorcast_platform.cluster.diagnosis.finding import (
    Evidence,
    Finding,
    Weight,
    kubectl,
    names,
    part_of,
    several,
)  # fmt: skip
from tumorcast_platform.cluster.reading import Object, items, name_of, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import containers, service_of


class _Missing(NamedTuple):
    kind: str
    name: str
    key: str


_PATTERNS = (
    re.compile(r"couldn't find key (?P<key>[\w.-]+) in (?P<kind>Secret|ConfigMap) (?:[\w.-]+/)?(?P<name>[\w.-]+)"),
    re.compile(r"(?P<kind>secret|configmap) \"(?P<name>[\w.-]+)\" not found"),
)
_NO_KEY = re.compile(r"references non-existent (?P<kind>secret|config|configmap) key: (?P<key>[\w.-]+)")
_VOLUME = re.compile(r"for volume \"(?P<volume>[\w.-]+)\"")


def configuration_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each object or key that is missing."""
    waiting: dict[_Missing, list[tuple[Object, str]]] = {}
    for pod in sorted(snapshot.of("Pod"), key=name_of):
        for told in _told(snapshot, pod):
            if missing := _missing(pod, told):
                found = waiting.setdefault(missing, [])
                if all(name_of(other) != name_of(pod) for other, _ in found):
                    found.append((pod, told))
    for missing, found in sorted(waiting.items()):
        yield _finding(snapshot, missing, [pod for pod, _ in found], found[0][1])


def _told(snapshot: ReleaseSnapshot, pod: Object) -> Iterator[str]:
    if text(pod, "status", "phase") != "Pending":
        return
    for status in containers(pod):
        if text(status, "state", "waiting", "reason") == "CreateContainerConfigError":
            yield one_line(text(status, "state", "waiting", "message"))
    for event in events(snapshot, kind="Pod", name=name_of(pod), reason="FailedMount"):
        yield note_of(event)


def _missing(pod: Object, told: str) -> _Missing | None:
    for pattern in _PATTERNS:
        if match := pattern.search(told):
            found = match.groupdict()
            kind = "Secret" if found["kind"].lower() == "secret" else "ConfigMap"
            return _Missing(kind, found["name"], found.get("key") or "")
    if match := _NO_KEY.search(told):
        kind = "Secret" if match["kind"] == "secret" else "ConfigMap"
        volume = _VOLUME.search(told)
        return _Missing(kind, _source(pod, kind, volume["volume"] if volume else ""), match["key"])
    return None


def _source(pod: Object, kind: str, volume: str) -> str:
    """The Secret or ConfigMap behind a volume of a pod."""
    for found in items(pod, "spec", "volumes"):
        if text(found, "name") == volume:
            return text(found, "secret", "secretName") if kind == "Secret" else text(found, "configMap", "name")
    return ""


def _keys(pod: Object, missing: _Missing) -> list[str]:
    """The keys of it that a pod mounts; ``KEY`` where that is not to be seen."""
    found: list[str] = [missing.key] if missing.key else []
    for volume in items(pod, "spec", "volumes"):
        if missing.name in (text(volume, "secret", "secretName"), text(volume, "configMap", "name")):
            entries = [*items(volume, "secret", "items"), *items(volume, "configMap", "items")]
            found += [text(entry, "key") for entry in entries if text(entry, "key")]
    return list(dict.fromkeys(found)) or ["KEY"]


def _finding(snapshot: ReleaseSnapshot, missing: _Missing, pods: list[Object], told: str) -> Finding:
    what, name = part_of(pods[0]), missing.name or "NAME"
    if missing.key:
        cause = f"The {missing.kind} {name} has no key {missing.key}, which {what} needs to start."
    else:
        cause = f"There is no {missing.kind} {name} in namespace {snapshot.namespace}, and {what} needs it to start."
    return Finding(
        code="missing-key" if missing.key else f"missing-{missing.kind.lower()}",
        weight=Weight.WORSE if left(snapshot, pods) else Weight.BROKEN,
        cause=f"{cause}{still_serving(snapshot, pods)}",
        evidence=(Evidence(several(pods), told),),
        steps=_steps(snapshot, missing, pods[0], name),
        runbook=_runbook(pods[0], name),
        about=names(pods),
    )


def _steps(snapshot: ReleaseSnapshot, missing: _Missing, pod: Object, name: str) -> tuple[str, ...]:
    kind = missing.kind.lower()
    if missing.kind == "Secret" and name.endswith("-mtls"):
        described = kubectl(snapshot, f"describe certificate {name.removesuffix('-mtls')}")
        return ("cert-manager makes it from the Certificate of the same name:", described)
    if missing.key:
        return (
            "See which keys it has (names only), then add the one that lacks, or name another in the values:",
            kubectl(snapshot, f"describe {kind} {name}"),
        )
    files = " ".join(f"--from-file={key}=FILE" for key in _keys(pod, missing))
    made = f"create {kind} {'generic ' if missing.kind == 'Secret' else ''}{name} {files}"
    return ("Make it; the pods go on by themselves:", kubectl(snapshot, made))


def _runbook(pod: Object, name: str) -> str:
    if name.endswith("-mtls"):
        return "certificates"
    if "master-key" in name:
        return "records-and-master-key"
    database = service_of(pod).startswith("gateway") and re.search(r"database|postgres", name)
    return "database-or-migration" if database else "service-down"
