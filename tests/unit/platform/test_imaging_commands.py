"""``tumorcast imaging inspect`` and ``convert``, run as a user runs them, on folders as they come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset

from support.dicom_factory import OBLIQUE, SAGITTAL, SERIES, Phantom
from tumorcast_platform import cli

Capture = pytest.CaptureFixture[str]
KEYS = {
    "series_instance_uid",
    "dicom_modality",
    "accepted",
    "problems",
    "shape",
    "spacing_mm",
    "affine_lps",
    "unit",
    "min",
    "max",
    "mean",
}


def strict(text: str) -> Any:
    """The one JSON document that ``text`` is; NaN and infinity are no JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def run(capsys: Capture, *arguments: str | Path) -> tuple[int, Any]:
    status = cli.run(["imaging", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert not said.err
    return status, strict(said.out)


def said(capsys: Capture, *arguments: str | Path) -> str:
    cli.run(["imaging", *map(str, arguments)])
    return capsys.readouterr().out


def codes(problems: list[dict[str, str]]) -> list[str]:
    return [problem["code"] for problem in problems]


def tilted(k: int, d: Dataset) -> None:
    x, y, z = d.ImagePositionPatient
    d.ImagePositionPatient = [x, round(float(y) + 0.7 * k, 4), z]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A sound series, one with a missing slice, a segmentation and a text file."""
    folder = tmp_path / "in"
    Phantom().write(folder / "sound")
    Phantom().write_segmentation(folder / "sound")
    Phantom(series=f"{SERIES}.77").write(folder / "gap", without=(5,))
    (folder / "notes.txt").write_text("hello")
    return folder


def test_inspect_says_of_each_series_what_it_is_or_why_not(mixed: Path, capsys: Capture) -> None:
    status, found = run(capsys, "inspect", mixed)
    sound, gap = found["series"]
    truth = Phantom()
    assert status == 0
    assert sound.keys() == gap.keys() == KEYS
    assert (sound["series_instance_uid"], sound["dicom_modality"], sound["unit"]) == (SERIES, "CT", "HU")
    assert sound["accepted"] is True
    assert sound["problems"] == []
    assert sound["shape"] == list(truth.shape)
    np.testing.assert_allclose(sound["spacing_mm"], truth.spacing_mm, atol=1e-6)
    np.testing.assert_allclose(sound["affine_lps"], truth.affine_lps, atol=1e-6)
    assert (sound["min"], sound["max"]) == (truth.array.min(), truth.array.max())
    assert sound["mean"] == pytest.approx(truth.array.mean(), abs=1e-9)
    assert gap["accepted"] is False
    (problem,) = gap["problems"]
    assert (problem["code"], problem["severity"]) == ("MISSING_SLICE", "error")
    assert problem["message"]
    assert {gap[key] for key in ("shape", "spacing_mm", "affine_lps", "unit", "min", "max", "mean")} == {None}
    assert found["ignored"] == [{"path": "notes.txt", "code": "NOT_DICOM"}]
    assert [s["referenced_series_uids"] for s in found["segmentations"]] == [[SERIES]]
    assert found["problems"] == []


def test_a_warning_stands_in_an_accepted_series(tmp_path: Path, capsys: Capture) -> None:
    Phantom(shape=(1, 20, 20)).write(tmp_path)
    status, found = run(capsys, "inspect", tmp_path)
    assert status == 0
    assert found["series"][0]["accepted"]
    assert [(p["code"], p["severity"]) for p in found["series"][0]["problems"]] == [("SINGLE_SLICE", "warning")]


def test_a_left_out_copy_is_no_error(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path / "a")
    Phantom().write(tmp_path / "b")
    _, found = run(capsys, "inspect", tmp_path)
    assert [entry["accepted"] for entry in found["series"]] == [True]
    everything = [*found["series"][0]["problems"], *found["problems"]]
    assert {p["severity"] for p in everything} <= {"warning"}
    assert "DUPLICATE_FILE" in {*codes(everything), *(file["code"] for file in found["ignored"])}


def test_two_patients_in_one_study_are_told_of_the_whole_folder(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path)
    Phantom(series=f"{SERIES}.2", patient_id="ANOTHER-PATIENT").write(tmp_path)
    status, found = run(capsys, "inspect", tmp_path)
    assert status == 0
    assert codes(found["problems"]) == ["MIXED_PATIENTS"]
    assert "ANOTHER-PATIENT" not in json.dumps(found)
    assert "MIXED_PATIENTS" in said(capsys, "inspect", tmp_path)


def test_a_single_file_may_be_inspected(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "a.txt").write_text("x")
    status, found = run(capsys, "inspect", tmp_path / "a.txt")
    assert status == 1
    assert found["ignored"] == [{"path": "a.txt", "code": "NOT_DICOM"}]


def test_the_page_names_reason_codes_and_fits_in_80_columns(mixed: Path, capsys: Capture, tmp_path: Path) -> None:
    Phantom(series=f"{SERIES}.{'9' * (61 - len(SERIES))}", orientation=OBLIQUE).write(mixed / "oblique")
    Phantom(series=f"{SERIES}.3", orientation=SAGITTAL).write(mixed / "sagittal", edit=tilted)
    for page in (said(capsys, "inspect", mixed), said(capsys, "convert", mixed, tmp_path / "out")):
        assert max(map(len, page.splitlines())) <= 80
        for words in ("MISSING_SLICE", "GANTRY_TILT", "--repair", "NOT_DICOM", "2 of 4 series", "1 segmentation"):
            assert words in page
    page = said(capsys, "inspect", mixed)
    for words in ("axial", "oblique", "12 slices of 40 rows × 48 columns", "4 mm between slices", "-100 to 79 HU"):
        assert words in page


def test_convert_writes_each_accepted_volume_and_says_why_others_are_not(
    mixed: Path, tmp_path: Path, capsys: Capture
) -> None:
    status, found = run(capsys, "convert", mixed, tmp_path / "new" / "out")
    assert status == 0
    (written,) = found["written"]
    (refused,) = found["refused"]
    assert (written["series_instance_uid"], written["unit"]) == (SERIES, "HU")
    assert codes(refused["problems"]) == ["MISSING_SLICE"]
    image = nib.load(tmp_path / "new" / "out" / written["path"])
    voxels = np.asanyarray(image.dataobj)
    assert list(voxels.shape) == written["shape"]
    assert str(voxels.dtype) == written["dtype"] == "int16"
    index = (3, 9, 21)  # slice, row, column
    place = Phantom().affine_lps @ (*index, 1)
    i, j, k = (np.linalg.inv(image.affine) @ (-place[0], -place[1], place[2], 1)).round().astype(int)[:3]
    assert voxels[i, j, k] == Phantom().array[index]
    assert os.listdir(tmp_path / "new" / "out") == [written["path"]]


def test_convert_may_run_twice_and_never_replaces_another_file(mixed: Path, tmp_path: Path, capsys: Capture) -> None:
    first = run(capsys, "convert", mixed, tmp_path / "out")
    assert run(capsys, "convert", mixed, tmp_path / "out") == first
    (file,) = (tmp_path / "out").iterdir()
    file.write_bytes(b"mine")
    status, found = run(capsys, "convert", mixed, tmp_path / "out")
    assert (status, found["written"]) == (1, [])
    assert [codes(entry["problems"]) for entry in found["refused"]] == [["FILE_EXISTS"], ["MISSING_SLICE"]]
    assert file.read_bytes() == b"mine"


def test_uncompressed_files_hold_the_same(mixed: Path, tmp_path: Path, capsys: Capture) -> None:
    _, packed = run(capsys, "convert", mixed, tmp_path / "out")
    _, plain = run(capsys, "convert", mixed, tmp_path / "out", "--no-compress")
    one, other = (nib.load(tmp_path / "out" / found["written"][0]["path"]) for found in (packed, plain))
    np.testing.assert_array_equal(one.get_fdata(), other.get_fdata())
    np.testing.assert_array_equal(one.affine, other.affine)


def test_a_tilted_series_is_accepted_with_repair_and_said_to_be(tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path / "in", edit=tilted)
    status, found = run(capsys, "inspect", tmp_path / "in")
    assert (status, codes(found["series"][0]["problems"])) == (1, ["GANTRY_TILT"])
    status, found = run(capsys, "inspect", tmp_path / "in", "--repair")
    assert (status, found["series"][0]["accepted"]) == (0, True)
    assert {p["severity"] for p in found["series"][0]["problems"]} == {"warning"}
    status, found = run(capsys, "convert", tmp_path / "in", tmp_path / "out", "--repair")
    assert status == 0
    image = nib.load(tmp_path / "out" / found["written"][0]["path"])
    assert int(image.header["qform_code"]) == 1


def test_a_split_series_gives_one_entry_and_one_file_a_part(tmp_path: Path, capsys: Capture) -> None:
    def second_echo(k: int, d: Dataset) -> None:
        d.EchoNumbers = 2
        d.SOPInstanceUID = f"{SERIES}.{1000 + k}"

    def first_echo(k: int, d: Dataset) -> None:
        d.EchoNumbers = 1

    Phantom().write(tmp_path / "in" / "1", edit=first_echo)
    Phantom(pixel_seed=2).write(tmp_path / "in" / "2", edit=second_echo)
    _, found = run(capsys, "inspect", tmp_path / "in")
    assert [(e["series_instance_uid"], e["part"], e["accepted"]) for e in found["series"]] == [
        (SERIES, 1, True),
        (SERIES, 2, True),
    ]
    assert all("SPLIT_SERIES" in codes(entry["problems"]) for entry in found["series"])
    _, found = run(capsys, "convert", tmp_path / "in", tmp_path / "out")
    assert [entry["path"] for entry in found["written"]] == [f"{SERIES}-1.nii.gz", f"{SERIES}-2.nii.gz"]
    assert "part 2" in said(capsys, "inspect", tmp_path / "in")


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_nothing_accepted_is_status_one_with_the_document(command: str, tmp_path: Path, capsys: Capture) -> None:
    Phantom().write(tmp_path / "in", without=(3,))
    out = [tmp_path / "out"] if command == "convert" else []
    status, found = run(capsys, command, tmp_path / "in", *out)
    assert status == 1
    assert codes(found["problems"]) == ["NO_VOLUME"]
    (entry,) = found["series"] if command == "inspect" else found["refused"]
    assert codes(entry["problems"]) == ["MISSING_SLICE"]


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_an_empty_folder_is_said_to_hold_no_dicom(command: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "in").mkdir()
    out = [tmp_path / "out"] if command == "convert" else []
    status, found = run(capsys, command, tmp_path / "in", *out)
    assert (status, codes(found["problems"])) == (1, ["NO_DICOM"])
    assert "NO_DICOM" in said(capsys, command, tmp_path / "in", *out)


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_a_path_that_is_not_there_is_one_error(command: str, tmp_path: Path, capsys: Capture) -> None:
    out = [tmp_path / "out"] if command == "convert" else []
    status, found = run(capsys, command, tmp_path / "SECRET", *out)
    assert (status, found["error"]["code"]) == (1, "STUDY_NOT_FOUND")
    assert "SECRET" not in json.dumps(found)
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_wrong_usage(mixed: Path, capsys: Capture) -> None:
    status, found = run(capsys, "convert", mixed, mixed / "notes.txt")
    assert (status, found["error"]["code"]) == (2, "USAGE")
    status, found = run(capsys, "convert", mixed, mixed / "notes.txt" / "below")
    assert (status, found["error"]["code"]) == (1, "INVALID_INPUT")
    assert (mixed / "notes.txt").read_text() == "hello"


def test_a_folder_of_hostile_names_and_links_gives_a_clean_document(mixed: Path, capsys: Capture) -> None:
    (mixed / "loop").symlink_to(mixed)
    (mixed / "nowhere").symlink_to(mixed / "not-there")
    (mixed / 'quote"newline\n\x1b[31m\\.dcm').write_bytes(b"x")
    os.mkfifo(mixed / "fifo")
    (mixed / "closed").mkdir(mode=0)
    with open(os.path.join(os.fsencode(mixed), b"latin-\xe9.dcm"), "wb") as file:
        file.write(b"x")
    status, found = run(capsys, "inspect", mixed)
    assert status == 0
    assert [entry["accepted"] for entry in found["series"]] == [True, False]
    ignored = {file["path"]: file["code"] for file in found["ignored"]}
    assert ignored.pop("closed", "UNREADABLE") in ("UNREADABLE", "NOT_A_FILE")  # root may look into it
    assert ignored == {
        "notes.txt": "NOT_DICOM",
        "loop": "NOT_A_FILE",
        "nowhere": "NOT_A_FILE",
        "fifo": "NOT_A_FILE",
        "latin-\\xe9.dcm": "NOT_DICOM",
        'quote"newline\n\x1b[31m\\.dcm': "NOT_DICOM",
    }
    json.dumps(found, ensure_ascii=False).encode()  # no lone surrogates
    assert "\x1b" not in said(capsys, "inspect", mixed)


def test_one_series_is_in_memory_at_a_time(tmp_path: Path, capsys: Capture) -> None:
    shape, count = (16, 256, 256), 5
    for number in range(count):
        Phantom(shape=shape, series=f"{SERIES}.{number + 1}").write(tmp_path)
    cli.run(["imaging", "inspect", str(tmp_path), "--json"])  # what is imported stays
    tracemalloc.start()
    try:
        assert cli.run(["imaging", "inspect", str(tmp_path), "--json"]) == 0
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(strict(capsys.readouterr().out.splitlines()[-1])["series"]) == count
    assert peak < 2.3 * np.prod(shape) * 4


def test_inspect_loads_no_heavy_library_and_is_quick(mixed: Path) -> None:
    script = (
        "import sys; from tumorcast_platform import cli; status = cli.run(sys.argv[1:]);"
        "print(sorted({'torch', 'monai', 'ray', 'grpc', 'highdicom', 'nibabel', 'fastapi'} & set(sys.modules)), status)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script, "imaging", "inspect", str(mixed)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert time.monotonic() - began < 5  # well under a second on an idle machine
