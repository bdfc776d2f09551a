"""Stored values: bits, signs, padding, slopes, and pixels too few or too many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.adversarial.case import Case, both, only, sets, sound, unsound
from support.adversarial.phantom import CENTER_MM, Edit, Field, Floats, Series, pixels, raw, set_pixels

PLAIN = Series()
SIGNED = Series(signed=True)
MR = Series(modality="MR", field=Field(offset=1000, unit="arbitrary"), intercepts=(0.0,))
SLOPES = tuple(0.7321 + 0.0137 * k for k in range(10))
INTERCEPTS = tuple(-1024.37 + 0.11 * k for k in range(10))
STORED = Field(offset=1024, unit="stored")
FORMAT = ("UNSUPPORTED_PIXEL_FORMAT",)


def outside(points_mm: Floats) -> NDArray[np.bool_]:
    """Outside the round field that the scanner measured."""
    across = points_mm[..., :2] - np.array(CENTER_MM[:2])
    return np.asarray(np.hypot(across[..., 0], across[..., 1]) > 9.0)


def _pad(series: Series, word: int | tuple[int, int]) -> Edit:
    """Words outside the field are ``word`` (or at random between two), modulo the allocated bits."""

    def edit(k: int, d: Dataset) -> None:
        words, where = pixels(d), outside(series.points_mm(k))
        low, high = (word, word) if isinstance(word, int) else word
        chosen = np.random.default_rng(k).integers(low, high + 1, words.shape)
        set_pixels(d, np.where(where, chosen.astype(words.dtype), words))

    return edit


def _padded(name: str, series: Series, word: int | tuple[int, int], stated: Edit) -> Case:
    return sound(name, series, both(_pad(series, word), stated), codes=("PADDING_AS_AIR",), padding=outside)


def _stated(vr: str, value: int, limit: int | None = None) -> Edit:
    def edit(k: int, d: Dataset) -> None:
        d.add_new("PixelPaddingValue", vr, value)
        if limit is not None:
            d.add_new("PixelPaddingRangeLimit", vr, limit)

    return edit


def _bits_above(k: int, d: Dataset) -> None:
    """An old overlay lives in the bits above the stored ones (retired, still in archives)."""
    words = pixels(d)
    overlay = np.random.default_rng(k).integers(0, 2, words.shape).astype(words.dtype)
    set_pixels(d, words & np.array(0x0FFF).astype(words.dtype) | (overlay << 15).astype(words.dtype))


def _shifted(k: int, d: Dataset) -> None:
    set_pixels(d, pixels(d) << 4)
    d.HighBit = 15


def _bytes(change: Callable[[bytes], bytes], chosen: int | None = None) -> Edit:
    def edit(k: int, d: Dataset) -> None:
        if chosen in (None, k):
            d.PixelData = change(d.PixelData)
            d["PixelData"].VR = "OW"

    return edit


def _icon(k: int, d: Dataset) -> None:
    icon = Dataset()
    icon.Rows, icon.Columns, icon.SamplesPerPixel, icon.PhotometricInterpretation = 4, 4, 1, "MONOCHROME2"
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = bytes(range(16))
    icon["PixelData"].VR = "OB"
    d.IconImageSequence = Sequence([icon])


def _overlay_group(k: int, d: Dataset) -> None:
    d.add_new(0x60000010, "US", d.Rows)
    d.add_new(0x60000011, "US", d.Columns)
    d.add_new(0x60000040, "CS", "G")
    d.add_new(0x60000050, "SS", [1, 1])
    d.add_new(0x60000100, "US", 1)
    d.add_new(0x60000102, "US", 0)
    d.add_new(0x60003000, "OW", bytes(32))


def _lut(k: int, d: Dataset) -> None:
    lut = Dataset()
    lut.LUTDescriptor, lut.ModalityLUTType = [256, 0, 16], "HU"
    lut.add_new("LUTData", "OW", np.arange(0, 2560, 10, dtype="<u2").tobytes())
    d.ModalityLUTSequence = Sequence([lut])
    del d.RescaleSlope, d.RescaleIntercept, d.RescaleType


def _floating(k: int, d: Dataset) -> None:
    d.FloatPixelData = pixels(d).astype("<f4").tobytes()
    d.BitsAllocated = 32
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        del d[keyword]


WINDOW = sets(WindowCenter="40", WindowWidth="80", VOILUTFunction="SIGMOID", SmallestImagePixelValue=3)
NO_RESCALE = sets(RescaleSlope=None, RescaleIntercept=None, RescaleType=None)
PADDING = (
    _padded("padding −2000 under intercept −1024", SIGNED, -2000, _stated("SS", -2000)),
    _padded("padding 63536, unsigned", PLAIN, 63536, _stated("US", 63536)),
    _padded("padding stated as 63536 of signed words", SIGNED, -2000, _stated("US", 63536)),
    _padded("padding range −2000 to −1500", SIGNED, (-2000, -1500), _stated("SS", -2000, -1500)),
    _padded("padding range stated backward", SIGNED, (-2000, -1500), _stated("SS", -1500, -2000)),
    _padded("padding outside 12 stored bits", replace(PLAIN, bits=(16, 12)), 63536, _stated("US", 63536)),
    _padded("padding −2000 in 12 bits, signed", replace(SIGNED, bits=(16, 12)), -2000, _stated("SS", -2000)),
    _padded(
        "padding under slopes of each slice",
        replace(SIGNED, slopes=SLOPES, intercepts=INTERCEPTS),
        -2000,
        _stated("SS", -2000),
    ),
    _padded("padding of an MR", MR, 0, _stated("US", 0)),
    sound("padding stated, none there", SIGNED, _stated("SS", -2000)),
    sound("padding empty", SIGNED, lambda k, d: raw(d, "PixelPaddingValue", "SS", "")),
)
BITS = (
    sound("signed 16 bits", SIGNED),
    sound("12 of 16 bits", replace(PLAIN, bits=(16, 12))),
    sound("12 of 16 bits, signed", replace(SIGNED, bits=(16, 12))),
    sound("overlay in the bits above, unsigned", replace(PLAIN, bits=(16, 12)), _bits_above),
    sound("overlay in the bits above, signed", replace(SIGNED, bits=(16, 12)), _bits_above),
    sound("8 bits", Series(bits=(8, 8), slopes=(6.0,), intercepts=(-768.0,))),
    sound("8 bits, odd number of pixels", Series((9, 17, 13), bits=(8, 8), slopes=(6.0,), intercepts=(-768.0,))),
    unsound("12 bits stored at the top", FORMAT, replace(PLAIN, bits=(16, 12)), _shifted),
    unsound("32 bits", FORMAT, replace(PLAIN, bits=(32, 32))),
    unsound("floating-point pixels", (*FORMAT, "HEADER_INCOMPLETE", "NO_PIXELS"), PLAIN, _floating),
    unsound("64 of 16 bits stored", (*FORMAT, "HEADER_INCOMPLETE"), PLAIN, sets(BitsStored=64, HighBit=63)),
    unsound("no pixel representation", ("HEADER_INCOMPLETE", *FORMAT), PLAIN, sets(PixelRepresentation=None)),
    unsound("palette color", FORMAT, PLAIN, sets(PhotometricInterpretation="PALETTE COLOR")),
    sound("MONOCHROME1", PLAIN, sets(PhotometricInterpretation="MONOCHROME1"), codes=("MONOCHROME1",)),
    unsound(
        "MONOCHROME1 on one slice", ("MONOCHROME1",), PLAIN, only(4, sets(PhotometricInterpretation="MONOCHROME1"))
    ),
)
VALUES = (
    sound("slope and intercept of each slice", replace(PLAIN, slopes=SLOPES, intercepts=INTERCEPTS)),
    sound("slope 0.25", replace(PLAIN, slopes=(0.25,))),
    sound("slope 1.5 on one slice only", replace(PLAIN, slopes=(1.0,) * 4 + (1.5,) + (1.0,) * 5)),
    sound("rescale type unstated", PLAIN, sets(RescaleType=None)),
    sound("window, VOI function and smallest value stated", PLAIN, WINDOW),
    sound("icon with pixels of its own", PLAIN, _icon),
    sound("overlay planes", PLAIN, _overlay_group),
    sound("trailing padding after the pixels", PLAIN, lambda k, d: d.add_new(0xFFFCFFFC, "OB", bytes(512))),
    sound("MR without rescale", MR, NO_RESCALE),
    sound("MR with slopes of each slice", replace(MR, slopes=SLOPES, intercepts=(3.25, 0.5)), sets(RescaleType="US")),
    unsound("rescale missing", ("RESCALE_MISSING",), PLAIN, NO_RESCALE, fields=(STORED,)),
    unsound("rescale missing on one slice", ("RESCALE_MISSING",), PLAIN, only(4, NO_RESCALE)),
    unsound("slope of zero", ("RESCALE_MISSING",), PLAIN, sets(RescaleSlope="0")),
    unsound(
        "slope not a number",
        ("RESCALE_MISSING", "MALFORMED_HEADER"),
        PLAIN,
        lambda k, d: raw(d, "RescaleSlope", "DS", "nan"),
    ),
    unsound("two slopes", ("RESCALE_MISSING", "MALFORMED_HEADER"), PLAIN, sets(RescaleSlope=["1", "2"])),
    unsound("CT in no unit", ("UNSUPPORTED_UNIT",), PLAIN, sets(RescaleType="US"), fields=(Field(unit="unspecified"),)),
    unsound("modality LUT", ("RESCALE_MISSING", "UNSUPPORTED_UNIT", "MODALITY_LUT"), PLAIN, _lut, fields=(STORED,)),
)
LENGTH = (
    unsound("pixels of one slice cut off", ("TRUNCATED_PIXELS",), PLAIN, _bytes(lambda b: b[: len(b) // 2], 4)),
    unsound("two bytes missing", ("TRUNCATED_PIXELS",), PLAIN, _bytes(lambda b: b[:-2], 4)),
    unsound("pixels twice", ("EXCESS_PIXELS",), PLAIN, _bytes(lambda b: b + b[::-1], 4)),
    unsound("64 bytes too many", ("EXCESS_PIXELS",), PLAIN, _bytes(lambda b: b + bytes(64))),
    unsound("empty pixels on one slice", ("NO_PIXELS", "TRUNCATED_PIXELS"), PLAIN, _bytes(lambda b: b"", 4)),
    unsound(
        "no pixels on one slice",
        ("NO_PIXELS", "TRUNCATED_PIXELS", "MISSING_SLICE"),
        PLAIN,
        only(4, sets(PixelData=None)),
    ),
    unsound("no pixels at all", ("NO_PIXELS", "TRUNCATED_PIXELS"), PLAIN, sets(PixelData=None)),
    unsound("rows exceed the pixels", ("TRUNCATED_PIXELS", "MIXED_SIZES"), PLAIN, sets(Rows=60000, Columns=60000)),
    unsound("no rows", ("HEADER_INCOMPLETE", *FORMAT, "NOT_AN_IMAGE"), PLAIN, sets(Rows=0)),
)
CASES: tuple[Case, ...] = PADDING + BITS + VALUES + LENGTH
