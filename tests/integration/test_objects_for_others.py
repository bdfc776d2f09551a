"""What is written for the PACS, as dcmtk and dicom3tools read it: no errors, the same values."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from support.adversarial import THEMES
from support.dicom_factory import OBLIQUE, SAGITTAL, Phantom
from support.objects import MADE, as_pet, box, region, source_of
from tumorcast_core.snapshot import Coding
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.lesions.lesion import Lesion, measure_lesion
from tumorcast_imaging.model.objects import (
    Algorithm,
    Measured,
    measurement_report,
    segmentation_object,
    write_object,
)

pytestmark = pytest.mark.debian

SMALL = (6, 16, 24)
LABELS = ("GTV", "Leberherd links, größer", "肝臓の病変" * 20)


def without_frame(k: int, d: Dataset) -> None:
    del d.FrameOfReferenceUID


def enhanced(folder: Path) -> object:
    return next(case for case in THEMES["multi-frame"] if case.name.startswith("enhanced MR")).write(folder)


SERIES: dict[str, Callable[[Path], object]] = {
    "CT": Phantom(shape=SMALL).write,
    "oblique CT": Phantom(shape=SMALL, orientation=OBLIQUE).write,
    "sagittal PET": lambda folder: Phantom(shape=SMALL, orientation=SAGITTAL).write(folder, as_pet),
    "without frame of reference": lambda folder: Phantom(shape=SMALL).write(folder, without_frame),
    "enhanced MR": enhanced,
}


def tool(name: str, package: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian package {package})")
    return subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


class Written:
    """A segmentation of three lesions, one of a single voxel, and its report, on disk."""

    def __init__(self, folder: Path, write: Callable[[Path], object], kind: Any = "BINARY") -> None:
        write(folder / "in")
        self.source, self.volume = source_of(folder / "in")
        self.lesions = lesions(self.volume)
        algorithms = [
            Algorithm(),
            Algorithm("AUTOMATIC", "threshold"),
            Algorithm("SEMIAUTOMATIC", "net", "1", learned=True),
        ]
        drawn = [lesion.region for lesion in self.lesions]
        seg = segmentation_object(self.source, drawn, made=MADE, segmentation_type=kind, algorithms=algorithms)
        report = measurement_report([Measured(self.source, seg, self.lesions)], made=MADE, timepoint="baseline")
        self.segmentation, self.report = (write_object(one, folder).path for one in (seg, report))


def lesions(volume: Volume) -> tuple[Lesion, ...]:
    masks = (
        box(volume, (1, 4), (2, 6), (2, 5)),
        box(volume, (4, 5), (7, 8), (7, 8)),
        box(volume, (0, 1), (0, 2), (0, 3)),
    )
    site = Coding("http://snomed.info/sct", "10200004", "Liver")
    drawn = [region(mask, k + 1, label=LABELS[k], site=site if k else None) for k, mask in enumerate(masks)]
    return tuple(measure_lesion(volume, one, radiomics=False) for one in drawn)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("write", SERIES.values(), ids=SERIES)
def test_dicom3tools_finds_no_error_and_knows_the_object(write: Any, kind: str, tmp_path: Path):
    written = Written(tmp_path, write, kind)
    for path, name in ((written.segmentation, "Segmentation"), (written.report, "Comprehensive3DSR")):
        said = tool("dciodvfy", "dicom3tools", path)
        assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []
        assert [line for line in said.stderr.splitlines() if line.startswith("Warning")] == []
        assert said.stderr.split() == [name]


def test_dicom3tools_of_2022_finds_in_a_label_map_only_what_is_younger_than_itself(tmp_path: Path):
    """Label maps are of 2024 (Supplement 243): a background segment 0, and a SOP class that it does not know."""
    written = Written(tmp_path, SERIES["CT"], "LABELMAP")
    said = tool("dciodvfy", "dicom3tools", written.segmentation).stderr
    errors = [line for line in said.splitlines() if line.startswith("Error")]
    assert [line.split(" - ")[1] for line in errors] == [
        "SegmentNumber not monotonically increasing from one by one",
        "Information Object Not found",
    ]


@pytest.mark.parametrize("write", SERIES.values(), ids=SERIES)
def test_dcmtk_reads_the_report_as_a_valid_document_with_the_measured_values(write: Any, tmp_path: Path):
    written = Written(tmp_path, write)
    dumped = tool("dsrdump", "dcmtk", "--print-all-codes", written.report)
    assert dumped.returncode == 0, dumped.stderr
    assert [line for line in dumped.stderr.splitlines() if not line.startswith("W:")] == []
    page = tmp_path / "report.html"
    made = tool("dsr2html", "dcmtk", written.report, page)
    assert made.returncode == 0, made.stderr
    html = page.read_text("utf-8")
    for number, lesion in enumerate(written.lesions):
        for value in (lesion.size.longest_diameter_mm, lesion.size.short_axis_mm, lesion.size.maximum_3d_diameter_mm):
            assert stands_in(dumped.stdout, value)
            assert stands_in(html, value)
        assert LABELS[number][:20] in html


def stands_in(text: str, value: float) -> bool:
    return any(float(word) == pytest.approx(value, rel=1e-12) for word in re.findall(r"\d+\.\d+", text))


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_dcmtk_gives_the_same_attributes_as_pydicom(kind: str, tmp_path: Path):
    written = Written(tmp_path, SERIES["oblique CT"], kind)
    for path in (written.segmentation, written.report):
        dumped = tool("dcmdump", "dcmtk", "--quiet", path)
        assert dumped.returncode == 0, dumped.stderr
        made = tool("dcm2json", "dcmtk", path)
        assert made.returncode == 0, made.stderr
        theirs, ours = Dataset.from_json(made.stdout), pydicom.dcmread(path)
        assert leaves(json.loads(theirs.to_json())) == leaves(json.loads(ours.to_json()))


def leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Every value by its place; numbers as floats of 32 bits, for decimal strings are written in several ways."""
    if isinstance(value, dict):
        return {k: v for key, one in value.items() if key != "vr" for k, v in leaves(one, f"{place}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, one in enumerate(value) for k, v in leaves(one, f"{place}/{i}").items()}
    return {place: float(np.float32(value)) if isinstance(value, int | float) else value}
