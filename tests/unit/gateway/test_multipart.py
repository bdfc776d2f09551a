"""A multipart body cut into files."""

import pytest
from fastapi import HTTPException
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tumorcast_core.errors import MalformedRequest
from tumorcast_gateway.model import MAX_CHUNK_BYTES, FileStart, Piece
from tumorcast_gateway.rest.multipart import Files, OneFile, body_files, boundary_of

BOUNDARY = b"b-o"
_content = st.lists(
    st.sampled_from(
        [
            b"\r",
            b"\n",
            b"-",
            b"--",
            b"\r\n",
            b"\r\n-",
            b"\r\n--",
            b"\r\n--b",
            b"\r\n--b-",
            b"b-o",
            b"--b-o",
            b" ",
            b"\0",
        ]
    )
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)


def body_of(files: list[bytes]) -> bytes:
    parts = b"".join(b"--b-o\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
    return parts + b"--b-o--\r\n"


def cut(body: bytes, lengths: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for length in lengths:
        pieces.append(body[at : at + length])
        at += length
    return [*pieces, body[at:]]


def feed(pieces: list[bytes]) -> list[Piece]:
    files = Files(BOUNDARY)
    found = [piece for data in pieces for piece in files.feed(data)]
    files.finish()
    return found


def files_in(pieces: list[Piece]) -> list[bytes]:
    files: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, FileStart):
            assert piece.label == str(len(files))
            files.append(b"")
        else:
            assert 0 < len(piece) <= MAX_CHUNK_BYTES
            files[-1] += piece
    return files


@given(st.lists(_content, min_size=1, max_size=4), st.lists(st.integers(0, 40), max_size=20))
@example([b"", b"\r\n--b-", b"\r\n--b\r\n"], [1] * 200)
def test_files_come_out_byte_for_byte_however_the_body_is_cut(files: list[bytes], lengths: list[int]) -> None:
    assume(not any(b"\r\n--" + BOUNDARY in b"\r\n" + file + b"\r\n--" for file in files))
    assert files_in(feed(cut(body_of(files), lengths))) == files


def test_a_large_file_comes_in_chunks_of_one_mebibyte() -> None:
    file = bytes(range(256)) * 4096 * 3 + b"end"
    pieces = feed([body_of([file])])
    assert [len(piece) for piece in pieces[1:]] == [MAX_CHUNK_BYTES] * 3 + [3]
    assert files_in(pieces) == [file]


@given(st.binary(max_size=80) | _content, st.lists(st.integers(0, 20), max_size=5))
def test_any_other_body_is_refused_and_never_breaks(body: bytes, lengths: list[int]) -> None:
    assume(b"--" + BOUNDARY not in body)
    with pytest.raises(MalformedRequest):
        feed(cut(body, lengths))


@given(st.integers(1, 200))
def test_a_body_cut_short_is_refused(missing: int) -> None:
    body = body_of([b"DICM" * 10, b"more"]).removesuffix(b"--\r\n")
    with pytest.raises(MalformedRequest):
        feed([body[:-missing]])


@pytest.mark.parametrize(
    "content_type",
    ["", "application/dicom+json", "multipart/form-data; boundary=b", "multipart/related; boundary=b",
     "multipart/related; type=application/dicom+json; boundary=b"],
)  # fmt: skip
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(HTTPException) as caught:
        boundary_of(content_type)
    assert caught.value.status_code == 415


@pytest.mark.parametrize("boundary", ['=""', f"={'x' * 71}", '="é"', "*=utf-8''x"])
def test_an_unsound_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(MalformedRequest):
        boundary_of(f'multipart/related; type="application/dicom"; boundary{boundary}')


def test_the_boundary_is_read_with_and_without_quotes() -> None:
    assert boundary_of('multipart/related; type=application/dicom; boundary="a b"') == b"a b"
    assert boundary_of('Multipart/Related; boundary=ab; type="Application/DICOM"') == b"ab"


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 40), max_size=10))
def test_a_body_that_is_one_file_comes_out_byte_for_byte(content: bytes, lengths: list[int]) -> None:
    body = body_files("application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", "1.2")
    found = [piece for data in cut(content, lengths) for piece in body.feed(data)]
    body.finish()
    assert found[0] == FileStart("0", "1.2")
    assert files_in(found) == [content]


def test_an_empty_body_is_no_file_and_a_large_one_comes_in_chunks() -> None:
    assert OneFile().feed(b"") == []
    assert [len(piece) for piece in OneFile().feed(bytes(2 * MAX_CHUNK_BYTES + 3))[1:]] == [MAX_CHUNK_BYTES] * 2 + [3]


def test_every_file_of_a_body_carries_the_study_of_the_path() -> None:
    files = body_files('multipart/related; type="application/dicom"; boundary=b-o', "1.2.3")
    assert [piece for piece in files.feed(body_of([b"x", b"y"])) if isinstance(piece, FileStart)] == [
        FileStart("0", "1.2.3"),
        FileStart("1", "1.2.3"),
    ]
