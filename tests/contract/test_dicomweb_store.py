"""The DICOMweb store fetches what is missing and nothing else, and tells every way in which an archive fails."""

import logging
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
import pytest

from support.certificates import Authority
from support.dicom_factory import SERIES, STUDY, Phantom
from support.dicomweb_server import BOUNDARY, Pacs, pacs
from tumorcast_core.errors import (
    InstanceConflict,
    InvalidInput,
    PayloadTooLarge,
    ResourceExhausted,
    ServiceUnavailable,
    StudyNotFound,
    TumorcastError,
)
from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient
from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore
from tumorcast_imaging.dicom import Limits

MULTIPART = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY.decode()}"'
ANONYMOUS = Credentials()
Make = Callable[..., DicomwebStudyStore]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Pacs]:
    with pacs() as state:
        for path in Phantom().write(tmp_path / "in").iterdir():
            state.add(path.read_bytes())
        yield state


@pytest.fixture
def make(archive: Pacs, tmp_path: Path) -> Iterator[Make]:
    clients = []

    def store(credentials: Credentials = ANONYMOUS, longest_s: float = 10, **how: object) -> DicomwebStudyStore:
        client = DicomwebClient(
            archive.url, allowed_hosts=["127.0.0.1"], credentials=credentials, timeout_s=5, longest_s=longest_s
        )
        clients.append(client)
        return DicomwebStudyStore(client, tmp_path / "cache", min_free_bytes=0, **how)  # type: ignore[arg-type]

    yield store
    for client in clients:
        client.close()


def cached(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def retrievals(archive: Pacs) -> list[str]:
    return [r for r in archive.requests if r.startswith("GET") and not r.endswith("/instances")]


def other_slice(archive: Pacs, number: str) -> bytes:
    d = pydicom.dcmread(pydicom.filebase.DicomBytesIO(next(iter(archive.files.values()))))
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = f"{SERIES}.{number}"
    file = pydicom.filebase.DicomBytesIO()
    d.save_as(file)
    return bytes(file.getvalue())


def test_a_series_is_fetched_in_one_request_and_never_again(archive: Pacs, make: Make) -> None:
    for store in (make(), make()):
        assert len(store.files(STUDY)) == 12
    assert retrievals(archive) == [f"GET {STUDY}/series/{SERIES}"]


def test_an_instance_that_was_added_later_is_fetched_alone(archive: Pacs, make: Make) -> None:
    store = make()
    before = set(store.files(STUDY))
    archive.add(other_slice(archive, "77"))
    archive.requests.clear()
    assert len(set(store.files(STUDY)) - before) == 1
    assert retrievals(archive) == [f"GET {STUDY}/series/{SERIES}/instances/{SERIES}.77"]


def test_an_instance_that_vanished_from_the_archive_is_not_used(archive: Pacs, make: Make) -> None:
    store = make()
    assert len(store.files(STUDY)) == 12
    del archive.files[STUDY, SERIES, f"{SERIES}.5"]
    assert [path.name for path in store.files(STUDY)].count(f"{SERIES}.5.dcm") == 0
    archive.files.clear()
    with pytest.raises(StudyNotFound):
        store.files(STUDY)


@pytest.mark.parametrize("page", [1, 5, 12])
def test_a_list_in_pages_of_any_length_is_read_to_its_end(archive: Pacs, make: Make, page: int) -> None:
    archive.page = page
    assert len(make().files(STUDY)) == 12


def test_a_connection_that_breaks_is_told_and_what_was_whole_is_not_fetched_again(
    archive: Pacs, make: Make, tmp_path: Path
) -> None:
    one = len(next(iter(archive.files.values())))
    archive.cut = 5 * one
    store = make()
    with pytest.raises(ServiceUnavailable):
        store.files(STUDY)
    whole = cached(tmp_path)
    assert 0 < len(whole) < 12
    assert all(path.read_bytes() in archive.files.values() for path in whole)
    archive.cut = 0
    archive.requests.clear()
    assert len(store.files(STUDY)) == 12
    assert len(retrievals(archive)) == 12 - len(whole)


def test_two_that_want_a_study_at_once_fetch_it_once(archive: Pacs, make: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    store = make()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.files(STUDY), range(4)))
    assert len(set(found)) == 1
    assert len(retrievals(archive)) == 1


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (401, ServiceUnavailable, "credentials"),
        (403, ServiceUnavailable, "credentials"),
        (404, StudyNotFound, "study"),
        (204, StudyNotFound, "study"),
        (302, ServiceUnavailable, "redirects"),
        (429, ResourceExhausted, "limit"),
        (500, ServiceUnavailable, "500"),
        (503, ServiceUnavailable, "503"),
    ],
)
def test_every_status_is_told_as_what_it_means(
    archive: Pacs, make: Make, status: int, error: type[TumorcastError], text: str
) -> None:
    def meddle(path: str, handler: object) -> bool:
        handler.answer(status, Location="http://127.0.0.1:9/elsewhere")  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    with pytest.raises(error, match=text):
        make().files(STUDY)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Please log in</html>", "text/html"),
        (b"no multipart", MULTIPART),
        (b"--" + BOUNDARY + b"\r\n\r\nNot an image.\r\n--" + BOUNDARY + b"--\r\n", MULTIPART),
        (b"--" + BOUNDARY + b"\r\n\r\n", MULTIPART),
        (b"--" + BOUNDARY + b"--\r\n", MULTIPART),
        (b"", MULTIPART),
        (b"x", "multipart/related"),
        (b"x", f'multipart/related; boundary="{"x" * 300}"'),
        (b"Not an image.", "application/dicom"),
        (b"", "application/dicom"),
    ],
)
def test_a_garbled_retrieval_is_told_and_leaves_nothing(
    archive: Pacs, make: Make, tmp_path: Path, body: bytes, content_type: str
) -> None:
    def meddle(path: str, handler: object) -> bool:
        if path.endswith("/instances"):
            return False
        handler.answer(200, body, content_type)  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    with pytest.raises(ServiceUnavailable):
        make().files(STUDY)
    assert not cached(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}x",
        b"[1]",
        b'{"00080018": 1}',
        b'[{"00080018": {"Value": ["../../etc"]}, "0020000E": {"Value": ["1.2"]}}]',
        b'[{"00080018": {"Value": ["1.2"]}, "0020000E": {"Value": ["1.2/../3"]}}]',
        b'[{"00080018": {"Value": []}, "0020000E": {"Value": ["1.2"]}}]',
        b'[{"00080018": {"Value": [7]}, "0020000E": {"Value": ["1.2"]}}]',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_garbled_list_is_told(archive: Pacs, make: Make, body: bytes) -> None:
    def meddle(path: str, handler: object) -> bool:
        handler.answer(200, body, "application/dicom+json")  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    with pytest.raises((ServiceUnavailable, StudyNotFound)):
        make().files(STUDY)
    assert all(r.endswith("/instances") for r in archive.requests)


def test_an_archive_that_gives_another_study_is_not_believed(archive: Pacs, make: Make, tmp_path: Path) -> None:
    stranger = next(iter(Phantom(study="1.2.3", patient_id="SOMEONE-ELSE").write(tmp_path / "else").iterdir()))

    def meddle(path: str, handler: object) -> bool:
        if path.endswith("/instances"):
            return False
        handler.answer(200, stranger.read_bytes(), "application/dicom")  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    with pytest.raises(ServiceUnavailable, match="something else"):
        make().files(STUDY)
    assert not cached(tmp_path)


def test_a_single_file_without_multipart_is_taken(archive: Pacs, make: Make) -> None:
    keep = (STUDY, SERIES, f"{SERIES}.5")
    archive.files = {keep: archive.files[keep]}

    def meddle(path: str, handler: object) -> bool:
        if path.endswith("/instances"):
            return False
        handler.answer(200, archive.files[keep], "application/dicom")  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    (path,) = make().files(STUDY)
    assert path.read_bytes() == archive.files[keep]


def test_an_encoded_answer_is_not_unfolded(archive: Pacs, make: Make) -> None:
    def meddle(path: str, handler: object) -> bool:
        handler.answer(200, b"[]", "application/dicom+json", Content_Encoding="gzip")  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    with pytest.raises(ServiceUnavailable):
        make().files(STUDY)


def test_an_archive_that_drips_is_given_up(archive: Pacs, make: Make) -> None:
    import time

    def meddle(path: str, handler: object) -> bool:
        if path.endswith("/instances"):
            return False
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Type", MULTIPART)  # type: ignore[attr-defined]
        handler.send_header("Content-Length", "1000000")  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        try:
            for _ in range(100):
                handler.wfile.write(b" ")  # type: ignore[attr-defined]
                time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True  # type: ignore[attr-defined]
        return True

    archive.meddle = meddle
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        make(longest_s=0.3).files(STUDY)
    assert time.monotonic() - began < 3


def test_too_many_instances_too_large_files_and_too_large_studies_are_refused(
    archive: Pacs, make: Make, tmp_path: Path
) -> None:
    with pytest.raises(PayloadTooLarge, match="instances"):
        make(limits=Limits(max_files=11)).files(STUDY)
    with pytest.raises(PayloadTooLarge, match="file"):
        make(limits=Limits(max_file_bytes=1000)).files(STUDY)
    with pytest.raises(PayloadTooLarge, match="study"):
        make(max_cache_bytes=sum(map(len, archive.files.values())) // 2).files(STUDY)


def test_the_study_used_longest_ago_makes_room(archive: Pacs, make: Make, tmp_path: Path) -> None:
    import os

    for uid in ("1.2.3", "1.2.4"):
        for path in Phantom(study=uid).write(tmp_path / uid).iterdir():
            archive.add(path.read_bytes())
    bound = int(2.5 * sum(len(content) for _, content in archive.of(STUDY)))
    store = make(max_cache_bytes=bound)
    store.files(STUDY)
    store.files("1.2.3")
    with pytest.raises(ResourceExhausted, match="in use"):
        store.files("1.2.4")
    for age, uid in ((5000, "1.2.3"), (9000, STUDY)):
        folder = tmp_path / "cache" / uid
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
    assert len(store.files("1.2.4")) == 12
    assert not (tmp_path / "cache" / STUDY).exists()
    assert len(store.files("1.2.3")) == 12


def test_what_the_archive_corrected_is_seen_when_the_copy_is_old(archive: Pacs, make: Make) -> None:
    import os

    store = make()
    path = store.files(STUDY)[0]
    key = (STUDY, SERIES, path.stem)
    archive.files[key] = archive.files[key].replace(b"PHANTOM-1", b"PHANTOM-2")
    assert b"PHANTOM-2" not in store.files(STUDY)[0].read_bytes()
    os.utime(path, (0, 0))
    assert b"PHANTOM-2" in store.files(STUDY)[0].read_bytes()


def test_an_archive_that_rewrites_the_patient_still_has_the_same_instance(
    archive: Pacs, make: Make, tmp_path: Path
) -> None:
    files = sorted((tmp_path / "in").iterdir())
    archive.files.clear()
    archive.coerce = lambda content: content.replace(b"PHANTOM-1", b"MASTER-77")
    store = make()
    assert store.add(files[0]).new
    assert not store.add(files[0]).new
    with pytest.raises(InstanceConflict):
        store.add(files[0].read_bytes()[:-2] + b"\1\1")


def test_an_upload_that_the_archive_loses_or_changes_is_not_acknowledged(
    archive: Pacs, make: Make, tmp_path: Path
) -> None:
    file = next((tmp_path / "in").iterdir())
    archive.files.clear()
    archive.coerce = lambda content: content[:-2] + b"\1\1"
    with pytest.raises(InstanceConflict):
        make().add(file)
    archive.files.clear()

    def swallow(path: str, handler: object) -> bool:
        if path == "POST":
            handler.answer(200, b"{}", "application/dicom+json")  # type: ignore[attr-defined]
        return path == "POST"

    archive.meddle = swallow
    with pytest.raises(ServiceUnavailable, match="give back"):
        make().add(file)


@pytest.mark.parametrize(
    ("reason", "error"),
    [(0xA700, ResourceExhausted), (0xA701, ResourceExhausted), (0x0110, InvalidInput), (0xC000, InvalidInput)],
)
def test_a_failed_store_is_told_by_its_failure_reason(
    archive: Pacs, make: Make, tmp_path: Path, reason: int, error: type[TumorcastError]
) -> None:
    archive.files.clear()
    archive.store_failure = reason
    with pytest.raises(error):
        make().add(next((tmp_path / "in").iterdir()))


def test_credentials_are_sent_rotate_and_are_never_logged(
    archive: Pacs, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret_file = tmp_path / "secret"
    secret_file.write_text("token-one\n")
    token = Credentials(secret_file=secret_file)
    make(token).files(STUDY)
    secret_file.write_text("token-two")
    make(token).files(STUDY)
    make(Credentials("reader", "pass-three")).files(STUDY)
    sent = archive.authorization
    assert (sent[0], sent[-1]) == ("Bearer token-one", "Basic cmVhZGVyOnBhc3MtdGhyZWU=")
    assert "Bearer token-two" in sent
    secret_file.unlink()
    with pytest.raises(ServiceUnavailable, match="secret"):
        make(token).files(STUDY)
    assert "pass-three" not in repr(Credentials("reader", "pass-three"))
    for secret in ("token-one", "token-two", "pass-three", "cmVhZGVy", STUDY):
        assert secret not in caplog.text


def test_an_archive_that_is_down_is_told(archive: Pacs, tmp_path: Path) -> None:
    client = DicomwebClient("http://127.0.0.1:9/pacs", allowed_hosts=["127.0.0.1:9"], timeout_s=2)
    store = DicomwebStudyStore(client, tmp_path / "cache", min_free_bytes=0)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        store.files(STUDY)
    with pytest.raises(ServiceUnavailable):
        store.add(next((tmp_path / "in").iterdir()))
    assert not cached(tmp_path)
    client.close()


def test_an_archive_is_trusted_by_the_authorities_that_are_named_and_by_no_others(tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    authority, foreign = Authority(tmp_path), Authority(tmp_path / "foreign")
    shown = authority.issue("archive")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(shown.certificate, shown.key)
    with pacs(tls) as archive:
        for path in Phantom().write(tmp_path / "in").iterdir():
            archive.add(path.read_bytes())

        def files(ca_file: Path | None) -> int:
            client = DicomwebClient(archive.url, allowed_hosts=["127.0.0.1"], timeout_s=5, ca_file=ca_file)
            try:
                return len(client.instances(STUDY, 1000))
            finally:
                client.close()

        assert files(authority.certificate) > 0
        for unknown in (foreign.certificate, None):
            with pytest.raises(ServiceUnavailable):
                files(unknown)


def test_authorities_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    for named in (tmp_path / "missing", tmp_path / "empty"):
        (tmp_path / "empty").write_text("nothing")
        with pytest.raises(ValueError, match="cannot be read"):
            DicomwebClient("https://127.0.0.1/pacs", allowed_hosts=["127.0.0.1"], ca_file=named)
