"""DICOM folders → studies with roles."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tumorcast_core.errors import InvalidInput, NotDicom, StudyNotFound, TumorcastError
from tumorcast_platform.inputs.studies import Study, find_studies


def write(folder: Path, study: str, date: str, *, number: int = 1) -> None:
    """One CT instance of a study."""
    folder.mkdir(parents=True, exist_ok=True)
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = CTImageStorage
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = f"{study}.1.{number}"
    d.StudyInstanceUID, d.SeriesInstanceUID = study, f"{study}.1"
    d.StudyDate, d.PatientID, d.Modality = date, "P", "CT"
    d.save_as(folder / f"{study}-{number}.dcm", enforce_file_format=True)


def roles(*arguments: str | Path) -> list[tuple[str, str]]:
    return [(study.role, study.uid) for study in find_studies(map(str, arguments))]


def test_the_earlier_study_of_a_folder_is_the_baseline(tmp_path: Path) -> None:
    write(tmp_path, "1.2", "20260304")
    write(tmp_path, "1.9", "20260101")
    assert roles(tmp_path) == [("baseline", "1.9"), ("follow_up", "1.2")]


def test_a_folder_named_as_a_role_gives_it_whatever_the_date(tmp_path: Path) -> None:
    write(tmp_path / "dicom" / "baseline", "1.2", "20260304")
    write(tmp_path / "dicom" / "follow_up" / "series", "1.9", "20260101")
    assert roles(tmp_path / "dicom") == [("follow_up", "1.9"), ("baseline", "1.2")]
    assert roles(tmp_path / "dicom" / "follow_up") == [("follow_up", "1.9")]


def test_a_role_on_the_command_line_goes_before_all_else(tmp_path: Path) -> None:
    write(tmp_path / "baseline", "1.2", "20260304")
    write(tmp_path / "other", "1.9", "20260101")
    assert roles(f"T1={tmp_path / 'baseline'}", tmp_path / "other") == [("baseline", "1.9"), ("T1", "1.2")]


def test_a_study_without_a_role_takes_the_one_that_is_left(tmp_path: Path) -> None:
    write(tmp_path / "a", "1.2", "20260101")
    write(tmp_path / "b", "1.9", "20260304")
    assert roles(tmp_path / "a", f"baseline={tmp_path / 'b'}") == [("follow_up", "1.2"), ("baseline", "1.9")]


def test_an_existing_folder_with_an_equals_sign_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("baseline=x"), "1.2", "20260101")
    assert roles("baseline=x") == [("baseline", "1.2")]


def test_a_study_has_its_files_and_date_and_apart_what_is_not_dicom(tmp_path: Path) -> None:
    write(tmp_path, "1.2", "20260304", number=1)
    write(tmp_path, "1.2", "20260304", number=2)
    (tmp_path / "README").write_text("not DICOM")
    (study,) = find_studies([str(tmp_path)])
    files = (tmp_path / "1.2-1.dcm", tmp_path / "1.2-2.dcm")
    assert study == Study("baseline", "1.2", "2026-03-04", files, unreadable=(tmp_path / "README",))


def test_three_studies_without_roles_are_refused(tmp_path: Path) -> None:
    for uid in ("1.2", "1.3", "1.4"):
        write(tmp_path, uid, "20260304")
    with pytest.raises(InvalidInput, match="3 DICOM studies have no role"):
        roles(tmp_path)


def test_one_role_for_two_studies_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", "1.2", "20260304")
    write(tmp_path / "b", "1.3", "20260304")
    with pytest.raises(InvalidInput, match="one role"):
        roles(f"T1={tmp_path / 'a'}", f"T1={tmp_path / 'b'}")
    with pytest.raises(InvalidInput, match="holds 2 studies"):
        roles(f"T1={tmp_path}")


def test_a_study_in_several_folders_is_one_and_a_file_given_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "ct", "1.2", "20260304")
    write(tmp_path / "pet", "1.2", "20260303")
    (study,) = find_studies([str(tmp_path / "ct"), f"T1={tmp_path / 'pet'}", str(tmp_path / "ct")])
    assert (study.role, study.uid, study.date) == ("T1", "1.2", "2026-03-03")
    assert {file.parent.name for file in study.files} == {"ct", "pet"}
    assert len(study.files) == len(set(study.files))


def test_a_study_given_for_two_timepoints_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "1.2", "20260304")
    with pytest.raises(InvalidInput, match="two timepoints"):
        find_studies([f"T1={tmp_path}", f"T2={tmp_path}"])


@pytest.mark.parametrize(("name", "error"), [("empty", NotDicom), ("nowhere", StudyNotFound)])
def test_a_folder_without_dicom_is_a_clear_error(tmp_path: Path, name: str, error: type[TumorcastError]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("not DICOM")
    with pytest.raises(error):
        roles(tmp_path / name)


def test_a_file_beside_the_images_that_is_no_longer_dicom_is_kept_in_mind(tmp_path: Path) -> None:
    write(tmp_path / "baseline", "1.2", "20260101")
    write(tmp_path / "follow_up", "1.9", "20260304")
    lost = tmp_path / "baseline" / "CT039.dcm"
    lost.write_bytes(b"")
    baseline, follow_up = find_studies([str(tmp_path)])
    assert baseline.unreadable == (lost,)
    assert not follow_up.unreadable


@pytest.mark.parametrize("argument", ["", "baseline=", "no such folder", "baseline=" + "x" * 300, "x" * 5000])
def test_a_folder_that_is_not_there_is_told_so(argument: str) -> None:
    with pytest.raises(StudyNotFound):
        find_studies([argument])
