"""``tumorcast imaging segment``: a click in a series → the lesion under it, measured."""

from __future__ import annotations

import datetime
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, imaging_app
from tumorcast_platform.commands.imaging.entries import measures_entry, problem_entry
from tumorcast_platform.commands.imaging.output import make_folder, write_whole, writing
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Region, Series, Study, Volume
    from tumorcast_imaging.model.clicking import Clicked

Seed = Annotated[
    str, typer.Option("--seed", metavar="X,Y,Z", help="A point inside the lesion, in DICOM's LPS millimeters.")
]
SeriesUid = Annotated[
    str, typer.Option("--series", metavar="UID", help="Series to look at; needed where several hold the point.")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="OUT",
        help="A .nii, .nii.gz or .dcm (SEG) file for the mask, or a folder for a SEG.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="PATH",
        help="Folder of a segmenter or of a MONAI bundle; or the rules threshold and region-growing.",
    ),
]


@imaging_app.command("segment")
def segment_click(
    folder: Folder,
    seed: Seed,
    series: SeriesUid = "",
    out: Out = None,
    model: Model = "",
    as_json: AsJson = False,
) -> None:
    """Find the lesion at a point of a PET, CT or MR series, measure it, and say how sure that is.

    The shipped network reads what lies around the point; another one, or a MONAI bundle, takes its place with --model.
    It is a proposal: a reader looks at it before it is used. Exit status: 0 if a lesion was found, else 1.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_imaging.model.clicking import named_segmenter, segment
    from tumorcast_platform.render.clicks import segment_page

    point = _point(seed)
    if out is not None and (out.is_dir() if _is_file(out) else out.is_file()):
        raise typer.BadParameter("--out is a .nii, .nii.gz or .dcm file, or a folder.")
    chosen, volume = _at(open_study(folder), point, series)
    with console.status("Looking", as_json=as_json):
        clicked = segment(volume, point, named_segmenter(model))
        document = _document(volume, clicked)
    if clicked.region is not None and out is not None:
        document |= _written(chosen, volume, clicked, out)
    console.answer(document, segment_page(document), as_json=as_json)
    if clicked.region is None or (out is not None and "path" not in document):
        raise typer.Exit(1)


def _point(text: str) -> tuple[float, float, float]:
    parts = text.split(",")
    try:
        x, y, z = (float(part) for part in parts)
        if not all(map(math.isfinite, (x, y, z))):
            raise ValueError
    except ValueError as e:
        raise typer.BadParameter("--seed is three numbers, as in --seed=-12.5,40,-310.") from e
    return x, y, z


def _at(study: Study, point: tuple[float, float, float], uid: str) -> tuple[Series, Volume]:
    """The one series that holds the point; raises where there is none, or several and none was named."""
    from tumorcast_core.errors import InvalidInput, StudyNotFound, UnsoundSeries
    from tumorcast_imaging.dicom import Volume
    from tumorcast_imaging.model.clicking import holds

    series = [one for one in study.series if not uid or one.series_instance_uid == uid]
    if uid and not series:
        raise StudyNotFound("The series asked for is not in the folder.")
    read = [(one, v) for one in series for v in one.read() if isinstance(v, Volume)]
    if not read:
        raise UnsoundSeries("No series of the folder is sound; tumorcast imaging inspect says why.")
    holding = [pair for pair in read if holds(pair[1], point)]
    if len(holding) > 1:
        raise InvalidInput("Several series hold that point; say which one with --series.")
    if not holding and len(read) > 1:
        raise InvalidInput("No series holds that point.")
    if not holding:
        return read[0]
    return holding[0]


def _document(volume: Volume, clicked: Clicked) -> dict[str, Any]:
    from tumorcast_imaging.model.lesions.lesion import features, measure_lesion

    about: dict[str, Any] = {
        "series_instance_uid": volume.series_instance_uid,
        "dicom_modality": volume.dicom_modality,
        **asdict(clicked.account),
        "size": None,
        "uptake": None,
        "measures": {},
    }
    issues = list(clicked.issues)
    if clicked.region is not None:
        lesion = measure_lesion(volume, clicked.region, radiomics=False)
        made, doubts = features(lesion)
        issues += doubts
        about["size"] = asdict(lesion.size)
        about["uptake"] = asdict(lesion.uptake) if lesion.uptake else None
        about["measures"] = measures_entry(made)
    return {**about, "problems": [problem_entry(issue) for issue in issues]}


def _written(series: Series, volume: Volume, clicked: Clicked, out: Path) -> dict[str, Any]:
    """Where the mask was written: NIfTI or one SEG file by its suffix, else a SEG in a folder."""
    if clicked.region is None:
        return {}
    if not _is_nifti(out):
        return _segmentation_file(series, volume, clicked, clicked.region, out)
    write_whole(out, _nifti(volume, clicked.region, compress=out.name.endswith(".gz")))
    return {"path": str(out)}


def _nifti(volume: Volume, region: Region, *, compress: bool) -> bytes:
    import gzip

    import numpy as np
    from nibabel import Nifti1Image

    from tumorcast_imaging.dicom.nifti import ras

    voxels, affine = ras(replace(volume, array=region.mask.astype(np.float32)))
    data: bytes = Nifti1Image(np.asarray(voxels, np.uint8), affine).to_bytes()
    return gzip.compress(data, mtime=0) if compress else data


def _segmentation_file(series: Series, volume: Volume, clicked: Clicked, region: Region, out: Path) -> dict[str, Any]:
    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.model.objects import Algorithm, object_bytes, read_source, segmentation_object, write_object

    source = read_source(series, volume)
    if isinstance(source, Issue):
        return {"refused": problem_entry(source)}
    account = clicked.account
    how = Algorithm("SEMIAUTOMATIC", account.segmenter, account.version, learned=bool(account.version))
    named, now = replace(region, label="Clicked lesion"), datetime.datetime.now().replace(microsecond=0)
    made = segmentation_object(source, [named], made=now, algorithms=[how])
    if isinstance(made, Issue):
        return {"refused": problem_entry(made)}
    if _is_file(out):
        write_whole(out, object_bytes(made))
        return {"path": str(out)}
    make_folder(out)
    with writing():
        file = write_object(made, out)
    return {"refused": problem_entry(file)} if isinstance(file, Issue) else {"path": str(file.path)}


def _is_file(path: Path) -> bool:
    return _is_nifti(path) or path.suffix == ".dcm"


def _is_nifti(path: Path) -> bool:
    return path.name.endswith((".nii", ".nii.gz"))
