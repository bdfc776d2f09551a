"""STOW-RS uploads over real sockets, streamed to an imaging service that remembers every byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pydicom
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.gateway_served import Served, served

MIB = 1 << 20
TYPE = 'multipart/related; type="application/dicom"; boundary="{}"'
COMPACT = {"accept": "application/json"}


def with_gateway(test: Callable[[Served], Awaitable[None]], **how: Any) -> None:
    async def main() -> None:
        async with served(**how) as gateway:
            await test(gateway)

    asyncio.run(main())


def body_of(files: list[bytes], boundary: str = "b") -> bytes:
    parts = b"".join(
        f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + file + b"\r\n" for file in files
    )
    return parts + f"--{boundary}--\r\n".encode()


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def store(gateway: Served, content: Any, boundary: str = "b", **headers: str) -> httpx.Response:
    headers = {"content-type": TYPE.format(boundary), **headers}
    return await gateway.http.post("/dicomweb/studies", content=content, headers=headers)


def test_an_upload_arrives_byte_for_byte_in_chunks_of_at_most_one_mebibyte() -> None:
    files = [b"\0" * 128 + b"DICM" + bytes(range(256)) * 10_000, b"DICM\r\n--", b"DICM" + b"\r\n-b" * 3]

    async def test(gateway: Served) -> None:
        answer = await store(gateway, pieces(body_of(files), 65_521), **COMPACT)
        assert answer.status_code == 200
        told = answer.json()
        assert len(told["studies"][0].pop("study_id")) == 32
        assert told == {
            "studies": [
                {"study_instance_uid": "1.2.3", "instances": 3, "segmentation_uids": ["1.2.3.9"], "date": "2026-03-04"}
            ],
            "refusals": [],
        }
        assert list(map(bytes, gateway.uploads.files)) == files
        assert max(gateway.uploads.chunk_sizes) == MIB

    with_gateway(test)


_boundary = st.text("ABab09'()+_,-./:=?", min_size=1, max_size=70)
_file = st.lists(st.sampled_from([b"\r\n", b"--", b"\r", b"a", b"DICM"]) | st.binary(max_size=9), max_size=8).map(
    b"".join
)


@given(
    st.lists(
        st.tuples(_boundary, st.lists(_file, min_size=1, max_size=3), st.integers(1, 60)), min_size=10, max_size=10
    )
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_files_survive_any_boundary_and_any_packet_size(uploads: list[tuple[str, list[bytes], int]]) -> None:
    async def test(gateway: Served) -> None:
        for boundary, files, size in uploads:
            if any(f"--{boundary}".encode() in file for file in files):
                continue
            answer = await store(gateway, pieces(body_of(files, boundary), size), boundary)
            assert list(map(bytes, gateway.uploads.files)) == files
            stored = [file for file in files if b"DICM" in file]
            assert answer.status_code == (200 if len(stored) == len(files) else 202 if stored else 409)

    assume(any(b"DICM" in file for _, files, _ in uploads for file in files))
    with_gateway(test)


def test_the_standard_answer_is_dicom_json_with_every_instance_and_refusal() -> None:
    async def test(gateway: Served) -> None:
        for accept in ({}, {"accept": "application/dicom+json"}, {"accept": "*/*"}):
            answer = await store(gateway, body_of([b"GIF89a", b"DICM1"]), **accept)
            assert (answer.status_code, answer.headers["content-type"]) == (202, "application/dicom+json")
            told = pydicom.Dataset.from_json(answer.json())
            assert told["RetrieveURL"].is_empty
            (stored,) = told.ReferencedSOPSequence
            assert stored.ReferencedSOPClassUID == pydicom.uid.CTImageStorage
            assert stored.ReferencedSOPInstanceUID == "1.2.3.1"
            assert [item.FailureReason for item in told.OtherFailuresSequence] == [0xC000]

    with_gateway(test)


def test_refusals_are_told_by_position() -> None:
    async def test(gateway: Served) -> None:
        answer = await store(gateway, body_of([b"DICM1", b"GIF89a", b""]), **COMPACT)
        refused = [(r["position"], r["code"]) for r in answer.json()["refusals"]]
        assert (answer.status_code, refused) == (202, [(1, "NOT_DICOM"), (2, "NOT_DICOM")])

    with_gateway(test)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MALFORMED_REQUEST"),
        (b"no multipart at all", "MALFORMED_REQUEST"),
        (body_of([b"DICM"]).removesuffix(b"--\r\n"), "MALFORMED_REQUEST"),
        (body_of([b"DICM"])[:-20], "MALFORMED_REQUEST"),
        (b"--b\r\n" + b"x" * 100_000, "MALFORMED_REQUEST"),
        (b"--b\r\nno colon\r\n\r\nDICM\r\n--b--", "MALFORMED_REQUEST"),
    ],
)
def test_a_body_that_is_not_whole_is_refused_and_the_gateway_goes_on(body: bytes, code: str) -> None:
    async def test(gateway: Served) -> None:
        answer = await store(gateway, body)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert (await store(gateway, body_of([b"DICM"]))).status_code == 200

    with_gateway(test)


def test_an_upload_without_files_is_refused() -> None:
    async def test(gateway: Served) -> None:
        answer = await store(gateway, b"--b--\r\n")
        assert (answer.status_code, answer.json()["code"]) == (422, "NO_INPUT")

    with_gateway(test)


def test_an_upload_over_the_limit_is_refused_with_and_without_a_stated_length() -> None:
    async def test(gateway: Served) -> None:
        body = body_of([b"DICM" + b"\0" * 2 * MIB])
        for content in (body, pieces(body, 65_536)):
            answer = await store(gateway, content)
            assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")

    with_gateway(test, max_upload_mib=1)


def test_without_imaging_an_upload_is_refused_with_a_reason() -> None:
    async def test(gateway: Served) -> None:
        answer = await store(gateway, body_of([b"DICM"]))
        assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")

    with_gateway(test, down=("imaging",))


def test_an_upload_that_stalls_is_given_up_at_its_deadline() -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield body_of([b"DICM"])[:30]
        await asyncio.sleep(1.5)
        yield b"late"

    async def test(gateway: Served) -> None:
        answer = await store(gateway, stalling())
        assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")

    with_gateway(test, upload_deadline_s=0.5)
