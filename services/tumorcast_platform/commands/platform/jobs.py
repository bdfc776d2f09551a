"""``tumorcast platform jobs``: what was submitted, its logs, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, connected, platform_app
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

jobs_app = typer.Typer(help="List, follow and delete what was submitted.", no_args_is_help=True)
platform_app.add_typer(jobs_app, name="jobs")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the job.")]
INTERRUPTED = 130


@jobs_app.command("list")
def list_jobs(
    namespace: Namespace = None, context: Context = None, release: Release = RELEASE, as_json: AsJson = False
) -> None:
    """List the jobs of a release, the newest first."""
    from tumorcast_platform.cluster.jobs.keeping import jobs_of

    with connected(namespace, context) as cluster:
        found = jobs_of(cluster, release)
    rows = [
        [job["name"], job["work"], job["model"], job["state"], _time(job["seconds"]), str(job["created"] or "")]
        for job in found
    ]
    lines = [Line("There are no jobs.")]
    if rows:
        head = ["job", "work", "model", "state", "took", "submitted"]
        texts = columns([head, *rows], align="<<<<><", indent=0)
        lines = [Line(texts[0], Style.HEADING)]
        for job, text in zip(found, texts[1:], strict=True):
            lines.append(Line(text, Style.ALARM if job["state"] == "failed" else Style.PLAIN))
            lines += [Line(f"    {job['why']}", Style.QUIET)] if job["state"] == "failed" and job["why"] else []
    console.answer({"jobs": found}, lines, as_json=as_json)


@jobs_app.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the job has ended, and end as it did.")] = False,
    lines: Annotated[int, typer.Option(min=1, max=100_000, help="Last lines to show, without --follow.")] = 1000,
    namespace: Namespace = None,
    context: Context = None,
) -> None:
    """Show a job's log."""
    from tumorcast_platform.cluster.jobs import following
    from tumorcast_platform.cluster.jobs.manifests import CONTAINER, SUBMITTER

    with connected(namespace, context) as cluster:
        if follow:
            follow_to_the_end(cluster, name, as_json=False)
            return
        kind, _ = following.find(cluster, name)
        pods = following.pods_of(cluster, name)
        for pod in pods[-1:]:
            container = SUBMITTER if kind == "RayJob" else CONTAINER
            text = cluster.log(str(pod["metadata"]["name"]), container=container, lines=lines)
            console.answer({}, map(Line, text.splitlines()), as_json=False)
        if not pods:
            console.note("The job has no pod (yet, or any more).")


@jobs_app.command()
def delete(name: Name, namespace: Namespace = None, context: Context = None, as_json: AsJson = False) -> None:
    """Delete a job, at work or not; what it wrote to claims stays."""
    from tumorcast_platform.cluster.jobs import keeping

    with connected(namespace, context) as cluster:
        kind = keeping.delete(cluster, name)
    console.answer({"deleted": name, "kind": kind}, [Line(f"{kind} {name} is deleted")], as_json=as_json)


def follow_to_the_end(cluster: Cluster, name: str, *, as_json: bool) -> None:
    """Show the log on standard output until the job has ended; exit status 0 if it went well, 1 if not.

    Ctrl-C leaves the job at work. With JSON the log goes to standard error, and the last word is the document.
    """
    from tumorcast_platform.cluster.jobs.following import Follower, find, how_pods_ended, verdict

    again = f"tumorcast platform jobs logs {name} --namespace {cluster.namespace} --follow"
    told: list[str] = []

    def say(text: str) -> None:
        if told[-1:] != [text]:  # once, not every two seconds
            told.append(text)
            console.note(text)

    try:
        for line in Follower(cluster, name, say).lines():
            if as_json:
                console.note(line)
            else:
                console.answer({}, [Line(line)], as_json=False)
        how = verdict(*find(cluster, name))
        why = " ".join(filter(None, (how.why, how_pods_ended(cluster, name)))) if how.state == "failed" else ""
    except KeyboardInterrupt:
        console.note(f"The job goes on. Look again with: {again}")
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        console.answer({"job": name, "state": how.state, "why": why}, (), as_json=True)
    else:
        console.note(f"{name} {how.state}{f': {why}' if why else ''}")
    if how.state != "succeeded":
        raise typer.Exit(1)


def _time(seconds: float | None) -> str:
    """Hours, minutes and seconds.

    >>> _time(3725.0), _time(None)
    ('1:02:05', '')
    """
    if seconds is None:
        return ""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
