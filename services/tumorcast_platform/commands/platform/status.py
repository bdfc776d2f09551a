"""``tumorcast platform status``: a release on one screen."""

from __future__ import annotations

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, platform_app
from tumorcast_platform.commands.platform.reading import From, Save, snapshot_of
from tumorcast_platform.console import AsJson


@platform_app.command("status")
def status(
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    recording: From = None,
    save: Save = None,
    as_json: AsJson = False,
) -> None:
    """Show each service: pods, version, who scales it, restarts, since when.

    Exit status: 0 if everything is ready, 1 if not.
    """
    from dataclasses import asdict

    from tumorcast_platform.cluster.ray_states import ray_service_states
    from tumorcast_platform.cluster.states import service_states
    from tumorcast_platform.render.platform_status import is_well, status_page

    snapshot = snapshot_of(namespace, context, release, recording, save)
    states, rays = service_states(snapshot), ray_service_states(snapshot)
    well = is_well(snapshot)
    document = {
        "namespace": snapshot.namespace,
        "release": snapshot.release,
        "taken_at": snapshot.taken_at,
        "well": well,
        "services": [asdict(state) for state in states],
        "ray_services": [asdict(ray) for ray in rays],
        "unread": snapshot.unread,
    }
    console.answer(document, status_page(snapshot), as_json=as_json)
    if not well:
        raise typer.Exit(1)
