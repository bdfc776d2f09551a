"""What is damaged: files of every kind, alone or as slices of series whose every voxel is known."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from fuzz.anatomy import Anatomy, anatomy
from support.adversarial import CASES, Case, Truth
from support.dicom_factory import Phantom
from support.segmentations import written
from support.structure_sets import Contour, StructureSet, box, on_slice

MOST_BYTES = 300_000
"""Larger files of pydicom's are left out: it is structure that is damaged, not bulk."""
ROOT = "1.2.826.0.1.3680043.8.498"
SOUND = Phantom(
    shape=(4, 8, 8),
    semi_axes_mm=(6, 6, 6),
    study=f"{ROOT}.51",
    series=f"{ROOT}.52",
    patient_id="BYSTANDER-1",
    pixel_seed=5,
)
MARKED = replace(SOUND, study=f"{ROOT}.61", series=f"{ROOT}.62", patient_id="MARKED-1", pixel_seed=6)
"""The series that a segmentation marks."""
SEGMENTATION_SERIES = f"{ROOT}.77.1"


@dataclass(frozen=True)
class Seed:
    """One file; ``home`` is the folder of its series if that is sound, and then ``truth`` says what may come out."""

    name: str
    path: Path
    home: Path | None = None
    case: Case | None = None
    truth: Truth | None = None
    is_segmentation: bool = False

    @cached_property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def anatomy(self) -> Anatomy:
        return anatomy(self.data)


@dataclass
class Corpus:
    """All seeds, and the sound series that lies beside each of them."""

    slices: list[Seed] = field(default_factory=list)
    strays: list[Seed] = field(default_factory=list)
    segmentations: list[Seed] = field(default_factory=list)
    beside: Path = Path()

    @cached_property
    def expected(self) -> NDArray[np.float32]:
        return SOUND.array.astype(np.float32)


def corpus(root: Path) -> Corpus:
    """Write every seed under ``root``; the same bytes each time."""
    found = Corpus(beside=SOUND.write(root / "beside"))
    for number, case in enumerate(CASES):
        folder = root / f"case-{number:03}"
        folder.mkdir()
        truth = case.write(folder)
        _files_of(case, folder, truth, found)
    found.strays += [Seed(f"pydicom {p.name}", p) for p in _pydicom_files()]
    found.segmentations += _segmentations(root)
    return found


def _files_of(case: Case, folder: Path, truth: Truth, found: Corpus) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    for path in files if case.kind != "unsound" else files[:2]:
        if path.stat().st_size > MOST_BYTES:
            continue
        seed = Seed(f"{case.name} / {path.name}", path, folder, case, truth)
        if case.kind == "unsound" or "unfolds" in case.name:
            found.strays.append(replace(seed, home=None, case=None, truth=None))
        else:
            found.slices.append(seed)


def _pydicom_files() -> list[Path]:
    """The test files that pydicom ships, and those of pydicom-data where that is installed; nothing is downloaded."""
    folders = [Path(pydicom.__file__).parent / "data" / "test_files"]
    with suppress(ImportError):
        folders.append(Path(str(import_module("data_store").__file__)).parent / "data")
    files = [p for folder in folders for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    return sorted(p for p in files if 0 < p.stat().st_size <= MOST_BYTES)


def _segmentations(root: Path) -> list[Seed]:
    """Of every kind a file, beside the series that it marks, each as written but for what is drawn by lot."""
    folder = MARKED.write(root / "marked")

    def edit(d: Dataset) -> None:
        d.SeriesInstanceUID, d.ContentDate, d.ContentTime = SEGMENTATION_SERIES, "20260304", "130000"
        d.DimensionOrganizationSequence[0].DimensionOrganizationUID = f"{ROOT}.78"
        for item in d.DimensionIndexSequence:
            item.DimensionOrganizationUID = f"{ROOT}.78"
        for item in d.get("ContributingEquipmentSequence", ()):
            item.ContributionDateTime = "20260304130000"
        for keyword in (
            "InstanceCreationDate",
            "InstanceCreationTime",
            "SeriesDate",
            "SeriesTime",
            "TimezoneOffsetFromUTC",
        ):
            d.pop(keyword, None)

    binary = MARKED.write_segmentation(root / "seg", edit=edit)
    found = [Seed("segmentation", binary, folder, is_segmentation=True)]
    for kind in ("FRACTIONAL", "LABELMAP"):
        written(root / f"seg-{kind}", MARKED.mask[None], kind, phantom=MARKED, uid=f"{MARKED.series}.904", edit=edit)
        (path,) = (root / f"seg-{kind}").iterdir()
        found.append(Seed(f"segmentation {kind}", path, folder, is_segmentation=True))
    contours = StructureSet({1: _outlines(), 2: [on_slice(MARKED, 1, box(1.2, 2.2, 5.2, 5.2))]}, MARKED)
    found.append(Seed("structure set", contours.write(root / "rtstruct"), folder, is_segmentation=True))
    return found


def _outlines() -> list[Contour]:
    """Contours around the pixels of ``MARKED.mask``: of every row, one box of its columns."""
    return [
        on_slice(MARKED, int(k), box(row - 0.5, columns[0] - 0.5, row + 0.5, columns[-1] + 0.5))
        for k, row in np.argwhere(MARKED.mask.any(axis=2))
        if len(columns := np.flatnonzero(MARKED.mask[k, row]))
    ]
