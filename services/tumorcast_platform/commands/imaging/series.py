"""``tumorcast imaging``: which series of a folder are sound, and the sound ones as NIfTI files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, imaging_app
from tumorcast_platform.commands.imaging.entries import problem_entry, series_entry
from tumorcast_platform.commands.imaging.output import make_folder, writing
from tumorcast_platform.console import AsJson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tumorcast_core.snapshot import Issue
    from tumorcast_imaging.dicom import RefusedSeries, Series, Study, Volume

    Entry = Callable[[Volume | RefusedSeries], dict[str, Any]]

Out = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", help="Folder to write to; it is made if needed.", file_okay=False, show_default=False
    ),
]
Repair = Annotated[
    bool,
    typer.Option("--repair", help="Correct gantry tilt and uneven gaps by interpolation instead of refusing them."),
]
NoCompress = Annotated[bool, typer.Option("--no-compress", help="Write .nii instead of .nii.gz.")]


@imaging_app.command("inspect")
def inspect_folder(folder: Folder, repair: Repair = False, as_json: AsJson = False) -> None:
    """Say of every series whether it is sound, and if not, why.

    Exit status: 0 if at least one series was accepted, 1 if none was.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.render.series import inspection_page

    study = open_study(folder, repair=repair)
    series, accepted = _each_series(study, _inspected, as_json=as_json)
    document = {"series": series, **_beside(study, folder, accepted=accepted)}
    console.answer(document, inspection_page(document, repair=repair), as_json=as_json)
    if not accepted:
        raise typer.Exit(1)


@imaging_app.command("convert")
def convert_folder(
    folder: Folder, out: Out, repair: Repair = False, no_compress: NoCompress = False, as_json: AsJson = False
) -> None:
    """Write every sound series as one 3-D NIfTI-1 file.

    A file is named by the series instance UID, and the part where a series was split. Values are those of inspect (CT
    in HU, PET in SUVbw), as int16 where that loses nothing, else float32. No patient data is written. A file that is
    there already is never replaced by another one. Exit status: 0 if at least one series was written, 1 if none was.
    """
    from tumorcast_imaging.dicom import open_study
    from tumorcast_platform.render.series import conversion_page

    study = open_study(folder, repair=repair)
    make_folder(out)
    series, accepted = _each_series(study, partial(_converted, out, not no_compress), as_json=as_json)
    written = [entry for entry in series if "path" in entry]
    refused = [entry for entry in series if "path" not in entry]
    document = {"written": written, "refused": refused, **_beside(study, folder, accepted=accepted)}
    console.answer(document, conversion_page(document, repair=repair), as_json=as_json)
    if not written:
        raise typer.Exit(1)


def _each_series(study: Study, entry: Entry, *, as_json: bool) -> tuple[list[dict[str, Any]], bool]:
    """One entry per volume and per refusal, and whether there was a volume; one series is in memory at a time."""
    entries: list[dict[str, Any]] = []
    accepted = False
    with console.progress("Reading series", as_json=as_json) as progress:
        for done, series in enumerate(study.series):
            progress(done, len(study.series))
            accepted |= _one_series(series, entry, entries)
    return entries, accepted


def _one_series(series: Series, entry: Entry, entries: list[dict[str, Any]]) -> bool:
    """Its own function, so that nothing holds the pixels when it returns."""
    from tumorcast_imaging.dicom import Volume

    read = series.read()
    entries += [entry(found) for found in read]
    return any(isinstance(found, Volume) for found in read)


def _inspected(found: Volume | RefusedSeries) -> dict[str, Any]:
    from tumorcast_imaging.dicom import Volume

    about: dict[str, Any] = dict.fromkeys(("shape", "spacing_mm", "affine_lps", "unit", "min", "max", "mean"))
    if isinstance(found, Volume):
        about = {
            "shape": list(found.array.shape),
            "spacing_mm": list(map(float, found.spacing_mm)),
            "affine_lps": found.affine_lps.tolist(),
            "unit": found.unit,
            **_statistics(found.array),
        }
    accepted = {"accepted": isinstance(found, Volume)}
    return {**_named(found, found.problems), **accepted, **about}


def _converted(out: Path, compress: bool, found: Volume | RefusedSeries) -> dict[str, Any]:
    """Write the volume; without a path in the entry, its problems say why it was not written."""
    from tumorcast_imaging.dicom import Volume
    from tumorcast_imaging.dicom.nifti import NiftiFile, write_nifti

    if not isinstance(found, Volume):
        return _named(found, found.problems)
    with writing():
        file = write_nifti(found, out, compress=compress)
    if not isinstance(file, NiftiFile):
        return _named(found, [*found.problems, file])
    about = {"path": file.name, "shape": list(file.shape), "dtype": file.dtype, "unit": found.unit}
    return {**_named(found, found.problems), **about}


def _statistics(array: Iterable[NDArray[np.float32]]) -> dict[str, float | None]:
    """Least, greatest and mean of the finite values, slice by slice in float64: JSON knows neither NaN nor infinity."""
    import numpy as np

    least, greatest, total, count = np.inf, -np.inf, 0.0, 0
    for plane in array:
        finite = plane[np.isfinite(plane)]
        if finite.size:
            least, greatest = min(least, float(finite.min())), max(greatest, float(finite.max()))
            total, count = total + float(finite.sum(dtype=np.float64)), count + finite.size
    return {"min": least, "max": greatest, "mean": total / count} if count else dict.fromkeys(("min", "max", "mean"))


def _named(found: Volume | RefusedSeries, problems: Iterable[Issue]) -> dict[str, Any]:
    return {**series_entry(found), "problems": [problem_entry(problem) for problem in problems]}


def _beside(study: Study, folder: Path, *, accepted: bool) -> dict[str, Any]:
    """What is said of the folder as a whole, and of each file that is in no series."""
    base = folder if folder.is_dir() else folder.parent
    return {
        "problems": [problem_entry(problem) for problem in study.issues_when_read(accepted=accepted)],
        "segmentations": [
            {
                "path": _relative(file.path, base),
                "sop_instance_uid": file.sop_instance_uid,
                "referenced_series_uids": list(file.referenced_series_uids),
            }
            for file in study.segmentations
        ],
        "ignored": [{"path": _relative(file.path, base), "code": file.code} for file in study.ignored],
    }


def _relative(path: Path, base: Path) -> str:
    """The path below ``base``; bytes that are no UTF-8 become backslash escapes, which JSON can hold."""
    return os.fsencode(os.path.relpath(path, base)).decode("utf-8", "backslashreplace")
