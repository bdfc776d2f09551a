"""Names, numbers and order of files; where slices lie."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from support.adversarial.case import Case, both, only, sets, sound, unsound
from support.adversarial.phantom import CENTER_MM, Edit, Field, Series, ds, raw, write
from support.dicom_factory import OBLIQUE, SAGITTAL

CORONAL = (1.0, 0, 0, 0, 0, -1)
_TURN = math.radians(3.7)
ALMOST_AXIAL = (math.cos(_TURN), math.sin(_TURN), 0.0, -math.sin(_TURN), math.cos(_TURN), 0.0)
THIRDS = (2 / 3, -1 / 3, 2 / 3, 2 / 3, 2 / 3, -1 / 3)
PLAIN = Series()
LONG = Series((60, 6, 6), (5.0, 1.25, 1.5), OBLIQUE, intercepts=(-8192.0,), field=Field())
_JITTER = np.random.default_rng(3).uniform(-0.02, 0.02, 10)


def _at(*offsets_mm: float, gap_mm: float = 2.5) -> Series:
    return Series((len(offsets_mm), 18, 14), (gap_mm, 1.25, 1.5), offsets_mm=offsets_mm)


def _rounded(digits: int) -> Edit:
    return lambda k, d: setattr(d, "ImageOrientationPatient", [f"{float(v):.{digits}f}" for v in LONG.orientation])


def _long_orientation(k: int, d: Dataset) -> None:
    raw(d, "ImageOrientationPatient", "DS", "\\".join(f"{v:.20f}" for v in THIRDS))


def _number(k: int, d: Dataset) -> None:
    d.InstanceNumber = [5, 1, 9, 3, 7, 2, 10, 4, 8, 6][k]


def _copied_positions(folder: Path) -> None:
    """The third and the sixth slice again, with other pixels: one before, one after its twin by name."""
    other = Series(field=Field(offset=150), first_number=501)
    copies = other.datasets()
    write([copies[2], copies[5]], folder)


def _same_again(folder: Path) -> None:
    """The fourth slice again, pixels and place alike, as another instance."""
    write([Series(first_number=501).datasets()[3]], folder)


def _exact_copies(folder: Path) -> None:
    for path in sorted(folder.iterdir())[:4]:
        (folder / f"copy-of-{path.name}").write_bytes(path.read_bytes())


def _another_under_the_same_uid(folder: Path) -> None:
    write([Series(field=Field(offset=150)).datasets()[4]], folder)


def tilted(degrees: float) -> Series:
    step = 2.5 * math.tan(math.radians(degrees))
    return Series(sideways_mm=tuple((step * k, 0.0) for k in range(10)))


def _scrambled_position(k: int, d: Dataset) -> None:
    d.ImagePositionPatient = [
        *d.ImagePositionPatient[:2],
        ds(float(d.ImagePositionPatient[2]) + (2.5 if k == 4 else 0)),
    ]


def _far(far_mm: float) -> Series:
    center = (CENTER_MM[0] + far_mm, CENTER_MM[1], CENTER_MM[2])
    return Series(center_mm=center, field=Field(center_mm=center))


def _thicknesses(k: int, d: Dataset) -> None:
    d.SliceThickness, d.SpacingBetweenSlices, d.SliceLocation = "7", "-9.5", str(-100 + 13 * ((k * 7) % 10))


IRREGULAR = ("IRREGULAR_SPACING", "MISSING_SLICE")
ORDER = (
    sound("shuffled names", PLAIN),
    sound("numbered downward", PLAIN, lambda k, d: setattr(d, "InstanceNumber", 10 - k)),
    sound("numbered at random", PLAIN, _number),
    sound("one instance number for all", PLAIN, sets(InstanceNumber=1)),
    sound("instance numbers in pairs", PLAIN, lambda k, d: setattr(d, "InstanceNumber", k // 2)),
    sound("no instance number", PLAIN, sets(InstanceNumber=None)),
    sound("empty instance number", PLAIN, sets(InstanceNumber="")),
    sound("slice location, thickness and spacing between slices lie", PLAIN, _thicknesses),
    sound("no slice thickness", PLAIN, sets(SliceThickness=None)),
    sound("overlapping slices", Series(), sets(SliceThickness="5")),
    sound("acquisition number steps halfway", PLAIN, lambda k, d: setattr(d, "AcquisitionNumber", 1 + k // 5)),
    sound(
        "acquisition time of each slice", PLAIN, lambda k, d: setattr(d, "AcquisitionTime", f"1200{k // 2:02}.{k}0000")
    ),
    sound("content time of each slice", PLAIN, lambda k, d: setattr(d, "ContentTime", f"1201{(k * 7) % 10:02}")),
    sound("exact copies of files", PLAIN, beside=_exact_copies, codes=("DUPLICATE_FILE",)),
    unsound("same slice twice under two UIDs", ("DUPLICATE_SLICE",), PLAIN, beside=_same_again),
    unsound("other pixels at the same places", ("DUPLICATE_SLICE",), PLAIN, beside=_copied_positions),
    unsound("one UID for two different files", ("DUPLICATE_SLICE",), PLAIN, beside=_another_under_the_same_uid),
    unsound(
        "every slice at one place",
        ("DUPLICATE_SLICE", "BAD_POSITION"),
        PLAIN,
        sets(ImagePositionPatient=["0", "0", "0"]),
    ),
    unsound("one slice placed on its neighbor", ("DUPLICATE_SLICE",), PLAIN, _scrambled_position),
)
GEOMETRY = (
    sound("sagittal", Series(orientation=SAGITTAL)),
    sound("coronal", Series(orientation=CORONAL)),
    sound("oblique", Series(orientation=ALMOST_AXIAL)),
    sound("double oblique", Series(orientation=OBLIQUE)),
    sound("normal down (feet first)", Series(orientation=(1.0, 0, 0, 0, -1, 0))),
    sound("patient prone", Series(orientation=(-1.0, 0, 0, 0, -1, 0))),
    sound("anisotropic pixels", Series(spacing_mm=(1.0, 2.4, 0.6))),
    sound("orientation in 22 characters", Series(orientation=THIRDS), _long_orientation),
    sound("orientation rounded to 3 decimals, 295 mm long", LONG, _rounded(3), slack_mm=0.25),
    sound("orientation rounded to 6 decimals, 295 mm long", LONG, _rounded(6), slack_mm=0.02),
    sound("positions jitter by 0.02 mm", _at(*(2.5 * np.arange(10) + _JITTER)), slack_mm=0.05),
    sound("positions jitter alternately", _at(*(2.5 * np.arange(10) + 0.02 * (-1) ** np.arange(10))), slack_mm=0.05),
    sound("positions rounded to 0.1 mm", _at(*np.round(1.25 * np.arange(10) + 0.02, 1), gap_mm=1.25), slack_mm=0.08),
    sound("first slice missing", PLAIN, without=(0,), keep=slice(1, 10)),
    sound("last slice missing", PLAIN, without=(9,), keep=slice(0, 9)),
    unsound("inner slice missing", ("MISSING_SLICE",), PLAIN, without=(4,)),
    unsound("second slice missing", ("MISSING_SLICE",), PLAIN, without=(1,)),
    unsound("half of the slices missing at one end", IRREGULAR, PLAIN, without=(1, 3)),
    unsound("spacing changes midway", IRREGULAR, _at(*(np.arange(6) * 2.5), *(12.5 + np.arange(1, 5) * 5.0))),
    unsound("spacing grows", IRREGULAR, _at(*(np.arange(10) * 2.0 + 0.08 * np.arange(10) ** 2))),
    unsound("one slice off by 0.6 mm", IRREGULAR, _at(*(2.5 * np.arange(10) + 0.6 * (np.arange(10) == 5)))),
    unsound(
        "one slice off by 2 mm within its plane",
        (*IRREGULAR, "GANTRY_TILT"),
        Series(sideways_mm=tuple((2.0 * (k == 5), 0.0) for k in range(10))),
    ),
    unsound("gantry tilt of 15°", ("GANTRY_TILT",), tilted(15)),
    unsound("gantry tilt of −8°", ("GANTRY_TILT",), tilted(-8)),
    unsound("gantry tilt of 0.5°", ("GANTRY_TILT",), tilted(0.5)),
    unsound("no position", ("BAD_POSITION", "HEADER_INCOMPLETE"), PLAIN, sets(ImagePositionPatient=None)),
    unsound(
        "no position on one slice",
        ("BAD_POSITION", "HEADER_INCOMPLETE", "MISSING_SLICE"),
        PLAIN,
        only(4, sets(ImagePositionPatient=None)),
    ),
    unsound("no orientation", ("BAD_ORIENTATION", "HEADER_INCOMPLETE"), PLAIN, sets(ImageOrientationPatient=None)),
    unsound(
        "orientation not perpendicular",
        ("BAD_ORIENTATION",),
        PLAIN,
        sets(ImageOrientationPatient=["1", "0", "0", "0.6", "0.8", "0"]),
    ),
    unsound("orientation of zeros", ("BAD_ORIENTATION",), PLAIN, sets(ImageOrientationPatient=["0"] * 6)),
    unsound(
        "position not a number",
        ("BAD_POSITION", "MALFORMED_HEADER", "MISSING_SLICE"),
        PLAIN,
        only(4, lambda k, d: raw(d, "ImagePositionPatient", "DS", "nan\\0\\0")),
    ),
    unsound(
        "position infinite",
        ("BAD_POSITION", "MALFORMED_HEADER", "MISSING_SLICE"),
        PLAIN,
        only(9, lambda k, d: raw(d, "ImagePositionPatient", "DS", "0\\0\\inf")),
    ),
    unsound(
        "positions with decimal commas",
        ("BAD_POSITION", "MALFORMED_HEADER"),
        PLAIN,
        lambda k, d: raw(
            d, "ImagePositionPatient", "DS", "\\".join(map(str, d.ImagePositionPatient)).replace(".", ",")
        ),
    ),
    unsound(
        "position absurdly far",
        ("BAD_POSITION", *IRREGULAR),
        PLAIN,
        only(9, sets(ImagePositionPatient=["0", "0", "1e30"])),
    ),
    sound("patient coordinates of 100 m", _far(1e5), slack_mm=0.01),
    unsound("no pixel spacing", ("BAD_SPACING", "HEADER_INCOMPLETE"), PLAIN, sets(PixelSpacing=None)),
    unsound(
        "spacing at the detector only",
        ("BAD_SPACING", "HEADER_INCOMPLETE"),
        PLAIN,
        both(lambda k, d: setattr(d, "ImagerPixelSpacing", ["1.25", "1.5"]), sets(PixelSpacing=None)),
    ),
    unsound("pixel spacing of zero", ("BAD_SPACING",), PLAIN, sets(PixelSpacing=["0", "1.5"])),
    unsound("pixel spacing negative", ("BAD_SPACING",), PLAIN, sets(PixelSpacing=["1.25", "-1.5"])),
    sound("single slice with thickness", Series((1, 18, 14)), codes=("SINGLE_SLICE",)),
    unsound("single slice without thickness", ("SPACING_UNKNOWN",), Series((1, 18, 14)), sets(SliceThickness=None)),
    sound("two slices", Series((2, 18, 14))),
)
CASES: tuple[Case, ...] = ORDER + GEOMETRY
