"""What an archive sends is cut into files however it arrives; two files are the same instance or they are not."""

from pathlib import Path

import pydicom
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from support.dicom_factory import Phantom
from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient
from tumorcast_imaging.adapters.studies.multipart import Parts, Unreadable, boundary_of
from tumorcast_imaging.adapters.studies.same_instance import same_instance

_content = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n", b"\r\n-", b"\r\n--", b"\r\n--b", b"b-o", b" ", b"\0"])
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)


def files_in(boundary: bytes | None, body: bytes, lengths: list[int]) -> list[bytes]:
    parts, files, at = Parts(boundary), list[bytes](), 0
    for length in [0, *lengths, len(body)]:
        for piece in parts.feed(body[at : at + length]):
            if piece is None:
                files.append(b"")
            else:
                files[-1] += piece
        at += length
    parts.finish()
    return files


@given(st.lists(_content, min_size=1, max_size=4), st.lists(st.integers(0, 40), max_size=20))
@example([b"", b"\r\n--b-", b"\r\n--b\r\n"], [1] * 200)
def test_files_come_out_byte_for_byte_however_the_answer_is_cut(files: list[bytes], lengths: list[int]) -> None:
    assume(not any(b"\r\n--b-o" in b"\r\n" + file + b"\r\n--" for file in files))
    body = b"".join(b"--b-o\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
    assert files_in(b"b-o", body + b"--b-o--\r\n", lengths) == files


@given(st.binary(max_size=80), st.lists(st.integers(0, 40), max_size=20))
def test_an_answer_without_multipart_is_one_file(body: bytes, lengths: list[int]) -> None:
    assert files_in(None, body, lengths) == [body]


@given(st.binary(max_size=80) | _content, st.lists(st.integers(0, 20), max_size=5))
def test_any_other_answer_is_unreadable_and_never_breaks(body: bytes, lengths: list[int]) -> None:
    assume(b"--b-o" not in body)
    with pytest.raises(Unreadable):
        files_in(b"b-o", body, lengths)


@given(
    st.text(max_size=60) | st.sampled_from(["multipart/related; boundary=", "multipart/related; boundary*=utf-8''x"])
)
def test_any_content_type_is_one_file_multipart_or_unreadable(content_type: str) -> None:
    try:
        boundary = boundary_of(content_type)
    except Unreadable:
        return
    kind = content_type.lower().strip()
    assert kind.startswith("application/dicom" if boundary is None else "multipart/related")


def test_the_boundary_is_read_with_and_without_quotes() -> None:
    assert boundary_of('multipart/related; type="application/dicom"; boundary="a b"') == b"a b"
    assert boundary_of("Multipart/Related; boundary=ab; type=application/dicom; transfer-syntax=*") == b"ab"
    assert boundary_of("application/dicom; transfer-syntax=1.2.840.10008.1.2.1") is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_secret_never_stands_in_a_representation(user: str, secret: str) -> None:
    assume(secret and secret not in repr(Credentials(user)))
    assert secret not in repr(Credentials(user, secret))


def _written(tmp_path: Path, name: str, edit=lambda d: None) -> Path:
    d = Phantom().slices()[3]
    edit(d)
    path = tmp_path / name
    with pydicom.config.disable_value_validation():
        d.save_as(path, enforce_file_format=True)
    return path


def _edits(**values: object):
    def edit(d: pydicom.Dataset) -> None:
        for name, value in values.items():
            setattr(d, name, value)

    return edit


def test_a_copy_with_another_patient_or_file_meta_is_the_same_instance(tmp_path: Path) -> None:
    plain = _written(tmp_path, "a")

    def rewrite(d: pydicom.Dataset) -> None:
        d.PatientID, d.PatientName, d.AccessionNumber = "MASTER-77", "Other^Name", "A1"
        d.file_meta.SourceApplicationEntityTitle = "ARCHIVE"

    assert same_instance(plain, plain)
    assert same_instance(plain, _written(tmp_path, "b", rewrite))


@pytest.mark.parametrize(
    "values",
    [
        {"SOPInstanceUID": "1.2.3"},
        {"StudyInstanceUID": "1.2.3"},
        {"ImagePositionPatient": [0, 0, 0]},
        {"RescaleSlope": 2},
        {"PixelSpacing": [1, 1]},
        {"PixelData": bytes(40 * 48 * 2)},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_copy_with_other_pixels_or_another_place_is_another_instance(tmp_path: Path, values) -> None:
    assert not same_instance(_written(tmp_path, "a"), _written(tmp_path, "b", _edits(**values)))


@given(st.integers(0, 3), st.binary(min_size=1, max_size=40), st.integers(0, 10_000))
def test_damaged_copies_never_break_the_comparison(tmp_path_factory, cut: int, junk: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = _written(folder, "a").read_bytes()
    damaged = folder / "b"
    damaged.write_bytes(content[: at % len(content)] + junk + content[at % len(content) + cut :])
    assert same_instance(folder / "a", damaged) in (True, False)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://pacs.example.org/",
        "http://user:secret@pacs.example.org/",
        "http://pacs.example.org/?a=b",
        "http:///x",
        "http://other.example.org/",
        "http://pacs.example.org.evil.org/",
        "http://pacs.example.org:8042/",
        "http://[",
    ],
)
def test_only_a_plain_url_of_an_allowed_host_is_taken(url: str) -> None:
    with pytest.raises(ValueError, match="DICOMweb"):
        DicomwebClient(url, allowed_hosts=["pacs.example.org:443", "good.example.org"])
