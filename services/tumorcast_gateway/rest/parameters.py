"""Parameters of paths, queries and headers: checked against what OpenAPI says of them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from annotated_types import Ge, Le
from fastapi import Depends, Header, Path, Query, Request
from pydantic import BeforeValidator

from tumorcast_core.errors import MalformedRequest
from tumorcast_gateway.model import Caller
from tumorcast_gateway.model.records import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PageRequest
from tumorcast_gateway.rest.security import caller_of

OPAQUE = r"^[0-9a-f]{32}$"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
KEY = r"^[!-~]([ -~]{0,253}[!-~])?$"


def _plain_integer(value: Any) -> Any:
    """Only digits are a number here: pydantic would read ``1_0`` and `` 10``, too."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("Input should be a valid integer")
    return value


Asker = Annotated[Caller, Depends(caller_of)]
PrognosisId = Annotated[str, Path(pattern=OPAQUE, description="opaque id of the prognosis")]
StudyId = Annotated[str, Path(pattern=OPAQUE, description="opaque id of the study, as its upload answered it")]
JobId = Annotated[str, Path(pattern=OPAQUE, description="opaque id of the job")]
PatientKey = Annotated[str, Path(pattern=OPAQUE, description="opaque id of the patient, by POST /v1/patients/search")]
ModelName = Annotated[str, Path(pattern=MODEL_NAME, description="name of the model")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=KEY,
        description="a key of yours, without patient data, under which a repeated request gets the first answer and "
        "makes nothing again (draft-ietf-httpapi-idempotency-key-header)",
    ),
]
_Size = Annotated[
    int,
    Ge(1),
    Le(MAX_PAGE_SIZE),
    BeforeValidator(_plain_integer),
    Query(description="results wanted at most"),
]
_Token = Annotated[str, Query(description="`next_page_token` of the page before; empty: the first page")]


def _page(page_size: _Size = DEFAULT_PAGE_SIZE, page_token: _Token = "") -> PageRequest:
    return PageRequest(page_size, page_token)


Paging = Annotated[PageRequest, Depends(_page)]


def documented(request: Request) -> None:
    """Refuse query parameters that the route does not have, or that stand twice; ``_format`` any route may have.

    Raises ``MalformedRequest`` without their names, which are the caller's text.
    """
    known: dict[tuple[str, str], frozenset[str]] = request.app.state.query_parameters
    names = [name for name, _ in request.query_params.multi_items()]
    if set(names) - known[request.method, request.scope["route"].path_format]:
        raise MalformedRequest("There is a query parameter that is not known.")
    if len(set(names)) < len(names):
        raise MalformedRequest("A query parameter stands twice.")
