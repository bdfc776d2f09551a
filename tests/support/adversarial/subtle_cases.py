"""What looks like one sound volume and is not, and what looks like several and is one damaged volume."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from support.adversarial.case import Case, Truth, both, part, sets, sound, truth, unsound
from support.adversarial.company_cases import OTHER, screenshot
from support.adversarial.order_cases import tilted
from support.adversarial.phantom import CENTER_MM, Edit, Field, Series, raw, write
from support.adversarial.several_cases import CT, MR, SPLIT

MIXED = ("MIXED_ACQUISITIONS", *SPLIT)
ORIGINAL = ["ORIGINAL", "PRIMARY", "AXIAL"]
MAGNITUDE, PHASE = ["ORIGINAL", "PRIMARY", "M", "ND"], ["ORIGINAL", "PRIMARY", "P", "ND"]
LONG = Series((20, 18, 14), intercepts=(-8192.0,))
GROWING = Series(offsets_mm=tuple(np.arange(10) * 2.0 + 0.08 * np.arange(10) ** 2))
STEPPED = Series(offsets_mm=(*(np.arange(5) * 2.5), *(14.0 + np.arange(5) * 4.0)))
TECHNIQUES: tuple[tuple[str, Series, str, object, object], ...] = (
    ("echo time", MR, "EchoTime", "2.3", "4.6"),
    ("temporal position", MR, "TemporalPositionIdentifier", 1, 2),
    ("sequence", MR, "SequenceName", "*ep_b0", "*ep_b800"),
    ("image type", MR, "ImageType", MAGNITUDE, PHASE),
    ("kernel", CT, "ConvolutionKernel", "B30f", "B70f"),
    ("tube voltage", CT, "KVP", "80", "140"),
    ("cardiac phase", CT, "NominalPercentageOfCardiacPhase", 30.0, 75.0),
)
"""Name, series, attribute and two values of it: no volume holds both."""
ALTERNATING: tuple[tuple[str, Series, str, object, object], ...] = (
    ("flip angle", MR, "FlipAngle", "10", "30"),
    ("repetition time", MR, "RepetitionTime", "500", "3000"),
    ("trigger time", MR, "TriggerTime", "0", "420"),
    ("contrast agent in MR", MR, "ContrastBolusAgent", "", "Gd"),
    ("contrast agent in CT", CT, "ContrastBolusAgent", "", "Iodine"),
    ("image type", MR, "ImageType", MAGNITUDE, PHASE),
)


def _twin(series: Series, by_mm: float = 0.0) -> Series:
    """A second volume in another state of the patient, ``by_mm`` farther along the (axial) normal."""
    center = (*series.center_mm[:2], series.center_mm[2] + by_mm)
    return replace(
        series, field=replace(series.field, offset=series.field.offset + 150), center_mm=center, first_number=101
    )


def _strayed(
    name: str,
    strays: Collection[int],
    series: Series,
    keyword: str,
    ours: object,
    theirs: object,
    codes: tuple[str, ...],
) -> Case:
    """The slices ``strays`` are those of another volume at the same places."""
    other = _twin(series)

    def files(folder: Path) -> Truth:
        own, foreign = series.datasets(sets(**{keyword: ours})), other.datasets(sets(**{keyword: theirs}))
        write([foreign[k] if k in strays else d for k, d in enumerate(own)], folder)
        return truth(fields=(series.field, other.field))

    return Case(name, "unsound", files, codes)


def _every_other(name: str, series: Series, keyword: str, first: object, second: object) -> Case:
    """Two volumes whose slices lie halfway between one another."""
    one = replace(series, shape=(5, 18, 14), spacing_mm=(5.0, 1.25, 1.5))
    two = _twin(one, 2.5)

    def files(folder: Path) -> Truth:
        write(one.datasets(sets(**{keyword: first})) + two.datasets(sets(**{keyword: second})), folder)
        return truth(part(one), part(two))

    return Case(f"every other slice of another {name}", "split", files, SPLIT)


def _four_passes(folder: Path) -> Truth:
    """Each pass of a CT lies a quarter of a gap farther; each slice has its own second."""
    passes = [
        replace(
            CT,
            shape=(6, 18, 14),
            spacing_mm=(4.0, 1.25, 1.5),
            field=Field(offset=60.0 * i),
            center_mm=(*CENTER_MM[:2], CENTER_MM[2] + i),
            first_number=1 + 100 * i,
        )
        for i in range(4)
    ]
    slices = []
    for i, series in enumerate(passes):
        slices += series.datasets(lambda k, d, minute=i: setattr(d, "AcquisitionTime", f"12{minute:02}{k:02}"))
    write(slices, folder)
    return truth(fields=[series.field for series in passes])


def _three_keys(folder: Path) -> Truth:
    """Two b-values at two echo times, each measured twice."""
    volumes, slices = [], []
    for i, (b_value, echo, time) in enumerate(product((0.0, 800.0), ("60", "90"), (1, 2))):
        series = replace(MR, field=replace(MR.field, offset=1000.0 + 100 * i), first_number=1 + 100 * i)
        told = both(sets(EchoTime=echo, TemporalPositionIdentifier=time), sets(DiffusionBValue=b_value))
        volumes.append(series)
        slices += series.datasets(told)
    write(slices, folder)
    return truth(*map(part, volumes))


def _rotations(slices: int) -> Edit:
    """So many slices at once, one second after the other."""
    return lambda k, d: setattr(d, "AcquisitionTime", f"1200{k // slices:02}")


def _every(slices: int) -> Edit:
    """So many slices of each acquisition number, or a few more of the last."""
    return lambda k, d: setattr(d, "AcquisitionNumber", 1 + min(k // slices, 10 // slices - 1))


def _acquisitions(first: int) -> Edit:
    return lambda k, d: setattr(d, "AcquisitionNumber", 1 + (k >= first))


def _from(first: int, edit: Edit) -> Edit:
    return lambda k, d: edit(k, d) if k >= first else None


def _derived_end(folder: Path) -> None:
    """Three slices of another volume go on where the originals end."""
    slices = Series(field=OTHER, first_number=501).datasets(sets(ImageType=["DERIVED", "PRIMARY", "AXIAL"]))
    write(slices[7:], folder)


def _sent_again(folder: Path) -> None:
    """The same slices from another archive: their file meta says so."""
    edit: Edit = lambda k, d: setattr(d.file_meta, "SourceApplicationEntityTitle", "PACS2")  # noqa: E731
    write(CT.datasets(edit), folder / "again")


def _content_time_only(k: int, d: Dataset) -> None:
    """Slices are reconstructed by several processors, and finished slightly out of order."""
    del d.AcquisitionTime
    d.ContentTime = f"1200{(0, 0, 1, 0, 1, 1, 2, 1, 2, 2)[k]:02}"


STRAYS: tuple[Case, ...] = (
    *(_strayed(f"last slice of another {name}", (9,), *rest, MIXED) for name, *rest in TECHNIQUES),
    *(_strayed(f"upper half of another {name}", range(5, 10), *rest, MIXED) for name, *rest in TECHNIQUES),
    _strayed("last slice of another acquisition number", (9,), CT, "AcquisitionNumber", 1, 2, ("MIXED_ACQUISITIONS",)),
    *(_every_other(*told) for told in ALTERNATING),
    Case("four passes a quarter of a gap apart", "unsound", _four_passes, MIXED),
    Case("b-values, echo times and time points in one series", "split", _three_keys, SPLIT),
)
DAMAGE: tuple[Case, ...] = (
    unsound(
        "four slices a second, one missing at the edge of a second",
        ("MISSING_SLICE",),
        LONG,
        _rotations(4),
        without=(7,),
    ),
    unsound(
        "three slices a second, one missing inside a second", ("MISSING_SLICE",), LONG, _rotations(3), without=(4,)
    ),
    unsound("gantry tilt of 1°, two slices a second", ("GANTRY_TILT",), tilted(1.0), _rotations(2)),
    unsound("spacing grows, two slices a second", ("IRREGULAR_SPACING",), GROWING, _rotations(2)),
    unsound("spacing changes from one second to the next", ("IRREGULAR_SPACING",), STEPPED, _rotations(5)),
    unsound("spacing grows, two slices an acquisition", ("IRREGULAR_SPACING",), GROWING, _every(2)),
    unsound("gantry tilt of 0.5°, three slices an acquisition", ("GANTRY_TILT",), tilted(0.5), _every(3)),
    unsound("a slice lost between two acquisitions", ("MISSING_SLICE",), CT, _acquisitions(5), without=(5,)),
    unsound("two slices lost between two acquisitions", ("MISSING_SLICE",), LONG, _acquisitions(10), without=(10, 11)),
    sound("acquisition number steps after three slices", CT, _acquisitions(3)),
    sound("content time only, slightly out of order", CT, _content_time_only),
)
ODDITIES: tuple[Case, ...] = (
    sound("image type absent on the last slices", CT, _from(7, sets(ImageType=None))),
    sound("image type empty on the last slices", CT, _from(7, lambda k, d: raw(d, "ImageType", "CS", ""))),
    sound("image type ORIGINAL and no more on the last slices", CT, _from(7, sets(ImageType="ORIGINAL"))),
    sound(
        "image type in lower case on the last slices",
        CT,
        _from(7, lambda k, d: raw(d, "ImageType", "CS", "original\\primary\\axial")),
    ),
    unsound(
        "derived images go on where the originals end",
        ("MIXED_IMAGE_TYPES",),
        CT,
        without=(7, 8, 9),
        beside=_derived_end,
        fields=(OTHER,),
    ),
    sound("copies that differ in file meta only", CT, beside=_sent_again, codes=("DUPLICATE_FILE",)),
    sound(
        "color screenshot in a wholly derived series",
        CT,
        sets(ImageType=["DERIVED", "SECONDARY", "AXIAL"]),
        beside=screenshot,
        codes=("OTHER_IMAGE",),
    ),
    sound("rescale type in lower case", CT, sets(RescaleType="hu")),
    sound(
        "patient's name with empty parts on every other slice",
        CT,
        lambda k, d: setattr(d, "PatientName", "Phantom^One" + "^^" * (k % 2)),
    ),
)
CASES: tuple[Case, ...] = STRAYS + DAMAGE + ODDITIES
