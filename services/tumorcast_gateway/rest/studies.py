"""``POST /dicomweb/studies[/{study}]``: STOW-RS (DICOM PS3.18 section 10.5), streamed to the imaging service."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import Field

from tumorcast_api.answers import Answer
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import MalformedRequest, NoInput, PayloadTooLarge, ResourceExhausted
from tumorcast_gateway.model import Piece, Upload
from tumorcast_gateway.rest import problems
from tumorcast_gateway.rest.body import check_length
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.multipart import Body, body_files
from tumorcast_gateway.rest.negotiation import DICOM_JSON, JSON, deadline, media_type
from tumorcast_gateway.rest.stow import store_instances_response

_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(\.[0-9]+)*")
_BODY = {
    "required": True,
    "content": {
        'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}},
        "application/dicom": {"schema": {"type": "string", "format": "binary"}},
    },
}
_CONTENT = {
    DICOM_JSON: {"schema": {"type": "object", "description": "Store Instances Response Module (PS3.18 Annex I)"}}
}


class UploadedStudyAnswer(Answer):
    """A study that received instances."""

    study_instance_uid: str = Field(description="for `timepoints[].study_instance_uid` of a query")
    instances: int = Field(description="instances stored by this upload, including those that were there already")
    segmentation_uids: list[str] = Field(description="SOP instance UIDs of segmentations among them")
    date: str = Field(description="study date, ISO 8601; empty: none")


class UploadRefusalAnswer(Answer):
    """A file that was not stored."""

    position: int = Field(description="part of the body, from 0")
    code: str = Field(description="stable reason code")
    message: str


class UploadAnswer(Answer):
    """What became of an upload."""

    studies: list[UploadedStudyAnswer]
    refusals: list[UploadRefusalAnswer]


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "everything was stored", "content": _CONTENT},
    202: {"description": "some files were refused", "content": _CONTENT, "model": UploadAnswer},
    409: {"description": "every file was refused", "content": _CONTENT, "model": UploadAnswer},
    503: {"description": "the store is full; none of the files is acknowledged, send them again later"},
}


def routes(door: Door) -> APIRouter:
    """Make the route."""
    router = APIRouter(tags=["studies"])
    max_bytes, longest_s = door.settings.max_upload_mib << 20, door.settings.upload_deadline_s

    async def store(request: Request, study: str = "") -> Response:
        form = media_type(request, (DICOM_JSON, JSON))
        time = deadline(request, longest_s)
        files = body_files(request.headers.get("content-type", ""), study)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise HTTPException(415, "The body must come without content encoding.")
        check_length(request, max_bytes)
        with door.admission.one():
            try:
                upload = await door.uploads.upload_study(_pieces(request, files, max_bytes, time), time)
            except ResourceExhausted as e:  # 503, not 429: it is not this caller who sends too much
                return problems.answer(request, e, 503)
        return _answer(upload, form)

    how: dict[str, Any] = {"response_model": UploadAnswer, "responses": _RESPONSES}

    @router.post(
        "/dicomweb/studies", **how, openapi_extra={"requestBody": _BODY}, summary="Store DICOM files (STOW-RS)"
    )
    async def store_any(request: Request) -> Response:
        return await store(request)

    @router.post(
        "/dicomweb/studies/{study}",
        **how,
        openapi_extra={"requestBody": _BODY},
        summary="Store DICOM files of one study (STOW-RS)",
    )
    async def store_one(request: Request, study: str) -> Response:
        if not _UID.fullmatch(study):
            raise MalformedRequest("The study in the path is not a DICOM UID.")
        return await store(request, study)

    return router


def _answer(upload: Upload, form: str) -> Response:
    if not (upload.studies or upload.refusals):
        raise NoInput("The body holds no files.")
    status = 200 if not upload.refusals else 202 if upload.studies else 409
    if form == JSON:
        return Response(UploadAnswer.model_validate(upload).model_dump_json(), status, media_type=JSON)
    return Response(store_instances_response(upload), status, media_type=DICOM_JSON)


async def _pieces(request: Request, files: Body, max_bytes: int, time: Deadline) -> AsyncIterator[Piece]:
    """Pieces as they arrive; never more than the limit, never without the closing boundary."""
    size = 0
    async for data in request.stream():
        size += len(data)
        if size > max_bytes:
            raise PayloadTooLarge
        time.check()
        for piece in files.feed(data):
            yield piece
    files.finish()
