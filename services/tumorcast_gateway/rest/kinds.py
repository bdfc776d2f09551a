"""``GET /problems`` and ``GET /problems/{code}``: where the ``type`` of a problem leads."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from tumorcast_api.problem import ProblemKind, ProblemKinds, problem_type
from tumorcast_core import errors
from tumorcast_core.errors import NotFound, TumorcastError, all_errors
from tumorcast_core.status import wire_status
from tumorcast_gateway.rest.describing import SENT_TO_ALL, operation
from tumorcast_gateway.rest.negotiation import JSON, media_type
from tumorcast_gateway.rest.parameters import documented

HTTP_ONLY = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
"""What HTTP itself refuses; ``NOT_FOUND`` stands in the error tree."""


def kinds() -> list[ProblemKind]:
    """Every kind of problem, parents first."""
    return [*map(_of_error, all_errors()), *map(_of_http, HTTP_ONLY)]


def routes() -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["problems"], dependencies=[Depends(documented)])
    known = {kind.code: kind for kind in kinds()}

    @router.get(
        "/problems",
        **operation("listProblems", "List every reason code", ProblemKinds, *SENT_TO_ALL, parameters=()),
    )
    async def list_problems(request: Request) -> Response:
        media_type(request, (JSON,))
        return Response(ProblemKinds(problems=list(known.values())).model_dump_json(), media_type=JSON)

    @router.get(
        "/problems/{code}",
        **operation("getProblem", "Describe one reason code", ProblemKind, *SENT_TO_ALL, NotFound, parameters=()),
    )
    async def get_problem(
        code: Annotated[str, Path(pattern="^[A-Z_]{1,64}$", description="reason code")], request: Request
    ) -> Response:
        media_type(request, (JSON,))
        if code not in known:
            raise NotFound("There is no reason code of that name.")
        return Response(known[code].model_dump_json(), media_type=JSON)

    return router


def _of_error(error: type[TumorcastError]) -> ProblemKind:
    status = wire_status(error)
    parents = [p.reason for p in error.__mro__[1:] if issubclass(p, TumorcastError) and p is not TumorcastError]
    return ProblemKind(
        type=problem_type(error.reason),
        code=error.reason,
        title=error.default_message,
        http_status=status.http_status,
        grpc_status=status.grpc_code.name,
        fhir_issue=status.fhir_issue,
        parents=parents,
        retry=error.retry_after_s is not None or issubclass(error, errors.IdempotencyKeyInUse),
    )


def _of_http(status: HTTPStatus) -> ProblemKind:
    return ProblemKind(
        type=problem_type(status.name),
        code=status.name,
        title=status.phrase,
        http_status=status.value,
        grpc_status="",
        fhir_issue="not-supported",
        parents=[],
        retry=False,
    )
