"""``tumorcast imaging candidates``: where a PET may hold lesions, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, imaging_app
from tumorcast_platform.commands.imaging.entries import problem_entry
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Volume

SeriesUid = Annotated[str, typer.Option("--series", metavar="UID", help="Only that PET series.")]
Most = Annotated[int, typer.Option("--most", min=1, max=200, help="How many to list of each series.")]


@imaging_app.command("candidates")
def list_candidates(folder: Folder, series: SeriesUid = "", most: Most = 20, as_json: AsJson = False) -> None:
    """List hot places of every PET series with their box, best candidate first; normal uptake stands below.

    The rules for normal uptake hold for a scan from the head to the thighs. Sensitivity and false alarms are known from
    SIMULATED patients only. Exit status: 0 if a PET was read, even where nothing is hot; else 1.
    """
    from tumorcast_imaging.dicom import Volume, open_study
    from tumorcast_platform.render.clicks import candidates_page

    study = open_study(folder)
    entries, problems = [], []
    with console.progress("Looking", as_json=as_json) as progress:
        for done, one in enumerate(study.series):
            progress(done, len(study.series))
            if series and one.series_instance_uid != series:
                continue
            for found in one.read():
                if isinstance(found, Volume) and found.unit == "SUVbw":
                    entries.append(_entry(found, most))
                elif found.dicom_modality == "PT":
                    problems += [problem_entry(issue) for issue in found.problems]
    document = {"series": entries, "problems": problems}
    console.answer(document, candidates_page(document), as_json=as_json)
    if not entries:
        raise typer.Exit(1)


def _entry(volume: Volume, most: int) -> dict[str, Any]:
    from tumorcast_imaging.model.candidates import candidates, organs_told

    return {
        "series_instance_uid": volume.series_instance_uid,
        "normal_uptake_told": organs_told(volume),
        "candidates": [
            {
                "rank": one.rank,
                "score": one.score,
                "suv_max": one.suv_max,
                "contrast": one.contrast,
                "volume_ml": one.volume_ml,
                "center_lps_mm": list(one.center_lps_mm),
                "box_lps_mm": [list(corner) for corner in one.box_lps_mm],
                "physiologic": one.physiologic,
            }
            for one in candidates(volume, most)
        ],
    }
