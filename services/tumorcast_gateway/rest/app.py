"""Puts the routes together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from tumorcast_api.bodies import PrognosisBody
from tumorcast_gateway.rest import health, models, problems, prognosis, studies
from tumorcast_gateway.rest.boundary import Boundary
from tumorcast_gateway.rest.door import Door

_PROBLEM = {
    "description": "a problem (RFC 9457)",
    "content": {problems.PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def make_rest(door: Door) -> FastAPI:
    """Make the REST application. OpenAPI is at ``/openapi.json``; there is no docs page, as FastAPI's needs a CDN."""
    app = FastAPI(
        title="Tumorcast",
        version=version("tumorcast"),
        summary="Prognosis from images, records and notes. Research software: not for care.",
        docs_url=None,
        redoc_url=None,
    )
    for routes in (prognosis.routes, models.routes, studies.routes, health.routes):
        app.include_router(routes(door))
    problems.install(app)
    app.add_middleware(Boundary)
    schema = _openapi(app)
    app.openapi = lambda: schema  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The schema, with the models that FastAPI does not see since bodies are read and problems made by hand."""
    schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    components = schema["components"]["schemas"]
    for model in (PrognosisBody, problems.Problem):
        own = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components.update(own.pop("$defs", {}))
        components[model.__name__] = own
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # FastAPI's own validation error, which is never sent
            operation["responses"] |= {"4XX": _PROBLEM, "5XX": _PROBLEM}
    return schema
