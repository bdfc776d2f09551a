"""``tumorcast platform wait``: until all is ready, or cannot become so."""

from __future__ import annotations

from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, connected, platform_app
from tumorcast_platform.console import AsJson

Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=1, help="Give up after so long.")]


@platform_app.command("wait")
def wait_for_release(
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    timeout: Timeout = 900.0,
    as_json: AsJson = False,
) -> None:
    """Wait until everything is ready; end at once where something cannot heal by itself.

    Exit status: 0 if everything is ready, 1 if the time was over or something cannot heal: it then says what.
    """
    from tumorcast_platform.cluster.observing import observe
    from tumorcast_platform.cluster.waiting import wait
    from tumorcast_platform.render.platform_wait import outcome_lines

    with connected(namespace, context) as cluster:
        outcome = wait(
            lambda: observe(cluster, release),
            timeout_s=timeout,
            told=(lambda _: None) if as_json else console.note,
        )
    document = {
        "ready": outcome.ready,
        "seconds": round(outcome.seconds, 1),
        "waits_for": list(outcome.waits_for),
        "hopeless": [{"code": f.code, "cause": f.cause} for f in outcome.hopeless],
    }
    console.answer(document, outcome_lines(outcome), as_json=as_json)
    if not outcome.ready:
        raise typer.Exit(1)
