"""What every study store keeps to, in a folder and on a DICOMweb server alike."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from support.dicomweb_server import Pacs, pacs
from tumorcast_core.errors import (
    InstanceConflict,
    NotDicom,
    PayloadTooLarge,
    ResourceExhausted,
    StudyMismatch,
    StudyNotFound,
    TumorcastError,
)
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.adapters.studies.dicomweb_client import DicomwebClient
from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore
from tumorcast_imaging.dicom import DEFAULT_LIMITS, Limits, read_study
from tumorcast_imaging.model import StudyStore


class Make:
    """Makes stores of one kind that share what is behind them: replicas of one service."""

    def __init__(self, folder: Path, archive: Pacs | None) -> None:
        self._folder, self.archive = folder, archive
        self._clients: list[DicomwebClient] = []

    def __call__(self, *, limits: Limits = DEFAULT_LIMITS, min_free_bytes: int = 0) -> StudyStore:
        if self.archive is None:
            return FolderStudyStore(self._folder / "store", limits=limits, min_free_bytes=min_free_bytes)
        client = DicomwebClient(self.archive.url, allowed_hosts=["127.0.0.1"], timeout_s=10)
        self._clients.append(client)
        cache = self._folder / f"cache-{len(self._clients)}"
        return DicomwebStudyStore(client, cache, limits=limits, min_free_bytes=min_free_bytes)

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture(params=["folder", "dicomweb", "dicomweb that overwrites"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    if request.param == "folder":
        yield Make(tmp_path, None)
        return
    with pacs() as archive:
        archive.overwrites = request.param.endswith("overwrites")
        made = Make(tmp_path, archive)
        yield made
        made.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return sorted(Phantom().write(tmp_path / "in").iterdir())


def left(tmp_path: Path) -> list[Path]:
    """Files under way or stored, anywhere but where they came from."""
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "in"]


def other(content: bytes) -> bytes:
    """Another image under the same UIDs."""
    return content[:-2] + b"\1\1"


def test_what_is_added_is_found_again_byte_for_byte(make: Make, files: list[Path]) -> None:
    store = make()
    for path in files:
        stored = store.add(path)
        assert stored.new
        assert (stored.instance.study_instance_uid, stored.instance.date) == (STUDY, "2026-03-04")
    for reader in (store, make()):
        found = reader.files(STUDY)
        assert sorted(path.read_bytes() for path in found) == sorted(path.read_bytes() for path in files)
        assert list(found) == sorted(found)
        assert len(read_study(found).volumes) == 1


def test_the_same_instance_twice_is_stored_once(make: Make, files: list[Path]) -> None:
    store = make()
    assert store.add(files[0]).new
    with files[0].open("rb") as file:
        assert not store.add(file).new
    assert not make().add(files[0].read_bytes()).new
    assert len(store.files(STUDY)) == 1


def test_another_file_under_a_known_uid_is_refused(make: Make, files: list[Path]) -> None:
    store, content = make(), files[0].read_bytes()
    store.add(content)
    with pytest.raises(InstanceConflict):
        make().add(other(content))
    (path,) = make().files(STUDY)
    assert path.read_bytes() == content


def test_of_different_files_that_race_under_one_uid_exactly_one_is_stored(make: Make, files: list[Path]) -> None:
    """The race is between threads of one service; between replicas, an archive decides and the loser is told."""
    store, content = make(), files[0].read_bytes()
    variants = [content[:-1] + bytes([k]) for k in range(8)]
    start = threading.Barrier(len(variants))

    def upload(variant: bytes) -> bytes | None:
        with store.receive() as incoming:  # type: ignore[attr-defined]
            incoming.write(variant)
            start.wait()
            try:
                return variant if incoming.commit().new else None
            except InstanceConflict:
                return None

    with ThreadPoolExecutor(len(variants)) as pool:
        won = [variant for variant in pool.map(upload, variants) if variant]
    assert len(won) == 1
    (path,) = store.files(STUDY)
    assert path.read_bytes() == won[0]


def test_of_equal_files_that_race_all_are_acknowledged_and_one_is_new(make: Make, files: list[Path]) -> None:
    store, content = make(), files[0].read_bytes()
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda _: store.add(content), range(8)))
    assert sum(s.new for s in stored) == 1


@pytest.mark.parametrize("content", [b"", b"Not an image.", bytes(128) + b"DICM"])
def test_what_is_not_dicom_is_refused_and_leaves_nothing(tmp_path: Path, make: Make, content: bytes) -> None:
    with pytest.raises(NotDicom):
        make().add(content)
    assert not left(tmp_path)


@pytest.mark.parametrize("uid", ["../../etc", "..", ".", "", "1/2", "1.2\n", "1." * 40, "a.b", "１.２", "1.2.3"])
def test_a_study_that_is_not_there_or_whose_uid_is_none_is_not_found(make: Make, uid: str) -> None:
    with pytest.raises(StudyNotFound):
        make().files(uid)


def test_a_file_under_way_is_invisible_until_it_is_complete(tmp_path: Path, make: Make, files: list[Path]) -> None:
    store, content = make(), files[0].read_bytes()
    incoming = store.receive(len(content))
    incoming.write(content[:-100])
    with pytest.raises(StudyNotFound):
        store.files(STUDY)
    incoming.write(content[-100:])
    with pytest.raises(StudyNotFound):
        store.files(STUDY)
    incoming.commit()
    assert len(store.files(STUDY)) == 1
    incoming.abort()
    assert len(store.files(STUDY)) == 1


def test_an_aborted_file_leaves_nothing(tmp_path: Path, make: Make, files: list[Path]) -> None:
    incoming = make().receive()
    incoming.write(files[0].read_bytes())
    incoming.abort()
    assert not left(tmp_path)


def test_a_file_of_another_study_than_named_is_refused(tmp_path: Path, make: Make, files: list[Path]) -> None:
    store = make()
    incoming = store.receive()
    incoming.write(files[0].read_bytes())
    with pytest.raises(StudyMismatch):
        incoming.commit("1.2.3")
    incoming.abort()
    assert not left(tmp_path)
    with pytest.raises(StudyNotFound):
        store.files(STUDY)


def test_a_file_over_the_limit_is_refused_however_long_it_says_it_is(make: Make, files: list[Path]) -> None:
    store = make(limits=Limits(max_file_bytes=1000))
    with pytest.raises(PayloadTooLarge):
        store.add(files[0])
    incoming = store.receive(1 << 62)
    with pytest.raises(PayloadTooLarge):
        incoming.write(bytes(1001))
    incoming.abort()


def test_a_disk_without_room_is_told_and_what_was_stored_stays(make: Make, files: list[Path]) -> None:
    make().add(files[0])
    full = make(min_free_bytes=1 << 62)
    with pytest.raises(ResourceExhausted):
        full.add(files[1])
    assert [path.read_bytes() for path in make().files(STUDY)] == [files[0].read_bytes()]


def test_every_refusal_says_nothing_of_patient_or_path(tmp_path: Path, make: Make, files: list[Path]) -> None:
    store, content = make(), files[0].read_bytes()
    store.add(content)
    for bad in (b"Phantom^One", other(content)):
        with pytest.raises(TumorcastError) as caught:
            store.add(bad)
        assert "Phantom" not in caught.value.message
        assert str(tmp_path) not in caught.value.message
