"""What answers have in common."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel

from tumorcast_gateway.rest.negotiation import JSON


def json(answer: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as JSON."""
    return Response(answer.model_dump_json(), status, headers, JSON)


def link_of_next(request: Request, token: str) -> dict[str, str]:
    """The ``Link`` header to the next page of a list (RFC 8288); none on the last."""
    if not token:
        return {}
    query = urlencode({**request.query_params, "page_token": token})
    return {"link": f'<{request.url.path}?{query}>; rel="next"'}
