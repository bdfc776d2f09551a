"""Jobs of the release that failed, the migration of the database above all."""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_platform.cluster.diagnosis.facts import one_line
from tumorcast_platform.cluster.diagnosis.finding import Evidence, Finding, Weight, kubectl, names
from tumorcast_platform.cluster.reading import Object, condition, name_of, owner, text
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot
from tumorcast_platform.cluster.states import containers, is_ready, pods_of


def job_findings(snapshot: ReleaseSnapshot) -> Iterator[Finding]:
    """One finding for each Job that failed."""
    for job in snapshot.of("Job"):
        failed = condition(job, "Failed")
        if failed.get("status") == "True":
            yield _finding(snapshot, job, failed)


def _finding(snapshot: ReleaseSnapshot, job: Object, failed: Object) -> Finding:
    name = name_of(job)
    pods = sorted((p for p in snapshot.of("Pod") if owner(p) == ("Job", name)), key=name_of)
    migration = name.endswith("-migration")
    late = failed.get("reason") == "DeadlineExceeded"
    if migration:
        cause = "The database was not migrated, so Helm did not install or upgrade the release: "
        cause += "the migration took too long." if late else "the migration failed."
        cause += _meanwhile(snapshot)
        steps = (
            "Read why, mend it, and run the same helm command again; the Job is made anew:",
            kubectl(snapshot, f"logs job/{name} --tail=50"),
        )
    else:
        cause = f"The Job {name} {'took too long' if late else 'failed'}."
        steps = ("Read why:", kubectl(snapshot, f"logs job/{name} --tail=50"))
    return Finding(
        code="migration-failed" if migration else "job-failed",
        weight=Weight.BROKEN if migration else Weight.NOTE,
        cause=cause,
        evidence=(
            *_last_lines(snapshot, pods),
            Evidence(f"Job {name}", one_line(f"{text(failed, 'reason')}: {text(failed, 'message')}")),
        ),
        steps=steps,
        runbook="database-or-migration" if migration else "",
        about=names(pods) | {name},
    )


def _meanwhile(snapshot: ReleaseSnapshot) -> str:
    ready = any(is_ready(pod) for pod in pods_of(snapshot, "gateway"))
    return " What was installed before still serves." if ready else ""


def _last_lines(snapshot: ReleaseSnapshot, pods: list[Object]) -> tuple[Evidence, ...]:
    for pod in reversed(pods):
        for status in containers(pod):
            log = snapshot.log_of(name_of(pod), text(status, "name"))
            if log:
                return (Evidence(f"Log of {name_of(pod)}, last line", log.lines[-1]),)
    return ()
