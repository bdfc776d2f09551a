"""Every error over REST equals its gRPC twin: code, message, and the places in the request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import grpc
import pytest

from support.twin_world import in_world
from support.twins import (
    FILES,
    MODEL,
    OTHER_SERVER,
    OUTCOME,
    QUERY,
    TWINS,
    Grpc,
    Rest,
    World,
    body_of,
    keyed,
    multipart,
    pieces,
    text_of,
    told_over_grpc,
    told_over_rest,
)
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1 import records_pb2 as rp
from tumorcast_core import wire
from tumorcast_core.errors import HorizonOutOfRange
from tumorcast_core.query import Document
from tumorcast_core.snapshot import Feature, Timepoint

ABSENT = "0" * 32
MALFORMED = replace(QUERY, index_date="4 March 2026")
CODED = {"name": "albumin", "number": 3.1, "unit": "g/dL"}

Faulty = tuple[str, str, Rest, Grpc]


def query_fault(name: str, code: str, query: Any) -> Faulty:
    """A query that neither door answers."""
    return (
        name,
        code,
        lambda w: w.rest("POST", "/v1/prognoses", text_of(query)),
        lambda w: w.gateway.grpc.CreatePrognosis(wire.query_to(query)),
    )


def nothing_there(what: str, code: str, path: str, method: str, request: Any, http: str = "GET") -> list[Faulty]:
    """An id that nothing has, and one that nothing could have."""
    found: list[Faulty] = []
    for identifier in (ABSENT, "nobody"):

        def rest(w: World, identifier: str = identifier) -> Any:
            return w.rest(http, path.format(identifier))

        def call(w: World, identifier: str = identifier) -> Any:
            return getattr(w.gateway.grpc, method)(request(identifier))

        found.append((f"{what} {identifier}", code, rest, call))
    return found


def feedback(w: World, prognosis_id: str = "", **fields: Any) -> Any:
    """``CreateFeedback``."""
    remark = rp.Feedback(prognosis_id=prognosis_id or w.prognosis_id, **fields)
    return w.gateway.grpc.CreateFeedback(pb.CreateFeedbackRequest(feedback=remark))


def outcome(w: World, key: str = "", **fields: Any) -> Any:
    """``CreateOutcome``."""
    made = rp.Outcome(prognosis_id=w.prognosis_id, **fields)
    return w.gateway.grpc.CreateOutcome(pb.CreateOutcomeRequest(outcome=made, idempotency_key=key))


NOTED = {"decision": "noted"}
FAULTS: list[Faulty] = [
    query_fault("no model of that name", "UNKNOWN_MODEL", replace(QUERY, model="other")),
    query_fault("no day", "MALFORMED_REQUEST", MALFORMED),
    query_fault("no horizon", "MALFORMED_REQUEST", replace(QUERY, horizons_days=(-1.0,))),
    query_fault("a role twice", "MALFORMED_REQUEST", replace(QUERY, timepoints=(Timepoint("a"), Timepoint("a")))),
    query_fault("two records", "MALFORMED_REQUEST", replace(QUERY, fhir_server=OTHER_SERVER)),
    query_fault(
        "no comparator", "MALFORMED_REQUEST", replace(QUERY, features=(Feature("albumin", 3.0, comparator="~"),))
    ),
    query_fault("nothing given", "NO_INPUT", replace(QUERY, fhir=b"", documents=(), timepoints=(), features=())),
    query_fault(
        "too many documents",
        "PAYLOAD_TOO_LARGE",
        replace(QUERY, documents=(Document("", "", "text/plain; charset=utf-8", b"x"),) * 1001),
    ),
    *nothing_there(
        "prognosis",
        "PROGNOSIS_NOT_FOUND",
        "/v1/prognoses/{}",
        "GetPrognosis",
        lambda i: pb.GetPrognosisRequest(prognosis_id=i),
    ),
    *nothing_there(
        "replay",
        "PROGNOSIS_NOT_FOUND",
        "/v1/prognoses/{}/replay",
        "ReplayPrognosis",
        lambda i: pb.ReplayPrognosisRequest(prognosis_id=i),
        "POST",
    ),
    *nothing_there(
        "explanation",
        "PROGNOSIS_NOT_FOUND",
        "/v1/prognoses/{}/explanation",
        "ExplainPrognosis",
        lambda i: pb.ExplainPrognosisRequest(prognosis_id=i),
    ),
    *nothing_there(
        "feedback of",
        "PROGNOSIS_NOT_FOUND",
        "/v1/prognoses/{}/feedback",
        "ListFeedback",
        lambda i: pb.ListFeedbackRequest(prognosis_id=i),
    ),
    *nothing_there(
        "outcomes of",
        "PROGNOSIS_NOT_FOUND",
        "/v1/prognoses/{}/outcomes",
        "ListOutcomes",
        lambda i: pb.ListOutcomesRequest(prognosis_id=i),
    ),
    *nothing_there("study", "STUDY_NOT_FOUND", "/v1/studies/{}", "GetStudy", lambda i: pb.GetStudyRequest(study_id=i)),
    *nothing_there("job", "JOB_NOT_FOUND", "/v1/jobs/{}", "GetJob", lambda i: pb.GetJobRequest(job_id=i)),
    *nothing_there(
        "results of",
        "JOB_NOT_FOUND",
        "/v1/jobs/{}/results",
        "ListJobResults",
        lambda i: pb.ListJobResultsRequest(job_id=i),
    ),
    *nothing_there(
        "cancelled", "JOB_NOT_FOUND", "/v1/jobs/{}/cancel", "CancelJob", lambda i: pb.CancelJobRequest(job_id=i), "POST"
    ),
    *nothing_there(
        "erased",
        "PATIENT_NOT_FOUND",
        "/v1/patients/{}",
        "ErasePatient",
        lambda i: pb.ErasePatientRequest(patient=i),
        "DELETE",
    )[:1],  # /v1/patients/nobody is no route at all: /v1/patients/search stands there
    *nothing_there("model", "UNKNOWN_MODEL", "/v1/models/{}", "GetModel", lambda i: pb.GetModelRequest(name=i)),
    *nothing_there(
        "card", "UNKNOWN_MODEL", "/v1/models/{}/card", "GetModelCard", lambda i: pb.GetModelCardRequest(name=i)
    ),
    (
        "feedback on nothing",
        "PROGNOSIS_NOT_FOUND",
        lambda w: w.rest("POST", f"/v1/prognoses/{ABSENT}/feedback", NOTED),
        lambda w: feedback(w, ABSENT, decision=rp.DECISION_NOTED),
    ),
    (
        "no decision",
        "MALFORMED_REQUEST",
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/feedback", {"decision": ""}),
        lambda w: feedback(w),
    ),
    (
        "a long comment",
        "PAYLOAD_TOO_LARGE",
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/feedback", NOTED | {"comment": "x" * 10_001}),
        lambda w: feedback(w, decision=rp.DECISION_NOTED, comment="x" * 10_001),
    ),
    (
        "an outcome of another endpoint",
        "UNSOUND_OUTCOME",
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/outcomes", {"endpoint_id": "luck"}),
        lambda w: outcome(w, endpoint_id="luck"),
    ),
    (
        "an outcome without its time",
        "UNSOUND_OUTCOME",
        lambda w: w.rest(
            "POST", f"/v1/prognoses/{w.prognosis_id}/outcomes", {"endpoint_id": "overall_survival", "occurred": True}
        ),
        lambda w: outcome(w, endpoint_id="overall_survival", occurred=True),
    ),
    (
        "a key of another request",
        "IDEMPOTENCY_KEY_REUSED",
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/outcomes", OUTCOME | {"occurred": True}, "outcome 1"),
        lambda w: outcome(w, "outcome 1", **(OUTCOME | {"occurred": True})),
    ),
    (
        "a key that is none",
        "MALFORMED_REQUEST",
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/outcomes", OUTCOME, "x" * 256),
        lambda w: outcome(w, "x" * 256, **OUTCOME),
    ),
    (
        "a page too long",
        "MALFORMED_REQUEST",
        lambda w: w.rest("GET", "/v1/prognoses?page_size=201"),
        lambda w: w.gateway.grpc.ListPrognoses(pb.ListPrognosesRequest(page_size=201)),
    ),
    (
        "a page that nobody gave",
        "MALFORMED_REQUEST",
        lambda w: w.rest("GET", "/v1/prognoses?page_token=next"),
        lambda w: w.gateway.grpc.ListPrognoses(pb.ListPrognosesRequest(page_token="next")),
    ),
    (
        "jobs of no page",
        "MALFORMED_REQUEST",
        lambda w: w.rest("GET", "/v1/jobs?page_token=next"),
        lambda w: w.gateway.grpc.ListJobs(pb.ListJobsRequest(page_token="next")),
    ),
    (
        "prognoses of a patient's own id",
        "MALFORMED_REQUEST",
        lambda w: w.rest("GET", "/v1/prognoses?patient=SIM-000017"),
        lambda w: w.gateway.grpc.ListPrognoses(pb.ListPrognosesRequest(patient="SIM-000017")),
    ),
    (
        "an empty job",
        "NO_INPUT",
        lambda w: w.rest("POST", "/v1/jobs", {"queries": []}),
        lambda w: w.gateway.grpc.CreateJob(pb.CreateJobRequest()),
    ),
    (
        "a job too long",
        "PAYLOAD_TOO_LARGE",
        lambda w: w.rest("POST", "/v1/jobs", {"queries": [{"model": MODEL, "features": [CODED]}] * 1001}),
        lambda w: w.gateway.grpc.CreateJob(
            pb.CreateJobRequest(queries=[pb.CreatePrognosisRequest(model=MODEL)] * 1001)
        ),
    ),
    (
        "a job with a malformed query",
        "MALFORMED_REQUEST",
        lambda w: w.rest("POST", "/v1/jobs", f'{{"queries": [{text_of(QUERY)}, {text_of(MALFORMED)}]}}'),
        lambda w: w.gateway.grpc.CreateJob(
            pb.CreateJobRequest(queries=[wire.query_to(QUERY), wire.query_to(MALFORMED)])
        ),
    ),
    (
        "a job with an empty query",
        "NO_INPUT",
        lambda w: w.rest("POST", "/v1/jobs", {"queries": [{"model": MODEL}]}),
        lambda w: w.gateway.grpc.CreateJob(pb.CreateJobRequest(queries=[pb.CreatePrognosisRequest(model=MODEL)])),
    ),
    (
        "nobody to find",
        "PATIENT_NOT_FOUND",
        lambda w: w.rest("POST", "/v1/patients/search", {"patient_id": "SIM-000099"}),
        lambda w: w.gateway.grpc.FindPatient(pb.FindPatientRequest(patient_id="SIM-000099")),
    ),
    (
        "nobody asked for",
        "MALFORMED_REQUEST",
        lambda w: w.rest("POST", "/v1/patients/search", {"patient_id": ""}),
        lambda w: w.gateway.grpc.FindPatient(pb.FindPatientRequest()),
    ),
    (
        "an upload of nothing",
        "NO_INPUT",
        lambda w: w.rest("POST", "/v1/studies", multipart([])[0], headers=multipart([])[1]),
        lambda w: w.gateway.grpc.UploadStudy(iter(pieces([]))),
    ),
    (
        "an upload that breaks off",
        "MALFORMED_REQUEST",
        lambda w: w.rest("POST", "/v1/studies", multipart(FILES)[0][:-9], headers=multipart(FILES)[1]),
        lambda w: w.gateway.grpc.UploadStudy(iter(pieces(FILES, end=False))),
    ),
]


def test_every_error_is_told_alike_at_both_doors() -> None:
    async def test(w: World) -> None:
        for name, code, rest, call in FAULTS:
            over_rest = told_over_rest(await rest(w))
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await call(w)
            over_grpc = told_over_grpc(told.value)
            assert (over_rest.code, over_grpc.code) == (code, code), name
            if over_rest.violations and over_grpc.violations:
                places = [where for where, _ in over_rest.violations]
                assert {where.removeprefix("feedback.") for where, _ in over_grpc.violations} == set(places), name

    in_world(test)


def test_what_is_erased_is_gone_at_both_doors() -> None:
    async def test(w: World) -> None:
        await TWINS["erasePatient"].rest(w)
        found = await w.rest("DELETE", f"/v1/patients/{w.patients[0]}")
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await w.gateway.grpc.ErasePatient(pb.ErasePatientRequest(patient=w.patients[0]))
        assert told_over_rest(found) == told_over_grpc(told.value)
        listed = (await w.rest("GET", f"/v1/prognoses?patient={w.patients[0]}")).json()["prognoses"]
        for summary in listed:
            assert summary["erased"]
            over_rest = told_over_rest(await w.rest("GET", f"/v1/prognoses/{summary['prognosis_id']}"))
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await w.gateway.grpc.GetPrognosis(pb.GetPrognosisRequest(prognosis_id=summary["prognosis_id"]))
            assert over_rest == told_over_grpc(told.value)
            assert over_rest.code == "RECORD_ERASED"

    in_world(test)


@pytest.mark.parametrize(
    ("error", "code"), [(HorizonOutOfRange("The horizon is 400 days away."), "HORIZON_OUT_OF_RANGE")]
)
def test_an_error_of_a_service_is_told_alike(error: Exception, code: str) -> None:
    async def test(w: World) -> None:
        w.gateway.fakes.fusion.error = error
        over_rest = told_over_rest(await w.rest("POST", "/v1/prognoses", body_of(QUERY)))
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await w.gateway.grpc.CreatePrognosis(keyed(QUERY))
        assert over_rest == told_over_grpc(told.value)
        assert over_rest.code == code

    in_world(test)


def test_a_feature_that_is_no_number_is_told_with_its_place() -> None:
    async def test(w: World) -> None:
        message = keyed(QUERY)
        message.features.append(sp.Feature(name="albumin", number=float("nan")))
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await w.gateway.grpc.CreatePrognosis(message)
        assert [where for where, _ in told_over_grpc(told.value).violations] == ["features[4]"]

    in_world(test)
