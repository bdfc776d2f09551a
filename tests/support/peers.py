"""Readers of DICOM series side by side: ours and four well-known ones, each in processes of its own.

``python -m support.peers NAME`` reads every adversarial case with one reader, each in a forked child with a time limit,
and prints a line of JSON for each. The others are handed one series at a time, without the files that are no DICOM;
affines are converted to LPS; four-dimensional arrays count as several volumes. What a reader says on standard error
of a plain, sound series is no warning; anything else is.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from support.adversarial import CASES, Case, Found, Truth, judge

LIMIT_S = 60.0
ROUNDING_QUANTA = 0.5
NOTHING: frozenset[str] = frozenset()
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
Read = Callable[[Path], list[Found]]


def tumorcast() -> Read:
    from tumorcast_imaging.dicom import read_study

    return lambda folder: found_in(read_study(folder))


def found_in(study: Any) -> list[Found]:
    """Our volumes, as the judge of all readers takes them."""
    return [Found(v.array, v.affine_lps, v.unit) for v in study.volumes]


def simple_itk() -> Read:
    """``ImageSeriesReader`` with the file names that GDCM sorts, for every series it finds."""
    import SimpleITK as sitk  # noqa: N813 - as its own manual does

    alive = []

    def read(folder: Path) -> list[Found]:
        found = []
        for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
            reader = sitk.ImageSeriesReader()
            reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid))
            image = reader.Execute()
            if image.GetNumberOfComponentsPerPixel() > 1:
                continue
            affine = np.eye(4)
            directions = np.array(image.GetDirection()).reshape(3, 3)
            affine[:3, :3], affine[:3, 3] = directions * image.GetSpacing(), image.GetOrigin()
            found.append(Found(sitk.GetArrayViewFromImage(image).T, affine))
            alive.append(image)  # the array looks into it
        return found

    return read


def monai() -> Read:
    from monai.data import PydicomReader
    from monai.transforms import LoadImage

    def one(folder: Path) -> list[Found]:
        image = LoadImage(reader=PydicomReader(), image_only=True)(str(folder))
        return _volumes(np.asarray(image), RAS_TO_LPS @ np.asarray(image.affine, float))

    return one


def highdicom() -> Read:
    import highdicom as hd
    from pydicom import dcmread

    def one(folder: Path) -> list[Found]:
        datasets = [dcmread(path) for path in sorted(folder.iterdir())]
        many = len(datasets) == 1 and "NumberOfFrames" in datasets[0]
        options = {"apply_presentation_lut": False, "dtype": np.float32}  # with that LUT, MONOCHROME1 would be inverted
        if many:
            volume = hd.Image.from_dataset(datasets[0]).get_volume(**options)
        else:
            volume = hd.get_volume_from_series(datasets, **options)
        return [Found(volume.array, volume.affine)]

    return one


def dicom2nifti() -> Read:
    import dicom2nifti.settings as options
    from dicom2nifti import common, convert_dicom

    options.disable_validate_slicecount()  # one slice is a volume too

    def one(folder: Path) -> list[Found]:
        slices = common.read_dicom_directory(folder)  # in memory: its usual entry copies and writes files besides
        image = convert_dicom.dicom_array_to_nifti(slices, None, reorient_nifti=False)["NII"]
        return _volumes(np.asanyarray(image.dataobj), RAS_TO_LPS @ image.affine)

    return one


READERS: dict[str, Callable[[], Read]] = {
    "Tumorcast": tumorcast,
    "SimpleITK": simple_itk,
    "MONAI": monai,
    "highdicom": highdicom,
    "dicom2nifti": dicom2nifti,
}
"""Each imports its library and gives a function from a folder to volumes, which raises what it likes."""

MODULES = {
    "Tumorcast": "tumorcast_imaging",
    "SimpleITK": "SimpleITK",
    "MONAI": "monai",
    "highdicom": "highdicom",
    "dicom2nifti": "dicom2nifti",
}
"""What each needs to be installed: the extra ``bench`` has all."""


def _volumes(array: np.ndarray, affine: np.ndarray) -> list[Found]:
    if array.ndim == 2:
        array = array[..., None]
    return [Found(a, affine) for a in ([array] if array.ndim == 3 else np.moveaxis(array, -1, 0))]


def one_series_at_a_time(one: Read) -> Read:
    """Sort the folder's images by series; a series that raises does not hide those that come out."""

    def read(folder: Path) -> list[Found]:
        from pydicom import dcmread

        series = defaultdict(list)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            try:
                d = dcmread(path, stop_before_pixels=True)
                if "Rows" in d:
                    series[d.SeriesInstanceUID].append(path)
            except Exception:  # whatever it is, this reader need not see it
                continue
        found, last = [], None
        for paths in series.values():
            with tempfile.TemporaryDirectory() as links:
                for i, path in enumerate(paths):
                    Path(links, f"{i:04}.dcm").symlink_to(path.resolve())
                try:
                    found += one(Path(links))
                except Exception as e:
                    last = e
        if last and not found:
            raise last
        return found

    return read


@dataclass(frozen=True)
class Outcome:
    """``verdict``: right, refused, wrong, crash or hang; ``warned``: something was said on standard error."""

    case: str
    verdict: str
    detail: str = ""
    warned: bool = False
    said: list[str] = field(default_factory=list)


def outcomes(name: str, cases: Sequence[Case] = CASES) -> Iterator[Outcome]:
    """Every case with one reader."""
    read = READERS[name]() if name == "Tumorcast" else one_series_at_a_time(READERS[name]())
    usual = frozenset(_outcome(read, CASES[0], NOTHING).said)  # what it says of a plain series is no warning
    for case in cases:
        yield _outcome(read, case, usual)


def _outcome(read: Read, case: Case, usual: frozenset[str]) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "study")
        folder.mkdir()
        truth = case.write(folder)
        return _in_a_child(partial(_judged, read, case, truth, folder, usual), case.name)


def _judged(read: Read, case: Case, truth: Truth, folder: Path, usual: frozenset[str]) -> Outcome:
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)
        try:
            found = read(folder)
        except Exception as e:
            return Outcome(case.name, "refused", type(e).__name__)
        verdict, detail = judge(case, found, truth, rounding=ROUNDING_QUANTA)
        sys.stderr.flush()
        errors.seek(0)
        said = _words(errors.read().decode(errors="replace"))
        return Outcome(case.name, verdict, detail, bool(said - usual), sorted(said) if usual == NOTHING else [])


def _words(text: str) -> frozenset[str]:
    """Lines without numbers and addresses, so that the same complaint is the same line."""
    return frozenset(
        stripped for line in text.splitlines() if (stripped := re.sub(r"0x\w+|\d+|/\S+", "", line).strip())
    )


def _in_a_child(work: Callable[[], Outcome], case: str) -> Outcome:
    """Fork, so that a crash ends the child alone; the pipe closes when it ends, one way or the other."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.setpgid(0, 0)
        try:
            os.write(into, json.dumps(asdict(work())).encode())
        finally:
            os._exit(0)
    os.close(into)
    said, end = b"", time.monotonic() + LIMIT_S
    while select.select([out], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(out, 65536)
        if not piece:
            break
        said += piece
    hung = time.monotonic() >= end
    if hung:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(out)
    return Outcome(**json.loads(said)) if said else Outcome(case, "hang" if hung else "crash")


def main() -> None:
    for outcome in outcomes(sys.argv[1]):
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
