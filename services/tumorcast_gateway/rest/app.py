"""Puts the routes together."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

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
    schema = openapi(app, door.settings.auth != "none")
    app.openapi = lambda: schema  # type: ignore[method-assign]
    app.state.query_parameters = query_parameters(schema)
    return app
