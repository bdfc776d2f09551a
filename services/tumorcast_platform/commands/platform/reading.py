"""Where status and diagnose take their snapshot from: the cluster, or a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform.commands.platform.app import connected

if TYPE_CHECKING:
    from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

Save = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE", help="Also keep what was read, to look at it again or to send it along."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="FILE", help="Look at what --save kept, and ask no cluster."),
]


def snapshot_of(
    namespace: str | None, context: str | None, release: str, recording: Path | None, save: Path | None
) -> ReleaseSnapshot:
    """Read a recording or the cluster; keep it where asked. Raises the cluster's errors and ``InvalidInput``."""
    from tumorcast_platform.cluster.observing import observe
    from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

    if recording is not None:
        snapshot = ReleaseSnapshot.load(recording)
    else:
        with connected(namespace, context) as cluster:
            snapshot = observe(cluster, release)
    if save is not None:
        snapshot.save(save)
    return snapshot
