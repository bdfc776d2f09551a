"""An upload that is broken off while a thread works on it: nothing is half stored, and nobody waits."""

import threading
import time
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core.errors import InvalidInput, StudyNotFound
from tumorcast_imaging.adapters import FolderStudyStore
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
    upload.take(pb.UploadStudyRequest(file=pb.UploadFile()))
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
