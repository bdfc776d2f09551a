"""Random sound series, and random ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom import uid as uids
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from support.adversarial.case import Case, Truth, part, sets, truth
from support.adversarial.phantom import ROOT, Edit, Field, Series, set_pixels, write
from support.adversarial.syntax_cases import compressed, jpeg_2000, jpeg_ls, rle

ENCODERS: dict[str, Edit | None] = {
    "explicit": None,
    "implicit": lambda k, d: setattr(d.file_meta, "TransferSyntaxUID", uids.ImplicitVRLittleEndian),
    "deflated": lambda k, d: setattr(d.file_meta, "TransferSyntaxUID", uids.DeflatedExplicitVRLittleEndian),
    "RLE": compressed(uids.RLELossless, rle),
    "JPEG-LS": compressed(uids.JPEGLSLossless, jpeg_ls),
    "JPEG 2000": compressed(uids.JPEG2000Lossless, jpeg_2000),
}


@dataclass(frozen=True)
class Composition:
    """A random case, and the words that say what was drawn."""

    case: Case
    series: Series


Spoil = Callable[[list[Dataset], Series, int], list[Dataset]]
"""Changes the (plain) data sets of a series at slice ``k``, which has neighbors on both sides."""


def _drop(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
    return slices[:k] + slices[k + 1 :]


def _shift(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
    moved = np.array(slices[k].ImagePositionPatient, float) + 0.3 * series.affine_lps[:3, 0]
    slices[k].ImagePositionPatient = [f"{v:.9g}" for v in moved]
    return slices


def _sets(**attributes: object) -> Spoil:
    def spoil(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
        foreign = replace(series, field=replace(series.field, offset=series.field.offset + 150))
        set_pixels(slices[k], foreign.stored(k))
        sets(**attributes)(k, slices[k])
        return slices

    return spoil


def _swap_positions(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
    """Two slices of one place: the position of the neighbor."""
    slices[k].ImagePositionPatient = slices[k - 1].ImagePositionPatient
    return slices


def _cut(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
    slices[k].PixelData = slices[k].PixelData[:-8]
    return slices


def _other_orientation(slices: list[Dataset], series: Series, k: int) -> list[Dataset]:
    o = list(slices[k].ImageOrientationPatient)
    slices[k].ImageOrientationPatient = [*o[3:], *o[:3]]
    return slices


SPOILS: dict[str, Spoil] = {
    "inner slice missing": _drop,
    "slice shifted": _shift,
    "slice placed on its neighbor": _swap_positions,
    "slice of another patient": _sets(PatientID="P-9"),
    "slice of another study": _sets(StudyInstanceUID=f"{ROOT}.55"),
    "slice of another frame of reference": _sets(FrameOfReferenceUID=f"{ROOT}.56"),
    "slice of another spacing": _sets(PixelSpacing=["3.3", "0.7"]),
    "slice of another class": _sets(SOPClassUID=uids.SecondaryCaptureImageStorage, Modality="OT"),
    "slice transposed": _other_orientation,
    "pixels cut off": _cut,
    "no rescale on one slice": _sets(RescaleSlope=None, RescaleIntercept=None),
    "no pixels on one slice": _sets(PixelData=None),
}


def compose(random: np.random.Generator) -> Composition:
    """A sound series of random geometry, bits, slope and syntax; half of them spoiled in one way."""
    series, syntax = _series(random), str(random.choice(list(ENCODERS)))
    spoil = str(random.choice(list(SPOILS))) if random.random() < 0.5 else ""
    k = int(random.integers(1, series.shape[0] - 1))
    seed = int(random.integers(1 << 30))

    def files(folder: Path) -> Truth:
        edit = None if spoil else ENCODERS[syntax]
        slices = series.datasets(edit)
        if spoil:
            slices = SPOILS[spoil](slices, series, k)
        write(slices, folder, seed=seed)
        return truth(
            *(() if spoil else (part(series),)), fields=(series.field,), slope=max(series.slopes), slack_mm=0.01
        )

    name = f"{series.shape} {series.bits} signed={series.signed} {syntax} {spoil or 'sound'}"
    return Composition(Case(name, "unsound" if spoil else "sound", files), series)


def _series(random: np.random.Generator) -> Series:
    slices = int(random.integers(4, 9))
    turn = Rotation.random(rng=random) if random.random() < 0.7 else Rotation.identity()
    center = tuple(float(v) for v in random.uniform(-400, 400, 3))
    slope, signed = float(random.choice([1.0, 0.5, 0.8137, 2.25])), bool(random.random() < 0.5)
    return Series(
        shape=(slices, int(random.integers(5, 20)), int(random.integers(5, 20))),
        spacing_mm=tuple(float(np.round(v, 3)) for v in random.uniform((0.7, 0.4, 0.4), (4.0, 1.6, 1.6))),
        orientation=tuple(float(v) for v in turn.as_matrix()[:, [0, 1]].T.ravel()),
        center_mm=center,  # type: ignore[arg-type]
        field=Field(center_mm=center),  # type: ignore[arg-type]
        slopes=(slope,) if random.random() < 0.6 else tuple(slope + 0.01 * k for k in range(slices)),
        intercepts=(-2048.0,) if not signed else (0.0,),
        signed=signed,
        bits=(16, 16) if random.random() < 0.5 else (16, 13),
    )
