"""The two doors side by side: every operation of OpenAPI with its method of ``PrognosisService``.

``TWINS`` says for each how it is asked at either door; ``of_rest`` and ``of_grpc`` bring both answers into one form, in
which they must be equal field by field: zeros and empty strings included, ``null`` and what is absent being the same.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import grpc
import httpx
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from support.gateway_served import Served
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.imaging.v1 import imaging_service_pb2 as ip
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1 import records_pb2 as rp
from tumorcast_core import wire
from tumorcast_core.errors import by_reason
from tumorcast_core.query import Document, FhirPatient, Query
from tumorcast_core.snapshot import Coding, Feature, PlannedTherapy, Timepoint
from tumorcast_core.status import wire_status

FHIR = '{"resourceType": "Bundle",\n "value": 1.00}'
MODEL = "hepatocellular"
QUERY = Query(
    MODEL,
    patient_id="SIM-000017",
    index_date="2026-03-04",
    horizons_days=(182.0, 365.0),
    fhir=FHIR.encode(),
    documents=(Document("n1", "2026-03-01", "text/plain; charset=utf-8", "No ascites. Größe 3 cm.".encode()),),
    timepoints=(Timepoint("previous", "2026-02-04", "1.2.3", "1.2.3.9"), Timepoint("baseline")),
    features=(
        Feature("hemoglobin", 12.5, "g/dL", effective="2026-03-01"),
        Feature("albumin", 900.0, "g/dL", source="EHR"),
        Feature("sex", "female", coding=Coding("http://hl7.org/fhir/administrative-gender", "female", "Female")),
        Feature("lactate_dehydrogenase", 0.1 + 0.2, "U/L", comparator="<", status="preliminary"),
    ),
    planned_therapies=(PlannedTherapy(Coding("http://snomed.info/sct", "716872004"), "", "2026-03-11"),),
)
FILES = [b"\0" * 128 + b"DICM and more", b"no such thing"]
_ENUMS = (
    *("ENDPOINT_KIND_", "ENDPOINT_STATUS_", "INPUT_STATUS_", "MODALITY_", "SEVERITY_", "DECISION_", "JOB_STATE_"),
)


def body_of(query: Query) -> dict[str, Any]:
    """The JSON body of a query, without its FHIR record."""
    features = []
    for f in query.features:
        value = {"category": f.value} if isinstance(f.value, str) else {"number": f.value}
        plain = {k: getattr(f, k) for k in ("name", "unit", "effective", "source", "comparator", "status")}
        features.append(plain | value | ({"coding": _coding(f.coding)} if f.coding else {}))
    server = query.fhir_server
    return {
        "model": query.model,
        "patient_id": query.patient_id,
        "index_date": query.index_date,
        "horizons_days": list(query.horizons_days),
        "documents": [{"id": d.id, "date": d.date, "text": d.content.decode()} for d in query.documents],
        "timepoints": [
            {
                "role": t.role,
                "date": t.date,
                "study_instance_uid": t.study_instance_uid,
                "segmentation_uid": t.segmentation_uid,
            }
            for t in query.timepoints
        ],
        "features": features,
        "planned_therapies": [
            {"coding": _coding(t.coding), "start_date": t.start_date} for t in query.planned_therapies if t.coding
        ],
        **({"fhir_server": {"base_url": server.base_url, "patient_id": server.patient_id}} if server else {}),
    }


def _coding(coding: Coding) -> dict[str, str]:
    return {"system": coding.system, "code": coding.code, "display": coding.display}


def text_of(query: Query) -> str:
    """The same with the record in it, byte for byte."""
    text = json.dumps(body_of(query))
    return f'{text[:-1]}, "fhir": {query.fhir.decode()}}}' if query.fhir else text


def multipart(files: Iterable[bytes]) -> tuple[bytes, dict[str, str]]:
    """An upload's body and headers."""
    parts = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n" for file in files)
    return parts + b"--b--\r\n", {"content-type": 'multipart/related; type="application/dicom"; boundary=b'}


def pieces(files: Iterable[bytes], *, end: bool = True) -> list[pb.UploadStudyRequest]:
    """The same upload as messages."""
    messages = []
    for file in files:
        messages.append(ip.UploadStudyRequest(file=ip.UploadFile()))
        messages += [ip.UploadStudyRequest(chunk=file[i : i + 7]) for i in range(0, len(file), 7)]
    messages += [ip.UploadStudyRequest(end=True)] if end else []
    return [pb.UploadStudyRequest(piece=piece) for piece in messages]


@dataclass
class World:
    """A gateway, and ids of what is stored in it."""

    gateway: Served
    prognosis_id: str = ""
    study_id: str = ""
    job_id: str = ""
    patients: list[str] = field(default_factory=list)

    async def rest(
        self, method: str, path: str, document: Any = None, key: str = "", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Ask over REST; a document that is text or bytes goes as it is."""
        sent = {"accept": "application/json"} | (headers or {})
        if key:
            sent["idempotency-key"] = key
        if document is not None and "content-type" not in sent:
            sent["content-type"] = "application/json"
        content = document if isinstance(document, str | bytes | None) else json.dumps(document)
        return await self.gateway.http.request(method, path, content=content, headers=sent)


Rest = Callable[[World], Awaitable[httpx.Response]]
Grpc = Callable[[World], Awaitable[Message]]


@dataclass(frozen=True)
class Twin:
    """One question at both doors; ``part`` is the field of the gRPC answer that REST gives as the whole."""

    rest: Rest
    grpc: Grpc
    part: str = ""


async def _written_back(w: World) -> httpx.Response:
    """The second time, when everything is there already."""
    await w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/write-back")
    return await w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/write-back")


PAGE = {"page_size": 1}
OUTCOME = {"endpoint_id": "overall_survival", "occurred": False, "time_days": 0.1 + 0.2}
REMARK = {"decision": "overridden", "reason_code": "other", "comment": "Größer als gedacht."}

TWINS: dict[str, Twin] = {
    "createPrognosis": Twin(
        lambda w: w.rest("POST", "/v1/prognoses", text_of(QUERY), "prognosis 1"),
        lambda w: w.gateway.grpc.CreatePrognosis(keyed(QUERY, "prognosis 1")),
        "prognosis",
    ),
    "getPrognosis": Twin(
        lambda w: w.rest("GET", f"/v1/prognoses/{w.prognosis_id}"),
        lambda w: w.gateway.grpc.GetPrognosis(pb.GetPrognosisRequest(prognosis_id=w.prognosis_id)),
        "prognosis",
    ),
    "listPrognoses": Twin(
        lambda w: w.rest("GET", f"/v1/prognoses?model={MODEL}&page_size=1"),
        lambda w: w.gateway.grpc.ListPrognoses(pb.ListPrognosesRequest(model=MODEL, **PAGE)),
    ),
    "replayPrognosis": Twin(
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/replay"),
        lambda w: w.gateway.grpc.ReplayPrognosis(pb.ReplayPrognosisRequest(prognosis_id=w.prognosis_id)),
        "replay",
    ),
    "writeBackPrognosis": Twin(
        _written_back,
        lambda w: w.gateway.grpc.WriteBackPrognosis(pb.WriteBackPrognosisRequest(prognosis_id=w.prognosis_id)),
        "write_back",
    ),
    "explainPrognosis": Twin(
        lambda w: w.rest("GET", f"/v1/prognoses/{w.prognosis_id}/explanation"),
        lambda w: w.gateway.grpc.ExplainPrognosis(pb.ExplainPrognosisRequest(prognosis_id=w.prognosis_id)),
        "explanation",
    ),
    "createFeedback": Twin(
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/feedback", REMARK, "feedback 1"),
        lambda w: w.gateway.grpc.CreateFeedback(
            pb.CreateFeedbackRequest(
                feedback=rp.Feedback(
                    prognosis_id=w.prognosis_id,
                    decision=rp.DECISION_OVERRIDDEN,
                    reason_code=REMARK["reason_code"],
                    comment=REMARK["comment"],
                ),
                idempotency_key="feedback 1",
            )
        ),
        "feedback",
    ),
    "listFeedback": Twin(
        lambda w: w.rest("GET", f"/v1/prognoses/{w.prognosis_id}/feedback"),
        lambda w: w.gateway.grpc.ListFeedback(pb.ListFeedbackRequest(prognosis_id=w.prognosis_id)),
    ),
    "createOutcome": Twin(
        lambda w: w.rest("POST", f"/v1/prognoses/{w.prognosis_id}/outcomes", OUTCOME, "outcome 1"),
        lambda w: w.gateway.grpc.CreateOutcome(
            pb.CreateOutcomeRequest(
                outcome=rp.Outcome(prognosis_id=w.prognosis_id, **OUTCOME), idempotency_key="outcome 1"
            )
        ),
        "outcome",
    ),
    "listOutcomes": Twin(
        lambda w: w.rest("GET", f"/v1/prognoses/{w.prognosis_id}/outcomes"),
        lambda w: w.gateway.grpc.ListOutcomes(pb.ListOutcomesRequest(prognosis_id=w.prognosis_id)),
    ),
    "listModels": Twin(
        lambda w: w.rest("GET", "/v1/models"), lambda w: w.gateway.grpc.ListModels(pb.ListModelsRequest())
    ),
    "getModel": Twin(
        lambda w: w.rest("GET", f"/v1/models/{MODEL}"),
        lambda w: w.gateway.grpc.GetModel(pb.GetModelRequest(name=MODEL)),
        "model",
    ),
    "getModelCard": Twin(
        lambda w: w.rest("GET", f"/v1/models/{MODEL}/card"),
        lambda w: w.gateway.grpc.GetModelCard(pb.GetModelCardRequest(name=MODEL)),
    ),
    "uploadStudy": Twin(
        lambda w: w.rest("POST", "/v1/studies", multipart(FILES)[0], headers=multipart(FILES)[1]),
        lambda w: w.gateway.grpc.UploadStudy(iter(pieces(FILES))),
    ),
    "getStudy": Twin(
        lambda w: w.rest("GET", f"/v1/studies/{w.study_id}"),
        lambda w: w.gateway.grpc.GetStudy(pb.GetStudyRequest(study_id=w.study_id)),
        "study",
    ),
    "createJob": Twin(
        lambda w: w.rest("POST", "/v1/jobs", f'{{"queries": [{text_of(QUERY)}, {text_of(QUERY)}]}}', "job 1"),
        lambda w: w.gateway.grpc.CreateJob(
            pb.CreateJobRequest(queries=[wire.query_to(QUERY)] * 2, idempotency_key="job 1")
        ),
        "job",
    ),
    "listJobs": Twin(
        lambda w: w.rest("GET", "/v1/jobs?page_size=1"),
        lambda w: w.gateway.grpc.ListJobs(pb.ListJobsRequest(**PAGE)),
    ),
    "getJob": Twin(
        lambda w: w.rest("GET", f"/v1/jobs/{w.job_id}"),
        lambda w: w.gateway.grpc.GetJob(pb.GetJobRequest(job_id=w.job_id)),
        "job",
    ),
    "listJobResults": Twin(
        lambda w: w.rest("GET", f"/v1/jobs/{w.job_id}/results?page_size=1"),
        lambda w: w.gateway.grpc.ListJobResults(pb.ListJobResultsRequest(job_id=w.job_id, **PAGE)),
    ),
    "cancelJob": Twin(
        lambda w: w.rest("POST", f"/v1/jobs/{w.job_id}/cancel"),
        lambda w: w.gateway.grpc.CancelJob(pb.CancelJobRequest(job_id=w.job_id)),
        "job",
    ),
    "findPatient": Twin(
        lambda w: w.rest("POST", "/v1/patients/search", {"patient_id": QUERY.patient_id}),
        lambda w: w.gateway.grpc.FindPatient(pb.FindPatientRequest(patient_id=QUERY.patient_id)),
        "patient",
    ),
    "erasePatient": Twin(
        lambda w: w.rest("DELETE", f"/v1/patients/{w.patients[0]}"),
        lambda w: w.gateway.grpc.ErasePatient(pb.ErasePatientRequest(patient=w.patients[1])),
    ),
}


def keyed(query: Query, key: str = "") -> pb.CreatePrognosisRequest:
    """A query's message under an idempotency key."""
    message = wire.query_to(query)
    message.idempotency_key = key
    return message


def message_of(feature: Feature) -> sp.Feature:
    """A feature's message."""
    return wire.feature_to(feature)


def of_rest(document: Any) -> Any:
    """A JSON answer in the common form."""
    if isinstance(document, dict):
        found = {name: _moment(name, of_rest(value)) for name, value in document.items()}
        if "position" in found and not found.get("prognosis_id", "-"):  # a oneof on the other wire
            del found["prognosis_id"]
        return {name: value for name, value in found.items() if value is not None}
    return [of_rest(value) for value in document] if isinstance(document, list) else document


def of_grpc(message: Message, part: str = "") -> Any:
    """A message, or its part, in the common form."""
    document = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return of_rest(_in_words(document[part] if part else document))


def _in_words(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_in_words, value))
    if isinstance(value, dict):
        return _same_shape({name: _in_words(inner) for name, inner in value.items()})
    if value in ("Infinity", "-Infinity"):
        return None
    for prefix in _ENUMS:
        if isinstance(value, str) and value.startswith(prefix):
            return value.removeprefix(prefix).replace("_", "-").lower()
    return value


def _same_shape(found: dict[str, Any]) -> dict[str, Any]:
    """What the two say in other shapes, by design."""
    for name in ("plausible", "training"):
        if f"{name}_low" in found:
            found[name] = [found.pop(f"{name}_low"), found.pop(f"{name}_high")]
    if "study_id" in found and "study" in found:
        found |= found.pop("study")
    if "position" in found and "label" in found:  # a refusal: over gRPC the caller names files, REST says what DICOM is
        for name in ("label", "sop_class_uid", "sop_instance_uid"):
            del found[name]
    if "tracking_uid" in found:  # a lesion of a study that is asked for by itself is at no timepoint
        assert found.pop("timepoint") == ""
    return found


def _moment(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name == "created_at" else value


@dataclass(frozen=True)
class Told:
    """An error as a door tells it."""

    code: str
    message: str
    violations: tuple[tuple[str, str], ...]


def told_over_rest(answer: httpx.Response) -> Told:
    """The error of a problem document, whose status must be that of its code."""
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    kind = by_reason(problem["code"])
    assert kind is not None
    assert answer.status_code == problem["status"] == wire_status(kind).http_status
    return Told(problem["code"], problem["detail"], tuple((e["location"], e["message"]) for e in problem["errors"]))


def told_over_grpc(error: grpc.aio.AioRpcError) -> Told:
    """The error of a ``google.rpc.Status``, whose code must be that of its reason."""
    metadata = dict(error.trailing_metadata() or ())
    status = Status.FromString(metadata["grpc-status-details-bin"])
    info, malformed = ErrorInfo(), BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(malformed)
    kind = by_reason(info.reason)
    assert kind is not None
    assert error.code() is wire_status(kind).grpc_code
    assert (status.code, status.message) == (error.code().value[0], error.details())
    return Told(info.reason, status.message, tuple((v.field, v.description) for v in malformed.field_violations))


OTHER_SERVER = FhirPatient("https://ehr.example.org/fhir", "17")
