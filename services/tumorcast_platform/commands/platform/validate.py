"""``tumorcast platform validate``: values or manifests against the schema, our policies and, if asked, a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Release, connected, platform_app
from tumorcast_platform.commands.platform.render import Charts, HelmPath, Into, Settings, Values, rendered
from tumorcast_platform.console import AsJson

Manifests = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE]...", help="Rendered manifests, - for standard input; without any, the charts'."),
]
OnCluster = Annotated[bool, typer.Option("--on-cluster", help="Also let the cluster check them (server-side dry run).")]
Strict = Annotated[bool, typer.Option("--strict", help="Count warnings as errors.")]


@platform_app.command("validate")
def validate(
    manifests: Manifests = None,
    charts: Charts = None,
    values: Values = None,
    settings: Settings = None,
    namespace: Into = "tumorcast",
    context: Context = None,
    release: Release = RELEASE,
    helm: HelmPath = None,
    on_cluster: OnCluster = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Check values, or manifests that were rendered, before they are installed.

    Exit status: 0 if nothing is wrong, 1 if something is.
    """
    from dataclasses import asdict

    from tumorcast_platform.cluster.charts import documents
    from tumorcast_platform.cluster.dry_run import refused_by
    from tumorcast_platform.cluster.policies import problems_of
    from tumorcast_platform.render.platform_checks import problem_lines

    text = _read(manifests) if manifests else rendered(charts, helm, release, namespace, values, settings)
    objects = documents(text)
    problems = problems_of(objects)
    if on_cluster:
        with connected(namespace, context) as cluster:
            problems += refused_by(cluster, objects)
    wrong = [p for p in problems if strict or not p.warning]
    document = {"objects": len(objects), "ok": not wrong, "problems": [asdict(p) for p in problems]}
    console.answer(document, problem_lines(len(objects), problems, strict=strict), as_json=as_json)
    if wrong:
        raise typer.Exit(1)


def _read(files: list[str]) -> str:
    """Files of manifests as one text; raises ``InvalidInput``."""
    from tumorcast_core.errors import InvalidInput

    try:
        return "\n---\n".join(sys.stdin.read() if f == "-" else Path(f).read_text(encoding="utf-8") for f in files)
    except (OSError, ValueError) as e:
        raise InvalidInput(f"A file of manifests cannot be read ({type(e).__name__}).") from e
