"""``/v1/studies`` and ``/dicomweb/studies[/{study}]`` (STOW-RS, DICOM PS3.18 section 10.5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from tumorcast_api.answers import StudyAnswer, UploadAnswer
from tumorcast_core.errors import NoInput, ResourceExhausted, StudyNotFound, UnsoundSeries
from tumorcast_gateway.model import Stored
from tumorcast_gateway.rest import problems
from tumorcast_gateway.rest.answering import json
from tumorcast_gateway.rest.describing import OF_BODIES, PREFER, SENT_TO_CALLERS, operation
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.negotiation import DICOM_JSON, JSON, deadline, media_type
from tumorcast_gateway.rest.parameters import Asker, StudyId, documented
from tumorcast_gateway.rest.stow import store_instances_response
from tumorcast_gateway.rest.uploading import BODY, status_of, stored

UID = r"^[0-9]+(\.[0-9]+)*$"
_STOW = {DICOM_JSON: {"schema": {"type": "object", "description": "Store Instances Response Module (PS3.18 Annex I)"}}}
_Study = Annotated[
    str, Path(pattern=UID, max_length=64, description="Study Instance UID; files of another study are refused")
]


def _uploading(name: str, summary: str, content: dict[str, Any], all_stored: int = 200) -> dict[str, Any]:
    """What a route that takes files is given."""
    headers = ("Location",) if all_stored == 201 else ()
    route = operation(
        name,
        summary,
        UploadAnswer,
        *SENT_TO_CALLERS,
        *OF_BODIES,
        NoInput,
        status=all_stored,
        description="everything was stored",
        headers=headers,
        content=content,
    )
    route["responses"] |= {
        202: {"description": "some files were refused", "content": content, "model": UploadAnswer},
        409: {"description": "every file was refused", "content": content, "model": UploadAnswer},
    }
    route["openapi_extra"]["requestBody"] = BODY
    return route


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["studies"], dependencies=[Depends(documented)])
    _own(router, door)
    _dicomweb(router, door)
    return router


def _own(router: APIRouter, door: Door) -> None:
    @router.post("/v1/studies", **_uploading("uploadStudy", "Store DICOM files", {}, 201))
    async def upload(request: Request, caller: Asker) -> Response:
        media_type(request, (JSON,))
        try:
            found = await stored(door, request, caller)
        except ResourceExhausted as e:
            return _full(door, request, e)
        status = status_of(found, 201)
        one = {"location": f"/v1/studies/{found.study_ids[0]}"} if status == 201 and len(found.study_ids) == 1 else {}
        return json(UploadAnswer.of(found), status, one)

    @router.get(
        "/v1/studies/{study_id}",
        **operation(
            "getStudy",
            "Read one stored study: lesions and measurements",
            StudyAnswer,
            *SENT_TO_CALLERS,
            StudyNotFound,
            UnsoundSeries,
            parameters=(PREFER,),
        ),
    )
    async def get(request: Request, caller: Asker, study_id: StudyId) -> Response:
        media_type(request, (JSON,))
        time = deadline(request, door.settings.deadline_s)
        return json(StudyAnswer.model_validate(await door.desk.studies.get(caller, study_id, time)))


def _dicomweb(router: APIRouter, door: Door) -> None:
    async def store(request: Request, caller: Asker, study: str = "") -> Response:
        form = media_type(request, (DICOM_JSON, JSON))
        try:
            return _stow(await stored(door, request, caller, study), form)
        except ResourceExhausted as e:
            return _full(door, request, e)

    @router.post("/dicomweb/studies", **_uploading("storeInstances", "Store DICOM files (STOW-RS)", _STOW))
    async def store_any(request: Request, caller: Asker) -> Response:
        return await store(request, caller)

    @router.post(
        "/dicomweb/studies/{study}",
        **_uploading("storeInstancesOfStudy", "Store DICOM files of one study (STOW-RS)", _STOW),
    )
    async def store_one(request: Request, caller: Asker, study: _Study) -> Response:
        return await store(request, caller, study)


def _stow(found: Stored, form: str) -> Response:
    status = status_of(found, 200)
    if form == JSON:
        return json(UploadAnswer.of(found), status)
    return Response(store_instances_response(found.upload), status, media_type=DICOM_JSON)


def _full(door: Door, request: Request, error: ResourceExhausted) -> Response:
    """429 where the gateway is at its limit; 503 where the store is full, for it is not this caller who sends much."""
    at_limit = door.desk.context.admission.refusal is not None
    return problems.answer(request, error, 0 if at_limit else 503)
