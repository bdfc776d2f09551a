"""Routes that will go: each says since when, until when, and what takes its place."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from fastapi import APIRouter, Depends, Request, Response

from tumorcast_api.answers import PrognosisAnswer
from tumorcast_api.bodies import PrognosisBody
from tumorcast_gateway.rest.describing import (
    FORMAT,
    OF_KEYS,
    OF_QUERIES,
    OF_RECORDS,
    PREFER,
    SENT_TO_CALLERS,
    operation,
)
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.parameters import Asker, IdempotencyKey, documented
from tumorcast_gateway.rest.prognoses import CONTENT, answered, rendered

POLICY = (
    "What is documented here stays within a version in the path (/v1): fields, parameters, codes and routes may be "
    "added, none is taken away or changes its meaning. What is to go is marked `deprecated` here and answers with "
    "the headers Deprecation (RFC 9745), Sunset (RFC 8594) and Link (successor-version, RFC 5829), for at least 12 "
    "months, before it goes with the next version of the path, which is served beside the old one as long."
)
SINCE = datetime(2026, 11, 22, tzinfo=UTC)
SUNSET = datetime(2027, 12, 1, tzinfo=UTC)


def marks(successor: str) -> dict[str, str]:
    """The headers of a deprecated route.

    >>> marks("/v1/prognoses")["deprecation"]
    '@1795305600'
    """
    return {
        "deprecation": f"@{int(SINCE.timestamp())}",
        "sunset": format_datetime(SUNSET, usegmt=True),
        "link": f'<{successor}>; rel="successor-version"',
    }


def routes(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["prognoses"], dependencies=[Depends(documented)])

    @router.post(
        "/v1/prognosis",
        deprecated=True,
        **operation(
            "createPrognosisDeprecated",
            "As POST /v1/prognoses, with status 200",
            PrognosisAnswer,
            *SENT_TO_CALLERS,
            *OF_QUERIES,
            *OF_KEYS,
            *OF_RECORDS,
            headers=("Deprecation", "Sunset", "Link"),
            content=CONTENT,
            body=PrognosisBody,
            parameters=(FORMAT, PREFER),
        ),
    )
    async def create(request: Request, caller: Asker, idempotency_key: IdempotencyKey = None) -> Response:
        record, form = await answered(door, request, caller, idempotency_key or "")
        return rendered(record, form, headers=marks("/v1/prognoses"))

    return router
