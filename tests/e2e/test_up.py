"""Everything at once, on real Ray: queries through both doors, and what a dead or stuck service does to them."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
import pytest

from support.fhir_server import ServedFhir, served_fhir
from support.patients import GROUPS, complete_patient, probabilities, status_of, use_of, without
from support.sarcoma_patient import FOLDERS, sarcoma_patient
from support.up import COMMAND, Up, alive, eventually, up
from tumorcast.common.v1 import prognosis_pb2, snapshot_pb2
from tumorcast.notes.v1.notes_service_pb2 import Document
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast.prognosis.v1.prognosis_service_pb2_grpc import PrognosisServiceStub
from tumorcast_platform.client import query_body
from tumorcast_platform.inputs import Case, Question, gather, patient_folder

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

PATIENCE_S = 5
"""What the queries of the fault tests grant: ``Prefer: wait``."""
SLACK_S = 2
"""How much later than that an answer may come on a busy machine."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_patient(tmp_path_factory.mktemp("patients"))


@pytest.fixture(scope="module")
def ehr(patient: Path) -> Iterator[ServedFhir]:
    """A FHIR server that has the patient's record, in pages."""
    entries = json.loads((patient / "fhir.json").read_text())["entry"]
    with served_fhir([entry["resource"] for entry in entries], page_size=5) as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, ehr: ServedFhir) -> Iterator[Up]:
    hosts = json.dumps([ehr.host])
    with up(tmp_path_factory.mktemp("up") / "data", TUMORCAST_CLINICAL_FHIR_ALLOWED_HOSTS=hosts) as running:
        yield running


@pytest.fixture(scope="module")
def case(running: Up, patient: Path) -> Case:
    """The whole patient, with the images uploaded and a first query answered, so that all is warm."""
    predict("--patient", patient, "--server", running.rest)
    return gather(Question("simulated"), patient_folder(patient))


def predict(*arguments: str | Path, model: str = "simulated") -> dict[str, Any]:
    command = [*COMMAND, "predict", "--model", model, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def ask(running: Up, case: Case) -> tuple[httpx.Response, float]:
    """Post the query with little patience; the response, and how long it took in seconds."""
    headers = {"Content-Type": "application/json", "Prefer": f"wait={PATIENCE_S}"}
    began = time.monotonic()
    response = httpx.post(f"{running.rest}/v1/prognosis", content=query_body(case.query), headers=headers, timeout=60)
    return response, time.monotonic() - began


def narrowed(running: Up, case: Case) -> dict[str, Any]:
    """The answer to a query that must come in time."""
    response, took_s = ask(running, case)
    assert response.status_code == 200, response.text
    assert took_s < PATIENCE_S + SLACK_S
    answer: dict[str, Any] = response.json()
    return answer


def test_a_query_over_rest_uses_every_input(running: Up, patient: Path) -> None:
    answer = predict("--patient", patient, "--server", running.rest)
    assert {group: status_of(answer, group) for group in GROUPS} == dict.fromkeys(GROUPS, "used")


def test_pet_ct_and_mr_give_the_same_served_as_in_process(running: Up, tmp_path: Path) -> None:
    folder = sarcoma_patient(tmp_path)
    images = [argument for name in FOLDERS for argument in ("--dicom", folder / name)]
    served, here = (predict(*images, *where, model="sarcoma") for where in (["--server", running.rest], []))
    assert {group: status_of(served, group) for group in FOLDERS.values()} == dict.fromkeys(FOLDERS.values(), "used")
    assert probabilities(served) == pytest.approx(probabilities(here), abs=1e-9)


def test_a_record_on_a_fhir_server_gives_the_same_as_the_bundle(running: Up, patient: Path, ehr: ServedFhir) -> None:
    from_bundle = predict("--patient", patient, "--server", running.rest)
    url = f"{ehr.base_url}/Patient/{patient.name}"
    from_server = predict("--patient", patient, "--fhir", url, "--server", running.rest)
    assert any("$everything" in request for request in ehr.requests)
    assert {group: status_of(from_server, group) for group in GROUPS} == dict.fromkeys(GROUPS, "used")
    assert probabilities(from_server) == pytest.approx(probabilities(from_bundle), abs=1e-9)


def test_a_fhir_server_that_is_not_allowed_is_never_asked(running: Up, patient: Path) -> None:
    with served_fhir() as other:
        place = {"base_url": other.base_url, "patient_id": patient.name}
        beside = [{"name": "albumin", "number": 3.9, "unit": "g/dL"}]
        body = {"model": "simulated", "fhir_server": place}
        alone = httpx.post(f"{running.rest}/v1/prognosis", json=body, timeout=60)
        narrowed = httpx.post(f"{running.rest}/v1/prognosis", json=body | {"features": beside}, timeout=60).json()
        assert not other.requests
    assert (alone.status_code, alone.json()["code"]) == (422, "FHIR_SERVER_NOT_ALLOWED")
    assert ("FHIR_SERVER_NOT_ALLOWED", "clinical") in {(i["code"], i["origin"]) for i in narrowed["issues"]}
    assert status_of(narrowed, "labs") == "used"


def test_grpc_and_rest_give_the_same_numbers(running: Up, case: Case) -> None:
    query = case.query
    request = pb.CreatePrognosisRequest(
        model=query.model,
        fhir=query.fhir,
        documents=[Document(id=d.id, date=d.date, content=d.content) for d in query.documents],
        timepoints=[
            snapshot_pb2.Timepoint(role=t.role, study_instance_uid=t.study_instance_uid) for t in query.timepoints
        ],
    )
    with grpc.insecure_channel(running.grpc) as channel:
        prognosis = PrognosisServiceStub(channel).CreatePrognosis(request, timeout=60).prognosis
    over_grpc = [e.probability.probability for e in prognosis.endpoints if e.HasField("probability")]
    over_rest = [e["probability"]["probability"] for e in narrowed(running, case)["endpoints"] if e["probability"]]
    assert over_grpc == pytest.approx(over_rest, abs=1e-9)
    assert {use.status for use in prognosis.inputs} == {prognosis_pb2.INPUT_STATUS_USED}


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_served_and_in_process_agree_whatever_is_withheld(
    running: Up, patient: Path, tmp_path: Path, group: str | None
) -> None:
    folder = without(patient, group, tmp_path) if group else patient
    served, local = predict("--patient", folder, "--server", running.rest), predict("--patient", folder)
    assert probabilities(served) == pytest.approx(probabilities(local), abs=1e-4)
    assert [(use["group"], use["status"]) for use in served["inputs"]] == [
        (use["group"], use["status"]) for use in local["inputs"]
    ]
    assert {name for name in GROUPS if status_of(served, name) == "used"} == set(GROUPS) - {group}


@pytest.mark.parametrize(
    ("service", "groups"),
    [("clinical", {"labs", "genomics", "clinical", "therapy"}), ("notes", {"notes"})],
)
def test_a_killed_service_narrows_the_answer_and_comes_back(
    running: Up, case: Case, service: str, groups: set[str]
) -> None:
    running.service(service).send_signal(signal.SIGKILL)
    answer = narrowed(running, case)
    assert {name for name in GROUPS if status_of(answer, name) == "used"} == set(GROUPS) - groups
    assert {use_of(answer, name)["reason"]["code"] for name in groups} == {"SERVICE_UNAVAILABLE"}
    assert eventually(running.ready, 60)
    assert all(status_of(narrowed(running, case), name) == "used" for name in GROUPS)


def test_a_stuck_service_does_not_hold_the_answer_beyond_the_deadline(running: Up, case: Case) -> None:
    stuck = running.service("notes")
    stuck.send_signal(signal.SIGSTOP)
    try:
        answer = narrowed(running, case)
    finally:
        stuck.send_signal(signal.SIGCONT)
    assert use_of(answer, "notes")["status"] == "absent"
    told = use_of(answer, "notes")["reason"]["code"]
    assert told in {"SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED"}  # by pings without an answer, or by time
    assert status_of(answer, "labs") == "used"
    assert eventually(running.ready, 60)


def image_replicas(running: Up) -> list[psutil.Process]:
    """The processes that read, measure and encode studies."""
    return [p for p in running.family() if alive(p) and ":imaging:ingress" in " ".join(p.cmdline())]


LATE = {"SERVICE_UNAVAILABLE", "DEADLINE_EXCEEDED", "ENCODER_UNAVAILABLE"}


def test_killed_image_replicas_narrow_the_answer_at_most_and_come_back(running: Up, case: Case) -> None:
    """While all are away the images are told as late, unless others are there in time; then all is as before."""
    before = narrowed(running, case)
    for kept in (running.data / "embeddings").glob("*/*"):
        kept.unlink()
    killed = image_replicas(running)
    assert killed
    for replica in killed:
        replica.send_signal(signal.SIGKILL)
    answer = narrowed(running, case)
    assert use_of(answer, "labs")["status"] == "used"
    assert _codes_of(answer) - _codes_of(before) <= LATE
    if not _codes_of(answer) & LATE:
        assert probabilities(answer) == probabilities(before)
    assert eventually(lambda: not _codes_of(narrowed(running, case)) & LATE, 90)
    assert probabilities(narrowed(running, case)) == probabilities(before)
    assert not {process.pid for process in image_replicas(running)} & {process.pid for process in killed}


def _codes_of(answer: dict[str, Any]) -> set[str]:
    return {issue["code"] for issue in answer["issues"] if issue["origin"] == "imaging"}


def test_without_fusion_the_answer_is_unavailable_and_in_time(running: Up, case: Case) -> None:
    running.service("fusion").send_signal(signal.SIGKILL)
    response, took_s = ask(running, case)
    assert response.status_code == 503
    assert response.json()["code"] == "SERVICE_UNAVAILABLE"
    assert took_s < PATIENCE_S + SLACK_S
    assert eventually(running.ready, 60)


def test_bad_queries_get_clear_errors_and_up_keeps_running(running: Up, case: Case) -> None:
    unknown = {"model": "simulated", "timepoints": [{"role": "baseline", "study_instance_uid": "1.2.3"}]}
    for body, status, code in (
        (b"{", 400, "MALFORMED_REQUEST"),
        (b'{"model": "astrology", "fhir": {"resourceType": "Bundle"}}', 404, "UNKNOWN_MODEL"),
        (b'{"model": "simulated"}', 422, "NO_INPUT"),
        (json.dumps(unknown).encode(), 404, "STUDY_NOT_FOUND"),
    ):
        response = httpx.post(
            f"{running.rest}/v1/prognosis", content=body, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert running.process.poll() is None
    assert running.ready()


def test_no_log_holds_the_patients_id_or_words(running: Up, case: Case, patient: Path) -> None:
    logs = "".join(file.read_text(errors="replace") for file in (running.data / "logs").glob("*.log"))
    assert logs
    assert patient.name not in logs
    assert "ascites" not in logs
