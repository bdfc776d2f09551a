"""Quality of real series: every figure can be measured or says why not, and what is found is true of these scans.

40 sarcoma patients (PET, CT and T1 MR each, cut 5 cm around the tumor; TCIA 10.7937/K9/TCIA.2015.7GO2GSKS) and one
portal-venous liver CT (TCIA, Colorectal-Liver-Metastases), from ../shared/data.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorcast_platform import cli

DATA = Path(__file__).parents[3] / "shared" / "data"
SARCOMA = sorted(DATA.glob("sarcoma_pet_ct_mr/*.tar.xz"))
LIVER = sorted(DATA.glob("dicom_ct_liver/*.tar.xz"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SARCOMA, reason="../shared/data is not here")]

EXPLAINED = {
    "BODY_TRUNCATED": "the images were cut 5 cm around the tumor",
    "LESION_AT_EDGE": "the tumor of six patients goes on beyond the last slice, in all three images",
    "SLICE_INTENSITY_JUMP": "two PET and two MR with slices of other brightness",
    "SATURATED": "the top of bone in one CT",
    "FRAME_OF_REFERENCE_MISSING": "the anonymizer took Frame of Reference UID away",
    "PADDING_AS_AIR": "the liver CT is a circle in a square of padding",
}
MOST = {"LESION_AT_EDGE": 6, "SLICE_INTENSITY_JUMP": 2, "SATURATED": 1}
"""How many of the 40 series of one modality have a doubt at most."""
NOISE = {"CT": (5.0, 50.0), "PT": (0.05, 0.4), "MR": (3.0, 60.0)}
Entry = dict[str, Any]


def quality_of(archive: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[Entry]:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    assert cli.run(["imaging", "quality", str(folder), "--json"]) == 0
    series: list[Entry] = json.loads(capsys.readouterr().out)["series"]
    return series


def values(entry: Entry) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in entry["figures"]}


def codes(entry: Entry) -> set[str]:
    return {issue["code"] for part in (entry, *entry.get("lesions", ())) for issue in part["issues"]}


@pytest.mark.timeout(900)
def test_all_sarcoma_series_are_measured_and_plausible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, list[Entry]] = {"CT": [], "PT": [], "MR": []}
    for archive in SARCOMA:
        for entry in quality_of(archive, tmp_path / archive.name.split(".")[0], capsys):
            found[entry["dicom_modality"]].append(entry)
    for modality, entries in found.items():
        assert len(entries) == 40
        for entry in entries:
            figures = values(entry)
            low, high = NOISE[modality]
            assert low < figures["noise_sd"] < high
            assert codes(entry) <= EXPLAINED.keys()
            assert "BODY_TRUNCATED" in codes(entry)
            (lesion,) = entry["lesions"]
            assert values(lesion)["lesion_slices"] >= 10
        for code, most in MOST.items():
            assert sum(code in codes(entry) for entry in entries) <= most, (modality, code)
    assert all(values(entry)["mr_weighting"] == "T1" for entry in found["MR"])
    assert not any(values(entry)["contrast"] for entry in found["CT"]), "native CT of a PET/CT, and no header says more"
    at_edge = [{k for k, e in enumerate(found[m]) if "LESION_AT_EDGE" in codes(e)} for m in found]
    assert at_edge[0] == at_edge[1] == at_edge[2]
    with capsys.disabled():
        report(found)


def report(found: dict[str, list[Entry]]) -> None:
    """Median (least to greatest) of each figure of 40 series, for the README."""
    import sys

    for modality, entries in found.items():
        sys.stdout.write(f"\n{modality}\n")
        for name in values(entries[0]):
            numbers = [values(entry)[name] for entry in entries if isinstance(values(entry)[name], float)]
            if numbers:
                low, middle, high = np.percentile(numbers, [0, 50, 100])
                sys.stdout.write(
                    f"  {name}: {middle:.3g} ({low:.3g} to {high:.3g}), {len(numbers)} of {len(entries)}\n"
                )


@pytest.mark.skipif(not LIVER, reason="../shared/data is not here")
def test_the_liver_ct_is_enhanced_whole_and_of_usual_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = quality_of(LIVER[0], tmp_path, capsys)
    figures = values(entry)
    assert figures["cut_share"] == 0
    assert 6 < figures["noise_sd"] < 15
    assert figures["contrast"] == "yes"
    assert figures["contrast_phase"] == "portal venous or later"
    assert 110 < figures["bright_blood"] < 200
    assert codes(entry) <= EXPLAINED.keys()


@pytest.mark.skipif(not LIVER, reason="../shared/data is not here")
def test_contrast_of_the_liver_ct_is_inferred_if_its_headers_are_silent(tmp_path: Path) -> None:
    from tumorcast_imaging.dicom import read_study
    from tumorcast_imaging.model.quality import assess

    with tarfile.open(LIVER[0]) as tar:
        tar.extractall(tmp_path, filter="data")
    figures = {one.name: one for one in assess(read_study(tmp_path).volumes[0]).figures}
    assert (figures["contrast"].value, figures["contrast"].basis) == ("yes", "inferred")
