"""An upload that is broken off while a thread works on it: nothing is half stored, and nobody waits."""

import threading
import time
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core.errors import InvalidInput, MalformedRequest, StudyNotFound
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import StoredInstance
from tumorcast_imaging.upload import Upload


class SlowStore(FolderStudyStore):
    """A store whose disk takes its time, as long as the test wants."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, min_free_bytes=0)
        self.writing, self.go_on = threading.Event(), threading.Event()

    def receive(self, expected_bytes: int = 0):
        incoming = super().receive(expected_bytes)
        commit = incoming.commit

        def slow(study_instance_uid: str = "") -> StoredInstance:
            self.writing.set()
            self.go_on.wait(10)
            return commit(study_instance_uid)

        incoming.commit = slow
        return incoming


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return next(iter(Phantom().write(tmp_path / "in").iterdir())).read_bytes()


def left(root: Path) -> list[str]:
    return [path.name for path in (root / ".incoming").iterdir()]


def test_an_abort_while_a_file_is_committed_waits_for_nothing_and_leaves_nothing_half(tmp_path: Path, content: bytes):
    store = SlowStore(tmp_path / "store")
    upload = Upload(store)
    upload.take(pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=len(content))))
    upload.take(pb.UploadStudyRequest(chunk=content))
    worker = threading.Thread(target=upload.end)
    worker.start()
    assert store.writing.wait(10)
    began = time.monotonic()
    upload.abort()
    assert time.monotonic() - began < 1
    assert len(left(tmp_path / "store")) == 1  # still the thread's
    store.go_on.set()
    worker.join(10)
    assert [path.read_bytes() for path in store.files(STUDY)] == [content]
    assert left(tmp_path / "store") == []


@pytest.mark.parametrize("size_bytes", [0, -1], ids=["length unknown", "another length announced"])
def test_a_last_file_that_nobody_called_whole_is_refused(tmp_path: Path, content: bytes, size_bytes: int):
    """A stream that breaks off may look like one that ended."""
    store = FolderStudyStore(tmp_path / "store", min_free_bytes=0)
    upload = Upload(store)
    upload.take(pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=size_bytes and len(content))))
    upload.take(pb.UploadStudyRequest(chunk=content[:-50]))
    assert [r.code for r in upload.end().refusals] == ["INVALID_INPUT"]
    with pytest.raises(StudyNotFound):
        store.files(STUDY)
    assert left(tmp_path / "store") == []


@pytest.mark.parametrize("size_bytes", [True, False], ids=["by its length", "by the end"])
def test_a_last_file_that_is_called_whole_is_stored(tmp_path: Path, content: bytes, size_bytes: bool):
    store = FolderStudyStore(tmp_path / "store", min_free_bytes=0)
    upload = Upload(store)
    upload.take(pb.UploadStudyRequest(file=pb.UploadFile(size_bytes=len(content) if size_bytes else 0)))
    upload.take(pb.UploadStudyRequest(chunk=content))
    if not size_bytes:
        upload.take(pb.UploadStudyRequest(end=True))
        with pytest.raises(MalformedRequest):
            upload.take(pb.UploadStudyRequest(chunk=b"more"))
    assert len(upload.end().uploaded) == 1
    assert len(store.files(STUDY)) == 1


def test_what_comes_after_an_abort_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes):
    store = FolderStudyStore(tmp_path / "store", min_free_bytes=0)
    upload = Upload(store)
    upload.take(pb.UploadStudyRequest(file=pb.UploadFile()))
    upload.abort()
    upload.abort()
    for piece in (pb.UploadStudyRequest(chunk=content), pb.UploadStudyRequest(file=pb.UploadFile())):
        with pytest.raises(InvalidInput):
            upload.take(piece)
    with pytest.raises(InvalidInput):
        upload.end()
    with pytest.raises(StudyNotFound):
        store.files(STUDY)
    assert left(tmp_path / "store") == []
