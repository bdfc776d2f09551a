"""What the commands of ``tumorcast imaging`` share: reading what is drawn in a folder, and writing files whole."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from support.dicom_factory import SERIES, Phantom, save
from support.structure_sets import StructureSet, box, on_slice
from tumorcast_core.errors import InvalidInput, ResourceExhausted
from tumorcast_platform import cli
from tumorcast_platform.commands.imaging.output import write_whole, writing

Capture = pytest.CaptureFixture[str]
SMALL = Phantom(shape=(6, 20, 24))


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return SMALL.write(tmp_path / "ct")


@pytest.fixture
def of_another_series(tmp_path: Path) -> Path:
    contours = {1: [on_slice(SMALL, 2, box(4.5, 4.5, 12.5, 12.5))]}
    return StructureSet(contours, SMALL, series=f"{SERIES}.77").write(tmp_path / "elsewhere")


@pytest.mark.parametrize("command", [["measure"], ["quality"], ["export", "--out", "OUT"]])
def test_a_segmentation_of_a_series_that_is_not_there_is_told_as_such(
    ct: Path, of_another_series: Path, tmp_path: Path, capsys: Capture, command: list[str]
) -> None:
    name, *more = (str(tmp_path / "out") if word == "OUT" else word for word in command)
    assert cli.run(["imaging", name, str(ct), "--seg", str(of_another_series), *more, "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [problem["code"] for problem in problems] == ["SEGMENTATION_OF_ANOTHER_SERIES"]


def test_a_picture_of_a_segmentation_of_another_series_is_refused(
    ct: Path, of_another_series: Path, tmp_path: Path, capsys: Capture
) -> None:
    arguments = ["--seg", str(of_another_series), "--out", str(tmp_path / "p.png"), "--json"]
    assert cli.run(["imaging", "picture", str(ct), *arguments]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "UNSOUND_SEGMENTATION"
    assert not (tmp_path / "p.png").exists()


@pytest.mark.parametrize(("command", "key"), [("measure", "lesions"), ("quality", "lesions"), ("export", "lesions")])
def test_an_organ_of_a_structure_set_is_no_lesion_for_any_command(
    ct: Path, tmp_path: Path, capsys: Capture, command: str, key: str
) -> None:
    contours = {number: [on_slice(SMALL, 2, box(4.5, 4.5, 12.5, 12.5))] for number in (1, 2)}
    drawn = StructureSet(contours, SMALL).dataset()
    drawn.RTROIObservationsSequence[1].RTROIInterpretedType = "EXTERNAL"
    save(drawn, ct / "rs.dcm")
    out = ["--out", str(tmp_path / "out")] if command == "export" else []
    assert cli.run(["imaging", command, str(ct), *out, "--json"]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    entries = found["series"] if command == "quality" else found["segmentations"] if command == "export" else [found]
    counts = [entry[key] if isinstance(entry[key], int) else len(entry[key]) for entry in entries]
    assert counts == [1]
    assert text.count("NOT_A_LESION") == 1


def test_a_file_is_written_whole_or_what_was_there_stays(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.json", b"one")
    write_whole(tmp_path / "new" / "a.json", b"two")
    assert [path.read_bytes() for path in (tmp_path / "new").iterdir()] == [b"two"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidInput):
        write_whole(tmp_path / "folder", b"three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "new"]


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, ResourceExhausted), (errno.EDQUOT, ResourceExhausted), (errno.EACCES, InvalidInput)],
)
def test_what_the_disk_says_is_told_in_a_sentence_without_the_path(code: int, error: type[Exception]) -> None:
    with pytest.raises(error) as told, writing():
        raise OSError(code, "no", "/home/Doe^Jane/a.dcm")
    assert "Doe" not in str(told.value)
