"""A client's view of the imaging service: upload files, encode a study."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from tumorcast.imaging.v1 import imaging_service_pb2 as pb
from tumorcast_core import rpc
from tumorcast_core.deadline import Deadline

CHUNK = 1 << 16


async def pieces(files: Iterable[tuple[str, bytes]], chunk: int = CHUNK) -> AsyncIterator[pb.UploadStudyRequest]:
    """The stream of an upload: each file's start, then its chunks."""
    for label, content in files:
        yield pb.UploadStudyRequest(file=pb.UploadFile(label=label, size_bytes=len(content)))
        for start in range(0, len(content), chunk):
            yield pb.UploadStudyRequest(chunk=content[start : start + chunk])


async def upload(stub: Any, files: Iterable[Path], deadline: Deadline | None = None) -> pb.UploadStudyResponse:
    named = [(path.name, path.read_bytes()) for path in files]
    return await rpc.call(stub.UploadStudy, pieces(named), deadline or Deadline.after(30), service="imaging")


async def encode(
    stub: Any, study: str, deadline: Deadline | None = None, *, idempotent: bool = False, **request: Any
) -> pb.EncodeStudyResponse:
    message = pb.EncodeStudyRequest(timepoint={"role": "baseline", "study_instance_uid": study}, **request)
    deadline = deadline or Deadline.after(30)
    return await rpc.call(stub.EncodeStudy, message, deadline, service="imaging", idempotent=idempotent)
