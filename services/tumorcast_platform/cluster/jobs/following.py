"""A job's log as it comes, over every pod that works on it, until the job has ended; then how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import (
    ClusterForbidden,
    ClusterObjectNotFound,
    ClusterRefused,
    ClusterUnavailable,
    JobNotFound,
)
from tumorcast_platform.cluster.answers import Gone
from tumorcast_platform.cluster.jobs.manifests import CONTAINER, SUBMITTER

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

Object = Mapping[str, Any]

POLL_S = 2.0
PATIENCE_S = 600.0
"""For an API server that does not answer."""
_KINDS = ("Job", "RayJob")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far a job is."""

    state: str
    """waiting, running, succeeded or failed."""
    why: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("succeeded", "failed")


def find(cluster: Cluster, name: str) -> tuple[str, Object]:
    """The kind and the object of a job; raises ``JobNotFound``.

    A RayJob has a Job of its name, which KubeRay made for it; the RayJob counts.
    """
    found: tuple[str, Object] | None = None
    for kind in _KINDS:
        try:
            found = kind, cluster.get(kind, name)
        except ClusterObjectNotFound:
            continue
        except ClusterForbidden:  # the answer about kinds that are not there, too
            if found is None:
                raise
    if found is None:
        raise JobNotFound("There is no job of that name; it may have been deleted some days after its end.")
    return found


def verdict(kind: str, job: Object) -> Verdict:
    """How far a Job or RayJob is, by its status."""
    status = job.get("status") or {}
    if kind == "RayJob":
        return _of_ray(status)
    for condition in status.get("conditions") or ():
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
            return Verdict("succeeded") if condition["type"] == "Complete" else Verdict("failed", why)
    return Verdict("running" if status.get("active") else "waiting")


def _of_ray(status: Mapping[str, Any]) -> Verdict:
    """By KubeRay's ``jobDeploymentStatus``; the command's own end is ``jobStatus``."""
    deployment, job = status.get("jobDeploymentStatus") or "", status.get("jobStatus") or ""
    why = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
    if deployment in ("Complete", "Failed", "ValidationFailed"):
        good = deployment == "Complete" and job == "SUCCEEDED"
        return Verdict("succeeded") if good else Verdict("failed", why or f"{deployment}, {job or 'never submitted'}")
    return Verdict("running" if job == "RUNNING" else "waiting", deployment)


@dataclass(slots=True)
class Follower:
    """Follows one job."""

    cluster: Cluster
    name: str
    say: Callable[[str], None] = lambda _text: None
    sleep: Callable[[float], None] = time.sleep
    _told: dict[str, int] = field(default_factory=dict)
    """Lines of each pod that were given already."""

    def lines(self) -> Iterator[str]:
        """The lines of its log; ends with the job.

        Breaks, time-outs and 410 lead to another try, without a line twice. Raises ``JobNotFound``, and
        ``ClusterUnavailable`` after ten minutes without an answer.
        """
        silent_since: float | None = None
        while True:
            try:
                kind, job = find(self.cluster, self.name)
                now = verdict(kind, job)
                yield from self._new_lines(kind)
                silent_since = None
                if now.ended:
                    return
            except ClusterUnavailable as e:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > PATIENCE_S:
                    raise
                self.say(e.message)
            self.sleep(POLL_S)

    def _new_lines(self, kind: str) -> Iterator[str]:
        for pod in pods_of(self.cluster, self.name):
            name = str(pod["metadata"]["name"])
            if self._told.get(name) == -1:
                continue
            if not _has_begun(pod):
                self.say(waiting_for(pod))
                continue
            yield from self._lines_of(name, SUBMITTER if kind == "RayJob" else CONTAINER)

    def _lines_of(self, pod: str, container: str) -> Iterator[str]:
        """Lines of one pod that were not given yet; a pod whose log has ended is not asked again."""
        before = self._told.get(pod, 0)
        try:
            for number, line in enumerate(self.cluster.follow_log(pod, container=container)):
                if number >= before:
                    self._told[pod] = number + 1
                    yield line
        except (ClusterRefused, ClusterObjectNotFound, Gone):  # not there yet, or moved on under us
            return
        self._told[pod] = -1


def pods_of(cluster: Cluster, job: str) -> list[Object]:
    """The pods that work on a Job, or submit a RayJob, the oldest first."""
    label = "batch.kubernetes.io/job-name"
    found = cluster.list("Pod", selector=f"{label}={job}")
    return sorted(found, key=lambda pod: (str(pod["metadata"].get("creationTimestamp", "")), pod["metadata"]["name"]))


def waiting_for(pod: Object) -> str:
    """What a pod that has not begun waits for, in a sentence."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        if waiting := (container.get("state") or {}).get("waiting"):
            return _sentence(waiting.get("reason", "Waiting"), waiting.get("message", ""))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _sentence(condition.get("reason", "Unschedulable"), condition.get("message", ""))
    return f"The pod is {status.get('phase', 'Pending')}."


def how_pods_ended(cluster: Cluster, job: str) -> str:
    """The last pod's end, in a sentence: killed for memory, exit status; empty where none has ended."""
    for pod in reversed(pods_of(cluster, job)):
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            if ended := (container.get("state") or {}).get("terminated"):
                if ended.get("reason") == "OOMKilled":
                    return "It was killed for want of memory: give it more with --memory."
                return f"Its command ended with status {ended.get('exitCode')}."
    return ""


def _has_begun(pod: Object) -> bool:
    status = pod.get("status") or {}
    states = [container.get("state") or {} for container in status.get("containerStatuses") or ()]
    return status.get("phase") in ("Succeeded", "Failed") or any("running" in s or "terminated" in s for s in states)


def _sentence(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else f"{reason}."
