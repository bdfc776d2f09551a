"""A model store in a folder and in memory: what is pushed is what is fetched, and of two writers one wins."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from support.fusion import MANIFEST
from support.model_versions import published, put, record
from tumorcast_core.errors import (
    InvalidInput,
    ModelConflict,
    ModelStoreUnavailable,
    TumorcastError,
    UnknownModel,
    UnsoundModel,
)
from tumorcast_fusion.adapters.model_store import VersionStore, verified
from tumorcast_fusion.adapters.model_store import files as files_module
from tumorcast_fusion.adapters.model_store.files import StoreFiles
from tumorcast_fusion.model.generation import MAX_RECORD_BYTES, Generation

NAME = MANIFEST.name


class Place:
    """Where a store lies, as a folder of files that tests may damage."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, self.root = fsspec.core.url_to_fs(url)
        self.store = VersionStore(url)

    def write(self, name: str, content: bytes) -> None:
        self.fs.makedirs(f"{self.root}/{name}".rsplit("/", 1)[0], exist_ok=True)
        self.fs.pipe_file(f"{self.root}/{name}", content)

    def remove(self, name: str) -> None:
        self.fs.rm(f"{self.root}/{name}", recursive=True)


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    where = Place(str(tmp_path / "store") if request.param == "folder" else f"memory://{tmp_path.name}")
    where.fs.makedirs(where.root, exist_ok=True)
    yield where
    where.fs.rm(where.root, recursive=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("model") / "tiny", "1.0.0")


def test_what_is_pushed_is_listed_and_fetched(place: Place, folder: Path, tmp_path: Path) -> None:
    pushed = place.store.push(folder)
    assert pushed.version == f"1.0.0-{pushed.model.ref.sha256[:12]}"
    assert place.store.names() == (NAME,)
    assert place.store.versions(NAME) == (pushed.version,)
    assert place.store.reference(NAME, pushed.version) == pushed.model.ref
    place.store.fetch(NAME, pushed.version, tmp_path / "copy")
    verified(tmp_path / "copy")
    assert (tmp_path / "copy" / "card.md").read_bytes() == (folder / "card.md").read_bytes()


def test_pushing_again_changes_nothing(place: Place, folder: Path) -> None:
    assert place.store.push(folder).version == place.store.push(folder).version
    assert len(place.store.versions(NAME)) == 1


def test_a_push_that_was_broken_off_is_no_version_and_goes_on(place: Place, folder: Path) -> None:
    version = place.store.push(folder).version
    place.remove(f"{NAME}/{version}/SHA256SUMS")
    place.remove(f"{NAME}/{version}/fusion.safetensors")
    assert place.store.versions(NAME) == ()
    with pytest.raises(UnknownModel):
        place.store.reference(NAME, version)
    place.store.push(folder)
    assert place.store.versions(NAME) == (version,)


def test_other_files_under_the_same_version_are_a_conflict(place: Place, folder: Path, tmp_path: Path) -> None:
    version = place.store.push(folder).version
    place.write(f"{NAME}/{version}/SHA256SUMS", b"0" * 64 + b"  manifest.yaml\n")
    with pytest.raises(ModelConflict):
        place.store.push(folder)


@pytest.mark.parametrize("file", ["manifest.yaml", "fusion.safetensors", "card.md"])
def test_a_copy_that_was_damaged_in_the_store_is_refused_and_pushed_anew(
    place: Place, folder: Path, tmp_path: Path, file: str
) -> None:
    version = place.store.push(folder).version
    place.write(f"{NAME}/{version}/{file}", (folder / file).read_bytes()[:-1])
    with pytest.raises(UnsoundModel):
        place.store.fetch(NAME, version, tmp_path / "copy")
    assert list(tmp_path.glob("**/manifest.yaml")) == list(tmp_path.glob("store/**/manifest.yaml"))
    place.store.push(folder)
    place.store.fetch(NAME, version, tmp_path / "copy")


def test_a_file_that_is_missing_in_the_store_is_refused(place: Place, folder: Path, tmp_path: Path) -> None:
    version = place.store.push(folder).version
    place.remove(f"{NAME}/{version}/fusion.safetensors")
    with pytest.raises(UnsoundModel):
        place.store.fetch(NAME, version, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_list_of_files_that_leads_out_of_the_folder_is_refused(place: Place, folder: Path, tmp_path: Path) -> None:
    version = place.store.push(folder).version
    place.write(f"{NAME}/{version}/SHA256SUMS", b"0" * 64 + b"  ../../escaped\n")
    with pytest.raises(UnsoundModel):
        place.store.fetch(NAME, version, tmp_path / "copy")


def test_a_version_that_lies_under_anothers_name_is_refused(place: Place, folder: Path) -> None:
    version = place.store.push(folder).version
    other = f"9.9.9-{version[-12:]}"
    for file in place.fs.ls(f"{place.root}/{NAME}/{version}", detail=False):
        place.write(f"{NAME}/{other}/{file.rsplit('/', 1)[-1]}", place.fs.cat_file(file))
    with pytest.raises(UnsoundModel):
        place.store.reference(NAME, other)


def test_a_folder_that_is_not_as_published_is_not_pushed(place: Place, folder: Path, tmp_path: Path) -> None:
    altered = shutil.copytree(folder, tmp_path / "altered")
    (altered / "card.md").write_text("better than it is")
    with pytest.raises(UnsoundModel):
        place.store.push(altered)
    assert place.store.names() == ()


@pytest.mark.parametrize("name", ["", "..", "a/b", "UPPER", "a" * 65])
def test_names_that_are_none_are_refused(place: Place, name: str) -> None:
    with pytest.raises(UnknownModel):
        place.store.versions(name)


@pytest.mark.parametrize("version", ["", "shipped", "..", "1.0.0", "../x-0123456789ab"])
def test_versions_that_are_none_are_refused(place: Place, version: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownModel):
        place.store.fetch(NAME, version, tmp_path / "copy")


def test_records_are_numbered_and_the_newest_counts(place: Place, folder: Path) -> None:
    assert place.store.newest(NAME) == (None, False)
    pushed = place.store.push(folder)
    first, second = put(place.store, None, pushed), put(place.store, pushed)
    assert (first.number, second.number) == (1, 2)
    assert place.store.newest(NAME) == (second, False)
    assert place.store.history(NAME).records == (first, second)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\x00" * 10, b"[" * 50_000, b'{"number": 3}', b" " * (MAX_RECORD_BYTES + 1)]
)
def test_a_newest_record_that_cannot_be_read_leaves_the_one_before(place: Place, folder: Path, content: bytes) -> None:
    second = [put(place.store, None), put(place.store, place.store.push(folder))][1]
    place.write(f"{NAME}/generations/00000003.json", content)
    assert place.store.newest(NAME) == (second, True)
    assert place.store.history(NAME).unreadable == (3,)
    assert put(place.store, None).number == 4


def test_a_file_with_the_last_number_is_told_to_whoever_writes_the_next(place: Place) -> None:
    first = put(place.store, None)
    place.write(f"{NAME}/generations/99999999.json", b"{}")
    assert place.store.newest(NAME) == (first, True)
    with pytest.raises(ModelConflict, match="99999999 of the model leaves no number"):
        put(place.store, None)


def test_what_else_lies_among_the_records_is_none(place: Place) -> None:
    for name in ("notes.txt", "1.json", "00000009.json.tmp", "000000010.json"):
        place.write(f"{NAME}/generations/{name}", b"{}")
    assert place.store.newest(NAME) == (None, False)


def test_a_number_that_is_taken_is_a_conflict_and_stays_as_it_is(place: Place) -> None:
    first = put(place.store, None)
    with pytest.raises(ModelConflict):
        place.store.append(NAME, lambda _, __: record(1, None, reason="mine"))
    assert place.store.history(NAME).records == (first,)


def test_a_store_whose_folder_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ModelStoreUnavailable):
        VersionStore(tmp_path / "nowhere").names()


def test_a_file_system_that_fails_is_unavailable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class TheirError(Exception):
        pass

    def fail(*_: object, **__: object) -> None:
        raise TheirError("s3://key:secret@bucket")

    with monkeypatch.context() as failing:
        failing.setattr(type(place.fs), "ls", fail)
        with pytest.raises(ModelStoreUnavailable) as caught:
            place.store.names()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "error"), [("s4://bucket/models", InvalidInput), ("gcs://bucket/models", ModelStoreUnavailable)]
)
def test_an_address_that_nothing_here_can_open_is_told(url: str, error: type[TumorcastError]) -> None:
    with pytest.raises(error):
        VersionStore(url)


WRITERS = 8


def won(store: VersionStore, barrier: threading.Barrier, number: int, winners: list[int]) -> None:
    barrier.wait(10)
    try:
        store.append(NAME, lambda history, _: record(1, None, reason=f"{number} saw {len(history.records)}"))
    except ModelConflict:
        return
    winners.append(number)


def test_of_threads_that_write_at_once_one_wins(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    barrier, winners = threading.Barrier(WRITERS), list[int]()
    work = [
        threading.Thread(target=won, args=(VersionStore(tmp_path / "store"), barrier, number, winners))
        for number in range(WRITERS)
    ]
    for one in work:
        one.start()
    for one in work:
        one.join(30)
    newest, damaged = VersionStore(tmp_path / "store").newest(NAME)
    assert (len(winners), damaged) == (1, False)
    assert newest is not None
    assert newest.reason.startswith(f"{winners[0]} ")


PROGRAM = """
import runpy, sys
from tumorcast_core.errors import ModelConflict
files = runpy.run_path(sys.argv[3])["StoreFiles"](sys.argv[1])  # by itself: the package would import torch
print("ready", flush=True)
sys.stdin.readline()
for number in range(50):
    try:
        files.create(f"generations/{number}", sys.argv[2].encode() * 5000)
        print(number, flush=True)
    except ModelConflict:
        pass
"""


def test_of_processes_that_write_at_once_one_wins_each_record_whole(tmp_path: Path) -> None:
    (tmp_path / "generations").mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), letter, files_module.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for letter in "ab"
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = {letter: p.communicate(timeout=60)[0].split() for letter, p in zip("ab", processes, strict=True)}
    assert sorted(map(int, won["a"] + won["b"])) == list(range(50))
    for letter, numbers in won.items():
        for number in numbers:
            assert (tmp_path / "generations" / number).read_text() == letter * 5000
    assert not list(tmp_path.glob("generations/.*"))


def test_a_file_system_without_links_is_written_to_exclusively_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    files = StoreFiles(tmp_path)
    files.create("a/1", b"one")
    with pytest.raises(ModelConflict):
        files.create("a/1", b"two")
    assert (tmp_path / "a" / "1").read_bytes() == b"one"
    assert os.listdir(tmp_path / "a") == ["1"]


def test_a_new_record_leaves_those_before_as_they_were(place: Place) -> None:
    seen: list[Generation] = []
    for _ in range(5):
        put(place.store, None)
        records = place.store.history(NAME).records
        assert records[:-1] == tuple(seen)
        seen = list(records)
