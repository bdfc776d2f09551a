"""Puts the routes together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

from tumorcast_gateway.rest import (
    cds,
    deprecated,
    fhir_operation,
    fhir_reading,
    fhir_write_back,
    health,
    jobs,
    kinds,
    models,
    patients,
    problems,
    prognoses,
    remarks,
    security,
    smart_configuration,
    studies,
)
from tumorcast_gateway.rest.boundary import Boundary
from tumorcast_gateway.rest.door import Door
from tumorcast_gateway.rest.openapi import openapi, query_parameters

RESOURCES = (
    prognoses,
    remarks,
    models,
    studies,
    jobs,
    patients,
    health,
    smart_configuration,
    deprecated,
    fhir_operation,
    fhir_reading,
    fhir_write_back,
    cds,
)


def make_rest(door: Door) -> FastAPI:
    """Make the REST application. OpenAPI is at ``/openapi.json``; there is no docs page, as FastAPI's needs a CDN."""
    app = FastAPI(
        title="Tumorcast",
        version=version("tumorcast"),
        summary="Prognosis from images, records and notes. Research software: not for care.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for resource in RESOURCES:
        app.include_router(resource.routes(door))
    app.include_router(kinds.routes())
    problems.install(app)
    security.install(app, door.guard, door.settings)
    app.add_middleware(Boundary)
    routes = frozenset((route.path, *sorted(route.methods or ())) for route in app.routes if isinstance(route, Route))
    schema = _schema(_Described(app, door.settings.auth != "none", routes))
    app.openapi = lambda: schema  # type: ignore[method-assign]
    app.state.query_parameters = query_parameters(schema)
    return app


@dataclass(frozen=True)
class _Described:
    """An application as far as its OpenAPI goes: of the same routes, with or without callers."""

    app: FastAPI = field(compare=False)
    secured: bool
    routes: frozenset[tuple[str, ...]]


@lru_cache(maxsize=4)
def _schema(described: _Described) -> dict[str, Any]:
    """The OpenAPI document, made once: it takes a third of a second."""
    return openapi(described.app, described.secured)
