"""The folder store on a disk that fills, a process that dies, and a file system without links.

What it keeps to as every store does stands in the contract tests.
"""

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.dicom_factory import STUDY, Phantom
from support.small_disk import small_disk
from tumorcast_core.errors import NotDicom, ResourceExhausted, StudyNotFound
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.adapters.studies.disk import disk_errors, publish
from tumorcast_imaging.dicom import read_study


@pytest.fixture
def store(tmp_path: Path) -> FolderStudyStore:
    return FolderStudyStore(tmp_path / "store", min_free_bytes=0)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return sorted(Phantom().write(tmp_path / "in").iterdir())


def left(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file()]


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


def test_a_disk_that_fills_while_writing_is_told():
    with pytest.raises(ResourceExhausted), disk_errors(), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")
    with pytest.raises(PermissionError), disk_errors():
        raise PermissionError(errno.EACCES, "no")


def add_all(store: FolderStudyStore, files: list[Path], acknowledged: dict[str, bytes]) -> None:
    for path in files:
        acknowledged[store.add(path).instance.sop_instance_uid] = path.read_bytes()


@pytest.mark.parametrize("min_free_bytes", [0, 300_000])
def test_a_disk_that_fills_loses_nothing_and_shows_nothing_half(tmp_path: Path, min_free_bytes: int):
    files = sorted(Phantom(shape=(12, 256, 256)).write(tmp_path / "in").iterdir())  # 131 KB each, 1.6 MB in all
    with small_disk(tmp_path / "disk", size_mib=2) as disk:
        store = FolderStudyStore(disk / "store", min_free_bytes=min_free_bytes)
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        acknowledged: dict[str, bytes] = {}
        with pytest.raises(ResourceExhausted):
            add_all(store, files, acknowledged)
        assert 1 < len(acknowledged) < 12

        for reader in (store, FolderStudyStore(disk / "store", min_free_bytes=min_free_bytes)):
            assert {path.stem: path.read_bytes() for path in reader.files(STUDY)} == acknowledged
        assert len(left(disk / "store")) == len(acknowledged)
        status = os.statvfs(disk)
        assert status.f_bavail * status.f_frsize >= min_free_bytes

        ballast.unlink()
        assert [store.add(path).new for path in files].count(True) == 12 - len(acknowledged)
        assert len(read_study(store.files(STUDY)).volumes) == 1


def test_a_study_of_which_nothing_could_be_stored_is_not_found(tmp_path: Path, files):
    store = FolderStudyStore(tmp_path / "store", min_free_bytes=0)
    (tmp_path / "store" / STUDY).mkdir()  # the disk was full before the first file had its name
    with pytest.raises(StudyNotFound):
        store.files(STUDY)


_UPLOAD_AND_HANG = """
import sys, time
from tumorcast_imaging.adapters.studies import FolderStudyStore
store = FolderStudyStore(sys.argv[1], min_free_bytes=0)
store.add(sys.argv[2])
incoming = store.receive()
content = open(sys.argv[3], "rb").read()
incoming.write(content[:-10])
print("half", flush=True)
time.sleep(60)
"""


def test_a_process_killed_while_it_receives_leaves_nothing_visible_and_is_swept_after(tmp_path: Path, files):
    root = tmp_path / "store"
    command = [sys.executable, "-c", _UPLOAD_AND_HANG, str(root), str(files[0]), str(files[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "half\n"
            living = FolderStudyStore(root, min_free_bytes=0)  # a second replica starts meanwhile and sweeps nothing
            assert len(left(root)) == 2
        finally:
            process.send_signal(signal.SIGKILL)
    assert [path.read_bytes() for path in living.files(STUDY)] == [files[0].read_bytes()]
    assert len(left(root)) == 2
    FolderStudyStore(root, min_free_bytes=0)
    assert left(root) == list(living.files(STUDY))


def test_a_full_disk_is_swept_of_what_dead_processes_left(tmp_path: Path):
    full = FolderStudyStore(tmp_path / "store", min_free_bytes=1 << 62)
    leftover = tmp_path / "store" / ".incoming" / "of-a-dead-process"
    leftover.write_bytes(b"half a file")
    with pytest.raises(ResourceExhausted):
        full.receive()
    assert not leftover.exists()


def no_links(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "this file system has no hard links")


@pytest.mark.parametrize("link", [os.link, no_links], ids=["links", "no links"])
def test_of_many_that_publish_one_name_one_wins(tmp_path: Path, link):
    start = threading.Barrier(4)

    def upload(source: Path, target: Path) -> bool:
        start.wait()
        return publish(source, target, link=link)

    with ThreadPoolExecutor(4) as pool:
        for turn in range(200):
            target = tmp_path / f"target-{turn}"
            sources = [tmp_path / f"source-{turn}-{k}" for k in range(4)]
            for source in sources:
                source.write_text(source.name)
            won = list(pool.map(upload, sources, [target] * 4))
            assert won.count(True) == 1
            assert target.read_text() == sources[won.index(True)].name


def test_a_file_that_gets_its_name_at_the_last_moment_is_not_replaced(tmp_path: Path):
    def late(source: Path, target: Path) -> None:
        target.write_text("somebody else's")
        os.link(source, target)

    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("ours")
    assert not publish(source, target, link=late)
    assert (source.read_text(), target.read_text()) == ("ours", "somebody else's")


def test_another_failure_to_link_is_not_hidden(tmp_path: Path):
    def broken(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    with pytest.raises(OSError, match="broken"):
        publish(tmp_path / "a", tmp_path / "b", link=broken)
