"""The jobs of a release: listed, and taken away."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import ClusterForbidden, ClusterKindNotFound, ClusterObjectNotFound
from tumorcast_platform.cluster.jobs.following import find, verdict
from tumorcast_platform.cluster.jobs.manifests import JOB, MODEL, WORK, selector

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster


def jobs_of(cluster: Cluster, release: str) -> list[dict[str, Any]]:
    """All jobs of a release, the newest first: name, kind, work, model, state, why, created, seconds."""
    found = []
    for kind in ("Job", "RayJob"):
        try:
            every = cluster.list(kind, selector=selector(release))
        except ClusterKindNotFound:
            continue
        except ClusterForbidden:
            if kind == "Job":
                raise
            continue  # who has no rule for RayJobs gets 403 also where there is no KubeRay
        for job in every:
            labels = job["metadata"].get("labels") or {}
            if JOB in labels and not _of_a_ray_job(job):
                found.append(_row(kind, job, labels))
    return sorted(found, key=lambda row: str(row["created"]), reverse=True)


def delete(cluster: Cluster, name: str) -> str:
    """Delete a job, at work or not, with its pods and its policy; gives its kind. Raises ``JobNotFound``."""
    kind, _ = find(cluster, name)
    cluster.delete(kind, name)
    with suppress(ClusterObjectNotFound, ClusterForbidden):  # it goes with the job that owns it; this is for haste
        cluster.delete("NetworkPolicy", name)
    return kind


def seconds_between(begin: str | None, end: str | None) -> float | None:
    """Seconds between two times as the API writes them; to now without the second.

    >>> seconds_between("2026-11-22T10:00:00Z", "2026-11-22T10:01:30Z")
    90.0
    """
    try:
        start = datetime.fromisoformat(str(begin))
        stop = datetime.fromisoformat(end) if end else datetime.now(UTC)
        return (stop - start).total_seconds()
    except (ValueError, TypeError):
        return None


def _row(kind: str, job: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    status = job.get("status") or {}
    how = verdict(kind, job)
    end = status.get("completionTime") or status.get("endTime") or _failed_at(status)
    return {
        "name": job["metadata"]["name"],
        "kind": kind,
        "work": labels.get(WORK, ""),
        "model": labels.get(MODEL, ""),
        "state": how.state,
        "why": how.why,
        "created": job["metadata"].get("creationTimestamp"),
        "seconds": seconds_between(status.get("startTime"), end),
    }


def _failed_at(status: Mapping[str, Any]) -> str | None:
    conditions = status.get("conditions") or ()
    return next((c.get("lastTransitionTime") for c in conditions if c.get("type") == "Failed"), None)


def _of_a_ray_job(job: Mapping[str, Any]) -> bool:
    return any(owner.get("kind") == "RayJob" for owner in job["metadata"].get("ownerReferences") or ())
