"""``tumorcast platform diagnose``: plain causes, with evidence and the next step."""

from __future__ import annotations

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, platform_app
from tumorcast_platform.commands.platform.reading import From, Save, snapshot_of
from tumorcast_platform.console import AsJson


@platform_app.command("diagnose")
def diagnose_release(
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    recording: From = None,
    save: Save = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a release and why, with the evidence and the next step.

    Exit status: 0 if nothing is, 1 if something is.
    """
    from tumorcast_platform.cluster.diagnosis import diagnose
    from tumorcast_platform.render.platform_diagnosis import diagnosis_document, diagnosis_page

    snapshot = snapshot_of(namespace, context, release, recording, save)
    diagnosis = diagnose(snapshot)
    console.answer(diagnosis_document(diagnosis), diagnosis_page(snapshot, diagnosis), as_json=as_json)
    if not diagnosis.well:
        raise typer.Exit(1)
