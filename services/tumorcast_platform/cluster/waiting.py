"""Waits until a release is ready; ends early on what does not heal by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tumorcast_core.errors import ClusterUnavailable, ResourceExhausted
from tumorcast_platform.cluster.diagnosis import Finding, diagnose
from tumorcast_platform.cluster.ray_states import ray_service_states
from tumorcast_platform.cluster.reading import Object, items, mapping, name_of, number
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import Health, containers, migration_state, service_states

HOPELESS = (
    "image-missing", "image-auth", "image-name", "migration-failed", "pod-security", "limit-range",
    "ray-service-refused", "serve-deploy-failed",
)  # fmt: skip
"""Findings that more waiting does not change."""
CRASHES = ("crash", "out-of-memory", "gateway-without-database", "killed-by-probe")
MOST_RESTARTS = 4
"""A container that ended so often will end again; before, it may only have waited for another service."""
CONFIRMED = 2
"""So often in a row a hopeless finding must be seen: a registry or a webhook may have failed just once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the waiting ended."""

    ready: bool
    snapshot: ReleaseSnapshot
    seconds: float
    waits_for: tuple[str, ...] = ()
    hopeless: tuple[Finding, ...] = ()


def wait(
    observe: Callable[[], ReleaseSnapshot],
    *,
    timeout_s: float,
    interval_s: float = 3.0,
    told: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Look at the release again and again until it is ready, hopeless, or the time is over.

    ``told`` gets what is waited for whenever that changes. A cluster that does not answer for a while is asked again;
    raises ``ClusterUnavailable`` where it never answered.
    """
    began, look = clock(), _Look(told)
    while True:
        try:
            ended = look.at(observe())
        except (ClusterUnavailable, ResourceExhausted) as e:
            ended = False
            if look.latest is None and clock() - began >= timeout_s:
                raise
            told(e.message)
        seconds = clock() - began
        if look.latest is not None and (ended or seconds >= timeout_s):
            return look.outcome(look.latest, seconds)
        sleep(max(0.05, min(interval_s, timeout_s - seconds)))


class _Look:
    """What was seen last, and how often something hopeless was seen in a row."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self.latest: ReleaseSnapshot | None = None
        self._told = told
        self._waits_for: tuple[str, ...] = ()
        self._hopeless: tuple[Finding, ...] = ()
        self._in_a_row = 0

    def at(self, snapshot: ReleaseSnapshot) -> bool:
        """Look at it; whether there is nothing more to wait for."""
        before, self.latest = self._waits_for, snapshot
        self._waits_for = pending_parts(snapshot)
        self._hopeless = hopeless_findings(snapshot) if self._waits_for else ()
        self._in_a_row = self._in_a_row + 1 if self._hopeless else 0
        ended = not self._waits_for or self._in_a_row >= CONFIRMED
        if self._waits_for != before and not ended:
            self._told(f"Waiting for {'; '.join(self._waits_for)}.")
        return ended

    def outcome(self, snapshot: ReleaseSnapshot, seconds: float) -> Outcome:
        """How it ended."""
        hopeless = self._hopeless if self._in_a_row >= CONFIRMED else ()
        return Outcome(not self._waits_for, snapshot, seconds, self._waits_for, hopeless)


def pending_parts(snapshot: ReleaseSnapshot) -> tuple[str, ...]:
    """What a release still waits for, in words; empty if all is ready."""
    states = service_states(snapshot)
    if not states:
        return ("the release to be there",)
    waits = [
        f"{s.service} ({s.ready} of {s.wanted} pods{f', {s.detail}' if s.health is not Health.DOWN else ''})"
        for s in states
        if not s.well
    ]
    waits += [f"RayService {ray.name} ({ray.told})" for ray in ray_service_states(snapshot) if not ray.well]
    if migration := migration_state(snapshot):
        waits.append(f"Job {migration.job}{' (failed)' if migration.failed else ''}")
    return tuple(waits)


def hopeless_findings(snapshot: ReleaseSnapshot) -> tuple[Finding, ...]:
    """Findings that do not heal by themselves."""
    restarts = {name_of(pod): _most_restarts(pod) for pod in snapshot.of("Pod")}
    return tuple(
        f
        for f in diagnose(snapshot).findings
        if f.code in HOPELESS
        or (f.code in CRASHES and max((restarts.get(name, 0) for name in f.about), default=0) >= MOST_RESTARTS)
    )


def _most_restarts(pod: Object) -> int:
    waiting = [c for c in containers(pod) if mapping(c, "state", "waiting")]
    return max((number(c, "restartCount") for c in waiting if items(pod, "spec", "containers")), default=0)
