"""The folder store keeps complete files only, once each, and lets no UID leave its root."""

import errno
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from tumorcast_core.errors import InvalidInput, NotDicom, PayloadTooLarge, ResourceExhausted, StudyNotFound
from tumorcast_imaging.adapters import FolderStudyStore
from tumorcast_imaging.adapters.study_store import disk_errors
from tumorcast_imaging.dicom import Limits, read_study


@pytest.fixture
def store(tmp_path: Path) -> FolderStudyStore:
    return FolderStudyStore(tmp_path / "store")


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return sorted(Phantom().write(tmp_path / "in").iterdir())


def test_what_is_added_is_found_again(store, files):
    for path in files:
        stored = store.add(path)
        assert (stored.study_instance_uid, stored.new, stored.is_segmentation) == (STUDY, True, False)
        assert stored.date == "2026-03-04"
    assert len(store.files(STUDY)) == 12
    assert len(read_study(store.files(STUDY)).volumes) == 1


def test_the_same_instance_twice_is_stored_once(store, files):
    assert store.add(files[0]).new
    with files[0].open("rb") as file:
        assert not store.add(file).new
    assert not store.add(files[0].read_bytes()).new
    assert len(store.files(STUDY)) == 1


def test_another_file_under_a_known_uid_is_refused(store, files):
    store.add(files[0])
    before = store.files(STUDY)[0].read_bytes()
    with pytest.raises(InvalidInput):
        store.add(files[0].read_bytes()[:-2] + b"\1\1")
    assert store.files(STUDY)[0].read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"Not an image.", bytes(128) + b"DICM"])
def test_what_is_not_dicom_is_refused_and_leaves_nothing(tmp_path: Path, store, content):
    with pytest.raises(NotDicom):
        store.add(content)
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


@pytest.mark.parametrize("uid", ["../../etc", "..", ".", "", "1/2", "1.2\n", "1." * 40, "a.b", "１.２"])
def test_a_uid_that_is_no_uid_finds_nothing(store, uid):
    with pytest.raises(StudyNotFound):
        store.files(uid)


def test_a_file_whose_uid_would_leave_the_root_is_refused(store):
    def escape(k: int, d) -> None:
        d.StudyInstanceUID = "../../escaped"

    import io

    import pydicom

    buffer = io.BytesIO()
    with pydicom.config.disable_value_validation():
        Phantom().slices(escape)[0].save_as(buffer, enforce_file_format=True)
    with pytest.raises(NotDicom):
        store.add(buffer.getvalue())


def test_a_file_under_way_is_invisible_until_it_is_complete(store, files):
    incoming = store.receive()
    incoming.write(files[0].read_bytes())
    with pytest.raises(StudyNotFound):
        store.files(STUDY)
    incoming.commit()
    assert len(store.files(STUDY)) == 1


def test_an_aborted_file_leaves_nothing(tmp_path: Path, store, files):
    incoming = store.receive()
    incoming.write(files[0].read_bytes())
    incoming.abort()
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_file_over_the_limit_is_refused(tmp_path: Path, files):
    store = FolderStudyStore(tmp_path / "store", limits=Limits(max_file_bytes=1000))
    with pytest.raises(PayloadTooLarge):
        store.add(files[0])


def test_a_disk_without_room_is_told(tmp_path: Path, files):
    store = FolderStudyStore(tmp_path / "store", min_free_bytes=1 << 62)
    with pytest.raises(ResourceExhausted):
        store.add(files[0])


def test_a_disk_that_fills_while_writing_is_told():
    with pytest.raises(ResourceExhausted), disk_errors(), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    with pytest.raises(PermissionError), disk_errors():
        raise PermissionError(errno.EACCES, "no")


def test_leftovers_of_a_crash_are_swept(tmp_path: Path, store):
    import os

    left = tmp_path / "store" / ".incoming" / "left"
    left.write_bytes(b"half a file")
    os.utime(left, (0, 0))
    FolderStudyStore(tmp_path / "store")
    assert not left.exists()
