"""The body of a batch."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from tumorcast_api.bodies.examples import EXAMPLE
from tumorcast_api.bodies.query import PrognosisBody
from tumorcast_api.bodies.strict import Strict

MAX_QUERIES = 1_000
JOB_EXAMPLE: dict[str, Any] = {
    "queries": [EXAMPLE, {"model": "simulated", "features": [{"name": "albumin", "number": 3.1, "unit": "g/dL"}]}]
}


class JobBody(Strict):
    """Many queries, answered in the background."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB_EXAMPLE]})

    queries: tuple[PrognosisBody, ...] = Field(
        description="each as for POST /v1/prognoses",
        json_schema_extra={"minItems": 1, "maxItems": MAX_QUERIES},
    )
