"""``tumorcast imaging measure``: every lesion that is drawn in a folder, as quantities."""

from __future__ import annotations

from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.folder import segmentation_files
from tumorcast_platform.console import AsJson

All = Annotated[bool, typer.Option("--all", help="Show every measure, radiomics too; JSON has them anyway.")]
NoRadiomics = Annotated[bool, typer.Option("--no-radiomics", help="Leave the radiomics out: much faster.")]
Enhancement = Annotated[
    str, typer.Option("--pe", metavar="SERIES_UID", help="Series of early percent enhancement (with --ser).")
]
Ratio = Annotated[
    str, typer.Option("--ser", metavar="SERIES_UID", help="Series of the signal enhancement ratio (with --pe).")
]


@imaging_app.command("measure")
def measure_folder(
    folder: Folder,
    seg: Seg = None,
    show_all: All = False,
    no_radiomics: NoRadiomics = False,
    pe: Enhancement = "",
    ser: Ratio = "",
    as_json: AsJson = False,
) -> None:
    """Measure every lesion that is drawn on a series: diameters, volume, uptake in PET, radiomics.

    Lesions are the segments of SEG and the ROIs of RTSTRUCT files. Where the folder holds maps of percent enhancement
    and signal enhancement ratio (their headers say so, or --pe and --ser do), each region drawn on them is also a
    volume of interest for the functional tumor volume. Exit status: 0 if anything was measured, else 1.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.commands.imaging.measure_document import Wanted, measured
    from tumorcast_platform.render.lesions import measure_page

    if bool(pe) != bool(ser):
        raise typer.BadParameter("Give --pe and --ser together.")
    study = open_study(folder)
    files = segmentation_files(study, seg)
    wanted = Wanted((as_json or show_all) and not no_radiomics, (pe, ser) if pe else None)
    with console.progress("Measuring", as_json=as_json) as progress:
        document = measured(study, files, wanted, progress)
    console.answer(document, measure_page(document, show_all=show_all), as_json=as_json)
    if not document["functional_volumes"] and not any("size" in lesion for lesion in document["lesions"]):
        raise typer.Exit(1)
