"""Every answer over REST equals its gRPC twin, field by field."""

from __future__ import annotations

import re

from support.twin_world import in_world
from support.twins import (
    TWINS,
    World,
    of_grpc,
    of_rest,
)
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb

ONLY_OVER_GRPC = {"ScoreCohort"}
"""A stream of answers with progress, which JSON over HTTP has not; jobs are its twin."""
ONLY_OVER_REST = {"storeInstances", "storeInstancesOfStudy", "createPrognosisDeprecated"}
"""DICOMweb's own forms of uploadStudy, and the old name of createPrognosis."""
OURS = {"prognoses", "feedback", "outcomes", "models", "studies", "jobs", "patients"}
"""Tags of operations that are ours alone; the others are other standards' (FHIR, CDS Hooks) or about this server."""


def test_every_operation_has_a_method_and_every_method_an_operation() -> None:
    async def test(w: World) -> None:
        paths = (await w.gateway.http.get("/openapi.json")).json()["paths"].values()
        operations = {
            operation["operationId"]
            for path in paths
            for operation in path.values()
            if isinstance(operation, dict) and OURS & set(operation.get("tags", ()))
        }
        methods = {method.name for method in pb.DESCRIPTOR.services_by_name["PrognosisService"].methods}
        named = {re.sub(r"^[A-Z]", lambda first: first[0].lower(), method) for method in methods - ONLY_OVER_GRPC}
        assert operations - ONLY_OVER_REST == named == set(TWINS)

    in_world(test)


def test_every_answer_over_rest_equals_its_grpc_twin() -> None:
    async def test(w: World) -> None:
        for name, twin in TWINS.items():
            answer = await twin.rest(w)
            assert answer.is_success, (name, answer.text)
            message = await twin.grpc(w)
            expected = of_rest(answer.json())
            assert expected, name
            assert of_grpc(message, twin.part) == expected, name

    in_world(test)


def test_pages_are_the_same_and_a_token_of_one_door_opens_the_other() -> None:
    async def test(w: World) -> None:
        first = (await w.rest("GET", "/v1/prognoses?page_size=2")).json()
        token = first["next_page_token"]
        assert token
        over_rest = await w.rest("GET", f"/v1/prognoses?page_size=2&page_token={token}")
        over_grpc = await w.gateway.grpc.ListPrognoses(pb.ListPrognosesRequest(page_size=2, page_token=token))
        assert of_grpc(over_grpc) == of_rest(over_rest.json())
        assert first["prognoses"] != over_rest.json()["prognoses"]

    in_world(test)
