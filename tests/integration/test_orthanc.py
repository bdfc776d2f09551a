"""The DICOMweb store against a real archive: Orthanc, as Debian packages it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from support.dicom_factory import SERIES, STUDY, Phantom, save
from support.orthanc import PASSWORD, USER, Orthanc
from tumorcast_core.errors import InstanceConflict, ServiceUnavailable, StudyNotFound
from tumorcast_core.snapshot import Timepoint
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient
from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model import SHIPPED, EncoderManifest, prepare_study

pytestmark = pytest.mark.debian


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    server = Orthanc(tmp_path / "orthanc")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def make(orthanc: Orthanc, tmp_path: Path):
    clients = []

    def store(password: str = PASSWORD) -> DicomwebStudyStore:
        client = DicomwebClient(
            orthanc.url, allowed_hosts=["127.0.0.1"], credentials=Credentials(USER, password), timeout_s=10
        )
        clients.append(client)
        return DicomwebStudyStore(client, tmp_path / f"cache-{len(clients)}", min_free_bytes=0)

    yield store
    for client in clients:
        client.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    folder = Phantom().write(tmp_path / "in")
    save(Phantom().segmentation(), folder / "seg.dcm")
    return sorted(folder.iterdir())


def test_what_goes_into_orthanc_comes_back_byte_for_byte_and_as_the_same_measures(make, files, tmp_path):
    store, folder = make(), FolderStudyStore(tmp_path / "folder", min_free_bytes=0)
    for path in files:
        assert store.add(path).new
        folder.add(path)
    reader = make()  # another replica, with an empty cache
    found = reader.files(STUDY)
    assert sorted(path.read_bytes() for path in found) == sorted(path.read_bytes() for path in files)
    (volume,), (expected,) = read_study(found).volumes, read_study(folder.files(STUDY)).volumes
    assert np.array_equal(volume.array, expected.array)
    assert np.array_equal(volume.affine_lps, expected.affine_lps)
    timepoint = Timepoint("baseline", study_instance_uid=STUDY)
    manifests = [EncoderManifest.load(SHIPPED / "ct-lesion")]
    prepared, same = prepare_study(reader, timepoint, manifests), prepare_study(folder, timepoint, manifests)
    assert (prepared.features, prepared.issues) == (same.features, same.issues)
    assert len(prepared.features) > 0
    assert np.array_equal(prepared.crops[0].array, same.crops[0].array)


def test_a_second_upload_changes_nothing_and_another_file_under_the_uid_is_refused(make, files):
    content = files[0].read_bytes()
    assert make().add(content).new
    assert not make().add(content).new
    with pytest.raises(InstanceConflict):
        make().add(content[:-2] + b"\1\1")
    (path,) = make().files(STUDY)
    assert path.read_bytes() == content


def test_of_replicas_that_race_under_one_uid_only_what_orthanc_keeps_is_acknowledged(make, files):
    content = files[0].read_bytes()
    variants = [content[:-1] + bytes([k]) for k in range(4)]
    stores, start = [make() for _ in variants], threading.Barrier(len(variants))

    def upload(k: int) -> bool:
        start.wait()
        try:
            return stores[k].add(variants[k]).new
        except InstanceConflict:
            return False

    with ThreadPoolExecutor(len(variants)) as pool:
        won = list(pool.map(upload, range(len(variants))))
    (path,) = make().files(STUDY)
    assert won.count(True) == 1
    assert path.read_bytes() == variants[won.index(True)]


def test_a_study_that_orthanc_does_not_have_is_not_found(make):
    with pytest.raises(StudyNotFound):
        make().files("1.2.3")


def test_a_wrong_password_is_told_as_such(make, files):
    with pytest.raises(ServiceUnavailable, match="credentials"):
        make("wrong").files(STUDY)
    with pytest.raises(ServiceUnavailable, match="credentials"):
        make("wrong").add(files[0])


def test_an_instance_that_came_later_is_seen_at_the_next_use(make, files):
    store, reader = make(), make()
    for path in files[:-2]:
        store.add(path)
    assert len(reader.files(STUDY)) == len(files) - 2
    for path in files[-2:]:
        store.add(path)
    assert sorted(path.read_bytes() for path in reader.files(STUDY)) == sorted(path.read_bytes() for path in files)


def test_orthanc_killed_is_told_at_once_and_loses_nothing_acknowledged(orthanc: Orthanc, make, files):
    store = make()
    acknowledged = {store.add(path).instance.sop_instance_uid for path in files[:5]}
    orthanc.kill()
    with pytest.raises(ServiceUnavailable):
        store.add(files[5])
    with pytest.raises(ServiceUnavailable):
        store.files(STUDY)
    orthanc.start()
    assert {path.stem for path in make().files(STUDY)} == acknowledged
    for path in files:
        store.add(path)
    assert len(store.files(STUDY)) == len(files)


def test_orthanc_killed_while_a_study_is_fetched_leaves_whole_files_only(orthanc: Orthanc, make, tmp_path: Path):
    """Two series of 50 MB, so that the kill comes while bytes flow."""
    sent = {}
    writer = make()
    for series in (SERIES, f"{SERIES}.77"):
        for path in Phantom(shape=(24, 1024, 1024), series=series).write(tmp_path / series).iterdir():
            sent[writer.add(path).instance.sop_instance_uid] = path.read_bytes()
    cache = tmp_path / "cache-2"
    reader = make()

    def kill_midway() -> None:
        while not list(cache.rglob("*.dcm")):
            pass
        orthanc.kill()

    killer = threading.Thread(target=kill_midway)
    killer.start()
    with pytest.raises(ServiceUnavailable):
        reader.files(STUDY)
    killer.join()
    whole = list(cache.rglob("*.dcm"))
    assert 0 < len(whole) < len(sent)
    assert all(path.read_bytes() == sent[path.stem] for path in whole)
    assert not list((cache / ".incoming").iterdir())
    orthanc.start()
    assert {path.stem: path.read_bytes() for path in reader.files(STUDY)} == sent
