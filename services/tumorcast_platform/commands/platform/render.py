"""``tumorcast platform render``: what would be installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Release, platform_app
from tumorcast_platform.console import AsJson

Charts = Annotated[
    Path | None, typer.Option("--charts", metavar="PATH", help="Folder charts/, or a packed chart; else ./charts.")
]
HelmPath = Annotated[str | None, typer.Option("--helm", metavar="PATH", help="The Helm to run; else the one on PATH.")]
Values = Annotated[
    list[Path] | None,
    typer.Option("--values", "-f", metavar="FILE", exists=True, dir_okay=False, help="Values; later files win."),
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One value; wins over files.")]
KubeVersion = Annotated[str, typer.Option("--kube-version", metavar="X.Y", help="For which Kubernetes.")]
Into = Annotated[str, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace to install into.")]


def rendered(
    charts: Path | None,
    helm: str | None,
    release: str,
    namespace: str,
    values: list[Path] | None,
    settings: list[str] | None,
    kube_version: str = "",
) -> str:
    """The manifests as YAML; raises ``InvalidInput``."""
    from tumorcast_platform.cluster.charts import Rendering, find_charts, find_helm, render

    what = Rendering(release, namespace, tuple(values or ()), tuple(settings or ()), kube_version)
    return render(find_helm(helm), find_charts(charts), what)


@platform_app.command("render")
def render_release(
    charts: Charts = None,
    values: Values = None,
    settings: Settings = None,
    namespace: Into = "tumorcast",
    release: Release = RELEASE,
    helm: HelmPath = None,
    kube_version: KubeVersion = "",
    as_json: AsJson = False,
) -> None:
    """Print the manifests that an installation with these values would apply; asks no cluster.

    Exit status: 0 if the values are taken, 1 if they are refused: it then says why.
    """
    from tumorcast_platform.cluster.charts import documents
    from tumorcast_platform.render import Line

    text = rendered(charts, helm, release, namespace, values, settings, kube_version)
    document = {"manifests": documents(text)} if as_json else {}
    console.answer(document, map(Line, text.rstrip("\n").splitlines()), as_json=as_json)
