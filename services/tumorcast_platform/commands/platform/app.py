"""The sub-command itself, and what its commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

platform_app = typer.Typer(
    help="Look after a release on Kubernetes: see it, find what is wrong, scale, try, submit work, move models.",
    no_args_is_help=True,
)

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", metavar="NAME", help="Namespace of the release; else the context's own."),
]
Context = Annotated[
    str | None,
    typer.Option("--context", metavar="NAME", help="Context of the kubeconfig; else its current one."),
]
Release = Annotated[str, typer.Option("--release", "-r", metavar="NAME", help="Name of the Helm release.")]
RELEASE = "tumorcast"
"""The default of ``--release``."""


@contextmanager
def connected(namespace: str | None, context: str | None, *, timeout_s: float = 10.0) -> Iterator[Cluster]:
    """The cluster that the options mean, closed at the end; raises ``NoCluster``."""
    from tumorcast_platform.cluster.api import Cluster

    with Cluster.connect(namespace=namespace, context=context, timeout_s=timeout_s) as cluster:
        yield cluster
