"""``tumorcast imaging change``: the lesions of several studies followed over time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import imaging_app
from tumorcast_platform.console import AsJson

Folders = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="DICOM of the studies with their segmentations.", show_default=False),
]
Features = Annotated[
    Path | None,
    typer.Option("--features", metavar="OUT", help="Write the dated sums of diameters for predict --features."),
]


@imaging_app.command("change")
def change_over_time(folders: Folders, features: Features = None, as_json: AsJson = False) -> None:
    """Match the lesions of several studies of one patient and say how each changed.

    Studies are taken in order of their days. A lesion is the same by its tracking UID, else by where it lies; studies
    of other frames of reference are registered first. Where lesions can be told apart in more than one way, that is
    said and no change is computed. Targets, sum of diameters, nadir and response follow RECIST 1.1. A study without a
    segmentation counts as not evaluated, never as free of disease. Exit status: 0 if lesions of two days or more were
    followed, else 1.
    """
    from tumorcast_platform.commands.imaging.change_document import document, followed, read_folders
    from tumorcast_platform.commands.imaging.output import write_whole
    from tumorcast_platform.render.change import change_page

    with console.progress("Measuring", as_json=as_json) as progress:
        series, issues = read_folders(folders, progress)
    with console.status("Following lesions", as_json=as_json):
        found = document(followed(series, issues), issues)
    if features is not None:
        text = json.dumps(found["features"], indent=1) + "\n"
        write_whole(features, text.encode())
    console.answer(found, change_page(found), as_json=as_json)
