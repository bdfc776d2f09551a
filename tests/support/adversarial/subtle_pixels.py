"""Pixels and numbers that nearly keep their promise: odd lengths, losses unsaid, numbers that are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pydicom import uid as uids
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items

from support.adversarial.case import Case, Truth, both, part, sound, truth, unsound
from support.adversarial.multiframe_cases import frames
from support.adversarial.phantom import Edit, Series, raw, write
from support.adversarial.pixel_cases import MR, PLAIN
from support.adversarial.several_cases import SPLIT
from support.adversarial.syntax_cases import compressed, jpeg_2000, jpeg_ls

BYTES = Series(bits=(8, 8), slopes=(6.0,), intercepts=(-768.0,))
NO_NUMBER = ("MALFORMED_HEADER", "RESCALE_MISSING", "BAD_POSITION", "BAD_SPACING", "BAD_ORIENTATION")
_PIXEL_TAG, _END = bytes.fromhex("e07f1000"), bytes.fromhex("feffdde000000000")


def _pixels_by_hand(name: str, syntax: str, *, undefined: bool) -> Case:
    """Fragments under a syntax that has none, or none under one that has, which no library writes."""

    def files(folder: Path) -> Truth:
        slices = PLAIN.datasets()
        bodies = []
        for d in slices:
            body = encapsulate([d.PixelData]) + _END if undefined else d.PixelData
            length = b"\xff" * 4 if undefined else len(body).to_bytes(4, "little")
            vr = b"" if syntax == uids.ImplicitVRLittleEndian else b"OB\0\0"
            bodies.append(_PIXEL_TAG + vr + length + body)
            del d.PixelData
            d.file_meta.TransferSyntaxUID = syntax
        for d, body in zip(slices, bodies, strict=True):
            taken = set(folder.iterdir())
            write([d], folder)
            (new,) = set(folder.iterdir()) - taken
            new.write_bytes(new.read_bytes() + body)
        return truth(fields=(PLAIN.field,))

    return Case(name, "unsound", files, ("UNDECODABLE_PIXELS",))


def _text(keyword: str, text: str) -> Edit:
    return lambda k, d: raw(d, keyword, "DS", text)


def _tissue(limit: int | None = None) -> Edit:
    """Padding is said to be what a voxel of soft tissue holds."""

    def edit(k: int, d: Dataset) -> None:
        d.add_new("PixelPaddingValue", "US", int(PLAIN.stored(4)[9, 7]))
        if limit is not None:
            d.add_new("PixelPaddingRangeLimit", "US", limit)

    return edit


Change = Callable[[Dataset], None]


def _frames(name: str, change: Change, series: Series = PLAIN) -> Case:
    """An enhanced file of which a number is none."""

    def files(folder: Path) -> Truth:
        d = frames(series.datasets(), series.modality)
        change(d)
        write([d], folder)
        return truth(fields=(series.field,))

    return Case(name, "unsound", files, NO_NUMBER)


def _per_frame(group: str, keyword: str, text: str, chosen: Sequence[int] = range(10)) -> Change:
    def change(d: Dataset) -> None:
        for k in chosen:
            raw(d.PerFrameFunctionalGroupsSequence[k].get(group)[0], keyword, "DS", text)

    return change


def _shared(group: str, keyword: str, text: str) -> Change:
    return lambda d: raw(d.SharedFunctionalGroupsSequence[0].get(group)[0], keyword, "DS", text)


def _told_by(name: str, group: str, keyword: str, first: object, second: object) -> Case:
    """Two volumes in one file, told apart by one functional group."""
    other = replace(MR, field=replace(MR.field, offset=1150.0), first_number=101)

    def files(folder: Path) -> Truth:
        d = frames(MR.datasets() + other.datasets(), "MR")
        for k, groups in enumerate(d.PerFrameFunctionalGroupsSequence):
            item = Dataset()
            setattr(item, keyword, first if k < 10 else second)
            setattr(groups, group, Items([item]))
        write([d], folder)
        return truth(part(MR), part(other))

    return Case(f"enhanced MR told apart by {name}", "split", files, SPLIT)


def _strayed(name: str, strays: Sequence[int], group: str, keyword: str, first: object, second: object) -> Case:
    """The frames ``strays`` are those of another volume at the same places."""
    other = replace(MR, field=replace(MR.field, offset=1150.0))

    def files(folder: Path) -> Truth:
        d = frames([(other if k in strays else MR).datasets()[k] for k in range(10)], "MR")
        for k, groups in enumerate(d.PerFrameFunctionalGroupsSequence):
            item = Dataset()
            setattr(item, keyword, second if k in strays else first)
            setattr(groups, group, Items([item]))
        write([d], folder)
        return truth(fields=(MR.field, other.field))

    return Case(name, "unsound", files, ("MIXED_ACQUISITIONS", *SPLIT))


TOLD: tuple[tuple[str, str, str, object, object], ...] = (
    ("component", "MRImageFrameTypeSequence", "ComplexImageComponent", "MAGNITUDE", "PHASE"),
    ("inversion time", "MRModifierSequence", "InversionTimes", [800.0], [1200.0]),
    ("flip angle", "MRTimingAndRelatedParametersSequence", "FlipAngle", 10.0, 30.0),
)
PLACE, RESCALE = ("PlanePositionSequence", "ImagePositionPatient"), "PixelValueTransformationSequence"
LOSS = ("PIXEL_FORMAT_DIFFERS",)
STREAMS: tuple[Case, ...] = (
    _pixels_by_hand("plain pixels of undefined length", uids.ExplicitVRLittleEndian, undefined=True),
    _pixels_by_hand("plain pixels of undefined length, implicit", uids.ImplicitVRLittleEndian, undefined=True),
    _pixels_by_hand("JPEG-LS of defined length", uids.JPEGLSLossless, undefined=False),
    unsound(
        "JPEG-LS near lossless under the lossless name",
        LOSS,
        PLAIN,
        compressed(uids.JPEGLSLossless, lambda w: jpeg_ls(w, 3)),
    ),
    unsound(
        "JPEG 2000 with loss under the lossless name",
        LOSS,
        PLAIN,
        compressed(uids.JPEG2000Lossless, lambda w: jpeg_2000(w, 80)),
    ),
    sound(
        "JPEG 2000 with loss that nobody states",
        PLAIN,
        compressed(uids.JPEG2000, lambda w: jpeg_2000(w, 90)),
        extra=8.0,
        codes=("LOSSY_COMPRESSION",),
    ),
)
NUMBERS: tuple[Case, ...] = (
    unsound("MR of two slopes that are the same", NO_NUMBER, replace(MR, slopes=(2.0,)), _text("RescaleSlope", "2\\2")),
    unsound(
        "MR of two intercepts that are the same",
        NO_NUMBER,
        replace(MR, intercepts=(50.0,)),
        _text("RescaleIntercept", "50\\50"),
    ),
    unsound(
        "MR of two slopes and two intercepts",
        ("MALFORMED_HEADER",),
        replace(MR, slopes=(2.0,), intercepts=(50.0,)),
        both(_text("RescaleSlope", "2\\2"), _text("RescaleIntercept", "50\\50")),
    ),
    unsound("slope with an underscore", NO_NUMBER, replace(PLAIN, slopes=(10.0,)), _text("RescaleSlope", "1_0")),
    unsound("slope in hexadecimal", NO_NUMBER, PLAIN, _text("RescaleSlope", "0x1")),
    unsound("MR whose slope is no number", NO_NUMBER, replace(MR, slopes=(2.0,)), _text("RescaleSlope", "nan")),
    unsound(
        "orientation of which one number is none",
        NO_NUMBER,
        PLAIN,
        _text("ImageOrientationPatient", "1\\0\\0\\0\\1\\nan"),
    ),
    unsound(
        "pixel spacing with an underscore",
        NO_NUMBER,
        replace(PLAIN, spacing_mm=(2.5, 12.5, 1.5), intercepts=(-8192.0,)),
        _text("PixelSpacing", "1_2.5\\1.5"),
    ),
    _frames("place of one frame no number", _per_frame(*PLACE, "0\\0\\nan", [4])),
    _frames("place of the last frame no number", _per_frame(*PLACE, "nan\\-41.6\\151.25", [9])),
    _frames("places of all frames no numbers", _per_frame(*PLACE, "0\\0\\nan")),
    _frames(
        "orientation of all frames no number",
        _shared("PlaneOrientationSequence", "ImageOrientationPatient", "1\\0\\0\\0\\1\\nan"),
    ),
    _frames(
        "pixel spacing of all frames with an underscore", _shared("PixelMeasuresSequence", "PixelSpacing", "1_2.5\\1.5")
    ),
    _frames(
        "frames of two slopes that are the same",
        _per_frame(RESCALE, "RescaleSlope", "2\\2"),
        replace(MR, slopes=(2.0,)),
    ),
    _frames(
        "frames of two intercepts that are the same",
        _per_frame(RESCALE, "RescaleIntercept", "50\\50"),
        replace(MR, intercepts=(50.0,)),
    ),
    _frames(
        "slope of all frames with an underscore",
        _per_frame(RESCALE, "RescaleSlope", "2_0"),
        replace(PLAIN, slopes=(20.0,)),
    ),
    _frames("intercept of all frames beyond all numbers", _per_frame(RESCALE, "RescaleIntercept", "1e400")),
)
PADDING: tuple[Case, ...] = (
    sound("padding 63536 stated of 8 bits", BYTES, lambda k, d: d.add_new("PixelPaddingValue", "US", 63536)),
    sound("padding −2000 stated of 8 bits", BYTES, lambda k, d: d.add_new("PixelPaddingValue", "SS", -2000)),
    unsound("padding stated of a value in tissue", ("PADDING_AMBIGUOUS",), PLAIN, _tissue()),
    unsound("padding range stated from air into tissue", ("PADDING_AMBIGUOUS",), PLAIN, _tissue(0)),
)
FRAMES: tuple[Case, ...] = (
    *(_strayed(f"inner frame of another {name}", (4,), *told) for name, *told in TOLD),
    *(_strayed(f"last frame of another {name}", (9,), *told) for name, *told in TOLD),
    *(_strayed(f"upper half of frames of another {name}", range(5, 10), *told) for name, *told in TOLD),
    _told_by("magnitude and phase", "MRImageFrameTypeSequence", "ComplexImageComponent", "MAGNITUDE", "PHASE"),
    _told_by("inversion time", "MRModifierSequence", "InversionTimes", [800.0], [1200.0]),
    _told_by("flip angle", "MRTimingAndRelatedParametersSequence", "FlipAngle", 10.0, 30.0),
    _told_by("cardiac delay", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime", 10.0, 300.0),
)
CASES: tuple[Case, ...] = STREAMS + NUMBERS + PADDING + FRAMES
