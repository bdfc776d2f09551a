"""Several volumes under one series UID: acquisitions, echoes, times, weightings, reconstructions, stacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydicom.dataset import Dataset

from support.adversarial.case import Case, Truth, both, part, sets, truth
from support.adversarial.phantom import CENTER_MM, Edit, Field, Series, write
from support.dicom_factory import SAGITTAL

SPLIT = ("SPLIT_SERIES",)
MAY_REFUSE = (*SPLIT, "DUPLICATE_SLICE")
CT = Series()
MR = Series(modality="MR", field=Field(offset=1000, unit="arbitrary"), intercepts=(0.0,))


def _twin(series: Series, by_mm: float = 0.0, number: int = 101) -> Series:
    """A second volume in another state of the patient, ``by_mm`` farther along the (axial) normal."""
    center = (*series.center_mm[:2], series.center_mm[2] + by_mm)
    return replace(
        series, field=replace(series.field, offset=series.field.offset + 150), center_mm=center, first_number=number
    )


def _two(
    name: str,
    first: Edit,
    second: Edit,
    series: Series = CT,
    other: Series | None = None,
    codes: tuple[str, ...] = SPLIT,
    *,
    told_apart: bool = True,
) -> Case:
    """Two volumes; one that nothing tells apart must be refused."""
    twin = other or _twin(series)

    def files(folder: Path) -> Truth:
        write(series.datasets(first) + twin.datasets(second), folder)
        parts = (part(series), part(twin)) if told_apart else ()
        return truth(*parts, fields=(series.field, twin.field), slack_mm=0.005)

    return Case(name, "split" if told_apart else "unsound", files, codes)


def _by(
    name: str, keyword: str, first: object, second: object, series: Series = CT, codes: tuple[str, ...] = SPLIT
) -> Case:
    return _two(name, sets(**{keyword: first}), sets(**{keyword: second}), series, codes=codes)


def _interleaved_numbers(start: int) -> Edit:
    return lambda k, d: setattr(d, "InstanceNumber", 2 * k + start)


def _minutes(hour: str) -> Edit:
    """Each slice of a pass has its own second."""

    def edit(k: int, d: Dataset) -> None:
        d.AcquisitionTime = d.ContentTime = f"{hour}{2 * k:02}"

    return edit


def _b_value(value: float) -> Edit:
    return lambda k, d: d.add_new(0x00189087, "FD", value)


def _four_times(folder: Path) -> Truth:
    passes = [replace(MR, field=replace(MR.field, offset=1000.0 + 90 * t), first_number=1 + 100 * t) for t in range(4)]
    slices = []
    for t, series in enumerate(passes):
        slices += series.datasets(both(sets(TemporalPositionIdentifier=t + 1), _minutes(f"120{t}")))
    write(slices, folder)
    return truth(*map(part, passes))


def _one_incomplete(folder: Path) -> Truth:
    twin = _twin(CT)
    slices = CT.datasets(sets(AcquisitionNumber=1)) + twin.datasets(sets(AcquisitionNumber=2))
    write(slices, folder, without=(14,))
    return truth(fields=(CT.field, twin.field))


def _one_file_of_another_time(folder: Path) -> Truth:
    slices = CT.datasets(sets(AcquisitionNumber=1))
    slices[4] = _twin(CT).datasets(sets(AcquisitionNumber=2))[4]
    write(slices, folder)
    return truth(fields=(CT.field, _twin(CT).field))


def _even_after_odd(folder: Path) -> Truth:
    """An MR takes the even slices after the odd ones: one volume, two times."""
    series = MR
    series.write(folder, lambda k, d: setattr(d, "AcquisitionTime", f"120{k % 2}00"))
    return truth(part(series))


def _bed_positions(folder: Path) -> Truth:
    """Two tables of slices end to end, numbered as two acquisitions: one regular stack."""
    CT.write(
        folder,
        lambda k, d: (setattr(d, "AcquisitionNumber", 1 + k // 5), setattr(d, "AcquisitionTime", f"12{k // 5:02}00")),
    )
    return truth(part(CT))


def _lookup(make: Callable[[Path], Truth], name: str, kind: str, codes: tuple[str, ...] = ()) -> Case:
    return Case(name, kind, make, codes)  # type: ignore[arg-type]


REGIONS = replace(_twin(CT), center_mm=(*CENTER_MM[:2], CENTER_MM[2] + 80), field=Field(), intercepts=(-8192.0,))
PLANES = replace(CT, orientation=SAGITTAL, first_number=101)
MIXED = ("MIXED_ACQUISITIONS", "DUPLICATE_SLICE")

CASES: tuple[Case, ...] = (
    _by("two acquisitions at the same places", "AcquisitionNumber", 1, 2),
    _two(
        "two acquisitions, instance numbers interleaved",
        both(sets(AcquisitionNumber=1), _interleaved_numbers(1)),
        both(sets(AcquisitionNumber=2), _interleaved_numbers(2)),
    ),
    _two(
        "two acquisitions half a gap apart",
        sets(AcquisitionNumber=1),
        sets(AcquisitionNumber=2),
        other=_twin(CT, 1.25),
    ),
    _two(
        "two acquisitions a third of a gap apart",
        sets(AcquisitionNumber=1),
        sets(AcquisitionNumber=2),
        other=_twin(CT, 0.8),
    ),
    _two("two regions of the body", sets(AcquisitionNumber=1), sets(AcquisitionNumber=2), other=REGIONS),
    _two(
        "two echoes",
        sets(EchoNumbers=1, EchoTime="2.3"),
        sets(EchoNumbers=2, EchoTime="4.6"),
        MR,
    ),
    _by("two echoes told by echo time alone", "EchoTime", "2.3", "4.6", MR),
    _by("two inversion times", "InversionTime", "800", "1200", MR, MAY_REFUSE),
    _by("two time points", "TemporalPositionIdentifier", 1, 2, MR),
    _by("two trigger times", "TriggerTime", "0", "420", MR),
    _by("two cardiac phases", "NominalPercentageOfCardiacPhase", 30.0, 75.0, codes=MAY_REFUSE),
    _two("two b-values", _b_value(0.0), _b_value(800.0), MR),
    _two("two passes told by acquisition time alone", _minutes("1200"), _minutes("1205")),
    _two("two passes of an MR told by acquisition time alone", _minutes("1200"), _minutes("1205"), MR),
    _by("two kernels", "ConvolutionKernel", "B30f", "B70f"),
    _by("two tube voltages", "KVP", "80", "140"),
    _two(
        "magnitude and phase",
        sets(ImageType=["ORIGINAL", "PRIMARY", "M", "ND"]),
        sets(ImageType=["ORIGINAL", "PRIMARY", "P", "ND"]),
        MR,
    ),
    _lookup(_four_times, "four time points", "split", SPLIT),
    _two(
        "axial and sagittal in one series",
        sets(),
        sets(),
        other=PLANES,
        codes=(*SPLIT, "MIXED_ORIENTATION"),
    ),
    _two("two volumes that nothing tells apart", sets(), sets(), codes=MIXED, told_apart=False),
    _lookup(_one_incomplete, "one of two acquisitions lacks a slice", "unsound", ("MISSING_SLICE", *MIXED, *SPLIT)),
    _lookup(
        _one_file_of_another_time,
        "one slice of another acquisition",
        "unsound",
        ("MIXED_ACQUISITIONS", "MISSING_SLICE", *SPLIT),
    ),
    _lookup(_even_after_odd, "even slices after odd ones", "sound"),
    _lookup(_bed_positions, "two tables of slices end to end", "sound"),
)
