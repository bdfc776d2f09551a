"""Uploads by gRPC and by STOW-RS, through the real gateway and the real imaging servicer, into a real folder."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pydicom
import pytest

from support.dicom_factory import SERIES, STUDY, Phantom, save
from support.gateway_served import Served, served
from support.imaging_client import pieces
from support.small_disk import small_disk
from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast.imaging.v1 import imaging_service_pb2_grpc as pb_grpc
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import ResourceExhausted, StudyNotFound
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.servicer import ImagingServicer

CT = str(pydicom.uid.CTImageStorage)
MULTIPART = 'multipart/related; type="application/dicom"; boundary=b'
JSON = {"accept": "application/json"}


@dataclass
class Doors:
    """Both ways in."""

    stub: Any
    gateway: Served

    async def upload(self, files: list[bytes], study: str = "") -> pb.UploadStudyResponse:
        named = [(str(k), content) for k, content in enumerate(files)]
        stream = _of_study(pieces(named), study)
        return await rpc.call(self.stub.UploadStudy, stream, Deadline.after(30), service="imaging")

    async def stow(self, files: list[bytes], study: str = "", **headers: str) -> httpx.Response:
        parts = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
        return await self.post(parts + b"--b--\r\n", study, **headers)

    async def post(self, body: Any, study: str = "", kind: str = MULTIPART, **headers: str) -> httpx.Response:
        path = f"/dicomweb/studies/{study}" if study else "/dicomweb/studies"
        return await self.gateway.http.post(path, content=body, headers={"content-type": kind, **headers})


async def _of_study(stream: AsyncIterator[pb.UploadStudyRequest], study: str) -> AsyncIterator[pb.UploadStudyRequest]:
    async for piece in stream:
        if piece.HasField("file"):
            piece.file.study_instance_uid = study
        yield piece


@asynccontextmanager
async def doors(store: FolderStudyStore) -> AsyncIterator[Doors]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    pb_grpc.add_ImagingServiceServicer_to_server(ImagingServicer(store, []), server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        async with grpc.aio.insecure_channel(target) as channel, served(imaging_target=target) as gateway:
            yield Doors(pb_grpc.ImagingServiceStub(channel), gateway)
    finally:
        await server.stop(0)


def with_doors(store: FolderStudyStore, talk: Callable[[Doors], Awaitable[None]]) -> None:
    async def main() -> None:
        async with doors(store) as both:
            await talk(both)

    asyncio.run(main())


@pytest.fixture
def store(tmp_path: Path) -> FolderStudyStore:
    return FolderStudyStore(tmp_path / "store", min_free_bytes=0)


@pytest.fixture
def files(tmp_path: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Phantom().write(tmp_path / "in").iterdir())]


def uid(content: bytes) -> str:
    return str(pydicom.dcmread(pydicom.filebase.DicomBytesIO(content), specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def other(content: bytes) -> bytes:
    return content[:-2] + b"\1\1"


def told(answer: httpx.Response) -> pydicom.Dataset:
    """A Store Instances Response as pydicom reads it."""
    return pydicom.Dataset.from_json(answer.json())


def test_every_stored_instance_is_told_by_its_uids(store: FolderStudyStore, files: list[bytes]) -> None:
    async def talk(both: Doors) -> None:
        answer = await both.upload(files)
        found = [(u.sop_class_uid, u.sop_instance_uid, u.study_instance_uid) for u in answer.uploaded]
        assert found == [(CT, uid(file), STUDY) for file in files]
        assert answer.studies[0].instances == len(files)
        again = await both.upload(files)
        assert again == answer

    with_doors(store, talk)
    assert sorted(path.read_bytes() for path in store.files(STUDY)) == sorted(files)


def test_a_refusal_says_which_instance_as_far_as_it_is_known(store: FolderStudyStore, files: list[bytes]) -> None:
    async def talk(both: Doors) -> None:
        await both.upload(files[:1])
        answer = await both.upload([other(files[0]), b"Not an image.", files[1]])
        assert [(r.position, r.code, r.sop_class_uid, r.sop_instance_uid) for r in answer.refusals] == [
            (0, "INSTANCE_CONFLICT", CT, uid(files[0])),
            (1, "NOT_DICOM", "", ""),
        ]
        assert [u.sop_instance_uid for u in answer.uploaded] == [uid(files[1])]

    with_doors(store, talk)


def test_stow_tells_stored_and_refused_instances_as_the_standard_says(
    store: FolderStudyStore, files: list[bytes]
) -> None:
    async def talk(both: Doors) -> None:
        assert (await both.stow(files[:1])).status_code == 200
        answer = await both.stow([files[0], files[1], other(files[0]), b"Not an image."])
        assert (answer.status_code, answer.headers["content-type"]) == (202, "application/dicom+json")
        module = told(answer)
        assert module["RetrieveURL"].is_empty  # type 2; there is no such route
        referenced = [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in module.ReferencedSOPSequence]
        assert referenced == [(CT, uid(files[0])), (CT, uid(files[1]))]
        assert all(item["RetrieveURL"].is_empty for item in module.ReferencedSOPSequence)
        (failed,) = module.FailedSOPSequence
        assert (failed.ReferencedSOPClassUID, failed.ReferencedSOPInstanceUID) == (CT, uid(files[0]))
        assert failed.FailureReason == 0x0111
        assert [item.FailureReason for item in module.OtherFailuresSequence] == [0xC000]

        whole = await both.stow(files)
        assert whole.status_code == 200
        assert len(told(whole).ReferencedSOPSequence) == len(files)
        assert not {"FailedSOPSequence", "OtherFailuresSequence"} & set(told(whole).dir())

        none = await both.stow([other(files[0])])
        assert (none.status_code, "ReferencedSOPSequence" in told(none)) == (409, False)

    with_doors(store, talk)
    assert sorted(path.read_bytes() for path in store.files(STUDY)) == sorted(files)


def test_instances_of_another_study_than_the_path_names_fail_one_by_one(
    tmp_path: Path, store: FolderStudyStore, files: list[bytes]
) -> None:
    stranger = next(iter(Phantom(study="1.2.3", series="1.2.4").write(tmp_path / "else").iterdir())).read_bytes()

    async def talk(both: Doors) -> None:
        answer = await both.stow([files[0], stranger, files[1]], STUDY)
        assert answer.status_code == 202
        assert [item.FailureReason for item in told(answer).FailedSOPSequence] == [0xA901]
        assert len(told(answer).ReferencedSOPSequence) == 2
        assert (await both.stow([stranger], STUDY)).status_code == 409
        refused = (await both.stow([stranger], STUDY, **JSON)).json()["refusals"]
        assert [r["code"] for r in refused] == ["STUDY_MISMATCH"]
        for bad, status in (("..%2f..", 404), ("a.b", 400), ("1" * 65, 400), ("1.2%0a", 400)):
            assert (await both.stow(files[:1], bad)).status_code == status
        assert (await both.upload([stranger], STUDY)).refusals[0].code == "STUDY_MISMATCH"

    with_doors(store, talk)
    with pytest.raises(StudyNotFound):
        store.files("1.2.3")


@pytest.mark.parametrize(
    "kind",
    [
        "application/dicom",
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
        "Application/DICOM",
    ],
)
def test_a_body_that_is_one_file_is_stored(store: FolderStudyStore, files: list[bytes], kind: str) -> None:
    async def talk(both: Doors) -> None:
        answer = await both.post(files[0], STUDY, kind)
        assert (answer.status_code, len(told(answer).ReferencedSOPSequence)) == (200, 1)
        assert (await both.post(b"Not an image.", "", kind)).status_code == 409
        assert (await both.post(b"", "", kind)).status_code == 422

    with_doors(store, talk)
    assert [path.read_bytes() for path in store.files(STUDY)] == files[:1]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1", "boundary=b"),
        (b"Content-Type: application/dicom", "transfer-syntax=*; boundary=b"),
        (b"Content-Type: application/octet-stream\r\nContent-Location: x", 'start="<1>"; boundary="b"'),
        (b"content-type:application/dicom\r\nContent-ID: <1>", "boundary=b; charset=utf-8"),
    ],
)
def test_what_else_stands_in_the_headers_changes_nothing(
    store: FolderStudyStore, files: list[bytes], header: bytes, kind: str
) -> None:
    async def talk(both: Doors) -> None:
        body = b"\r\n--b\r\n" + header + b"\r\n\r\n" + files[0] + b"\r\n--b--\r\nepilogue"
        answer = await both.post(body, "", f'multipart/related; type="application/dicom"; {kind}')
        assert answer.status_code == 200, answer.text

    with_doors(store, talk)
    assert [path.read_bytes() for path in store.files(STUDY)] == files[:1]


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ('multipart/related; type="application/dicom+json"; boundary=b', {}),
        ("application/octet-stream", {}),
        ("", {}),
        ("application/dicom", {"content-encoding": "gzip"}),
    ],
)
def test_another_kind_of_body_is_415(
    store: FolderStudyStore, files: list[bytes], kind: str, headers: dict[str, str]
) -> None:
    async def talk(both: Doors) -> None:
        assert (await both.post(files[0], "", kind, **headers)).status_code == 415

    with_doors(store, talk)


def test_a_disk_that_fills_ends_the_upload_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    written = sorted(Phantom(shape=(12, 256, 256)).write(tmp_path / "in").iterdir())  # 131 KB each
    files = [path.read_bytes() for path in written]
    with small_disk(tmp_path / "disk", size_mib=2) as disk:
        store = FolderStudyStore(disk / "store", min_free_bytes=0)
        ballast = disk / "ballast"

        async def talk(both: Doors) -> None:
            acknowledged = {u.sop_instance_uid for u in (await both.upload(files[:2])).uploaded}
            assert (await both.stow(files[2:3])).status_code == 200
            acknowledged.add(uid(files[2]))
            ballast.write_bytes(bytes(1 << 20))

            with pytest.raises(ResourceExhausted, match="full"):
                await both.upload(files)
            answer = await both.stow(files)
            assert (answer.status_code, answer.json()["code"]) == (503, "RESOURCE_EXHAUSTED")
            assert answer.json()["status"] == 503
            assert answer.headers["retry-after"]

            seen = {path.stem: path.read_bytes() for path in store.files(STUDY)}
            assert acknowledged <= set(seen)
            assert len(seen) < 12
            assert set(seen.values()) <= set(files)
            assert not list((disk / "store" / ".incoming").iterdir())

            ballast.unlink()
            assert len((await both.upload(files)).uploaded) == 12
            assert (await both.stow(files)).status_code == 200

        with_doors(store, talk)
        assert sorted(path.read_bytes() for path in store.files(STUDY)) == sorted(files)


def test_a_caller_that_hangs_up_mid_file_leaves_the_files_before_and_nothing_half(
    tmp_path: Path, store: FolderStudyStore, files: list[bytes]
) -> None:
    async def half() -> AsyncIterator[pb.UploadStudyRequest]:
        async for piece in pieces([("whole", files[0])]):
            yield piece
        yield pb.UploadStudyRequest(file=pb.UploadFile())
        yield pb.UploadStudyRequest(chunk=files[1][:-50])
        await asyncio.sleep(60)

    async def half_a_body() -> AsyncIterator[bytes]:
        yield b"--b\r\n\r\n" + files[2] + b"\r\n--b\r\n\r\n" + files[3][:-50]
        await asyncio.sleep(60)

    async def talk(both: Doors) -> None:
        call = both.stub.UploadStudy(half())
        await asyncio.sleep(0.5)
        call.cancel()
        post = asyncio.create_task(both.post(half_a_body()))
        await asyncio.sleep(0.5)
        post.cancel()
        await asyncio.sleep(0.5)
        found = [path.read_bytes() for path in store.files(STUDY)]
        assert sorted(found) == sorted([files[0], files[2]])
        assert not list((tmp_path / "store" / ".incoming").iterdir())

    with_doors(store, talk)


def test_uploads_of_one_study_at_once_by_both_doors_store_each_instance_once(
    store: FolderStudyStore, files: list[bytes]
) -> None:
    async def talk(both: Doors) -> None:
        await asyncio.gather(*(both.upload(files) for _ in range(3)), *(both.stow(files) for _ in range(3)))

    with_doors(store, talk)
    assert sorted(path.read_bytes() for path in store.files(STUDY)) == sorted(files)


def test_of_two_different_series_under_the_same_uids_one_wins_each_instance(
    tmp_path: Path, store: FolderStudyStore, files: list[bytes]
) -> None:
    twin = [path.read_bytes() for path in sorted(Phantom(pixel_seed=2).write(tmp_path / "twin").iterdir())]

    async def talk(both: Doors) -> None:
        answers = await asyncio.gather(both.upload(files), both.upload(twin))
        assert sum(len(a.uploaded) for a in answers) == len(files)
        assert {r.code for a in answers for r in a.refusals} == {"INSTANCE_CONFLICT"}
        for answer, sent in zip(answers, (files, twin), strict=True):
            of = {uid(content): content for content in sent}
            for stored in answer.uploaded:
                path = store.files(STUDY)[0].with_name(f"{stored.sop_instance_uid}.dcm")
                assert path.read_bytes() == of[stored.sop_instance_uid]

    with_doors(store, talk)


def test_a_segmentation_is_told_with_its_study(tmp_path: Path, store: FolderStudyStore) -> None:
    folder = tmp_path / "seg"
    folder.mkdir()
    save(Phantom().segmentation(), folder / "seg.dcm")

    async def talk(both: Doors) -> None:
        answer = (await both.stow([(folder / "seg.dcm").read_bytes()], **JSON)).json()
        assert answer["studies"][0]["segmentation_uids"] == [f"{SERIES}.900"]

    with_doors(store, talk)
