"""``tumorcast predict --fhir URL``: the record of a patient on a FHIR server gives what the same in a file does."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.fhir_server import ServedFhir, at, fhir, outcome, served_fhir
from support.patients import GROUPS, complete_patient, probabilities, status_of
from support.smart import Smart, jwk, rsa_key
from tumorcast_core.deadline import Deadline
from tumorcast_core.query import FhirPatient, Record
from tumorcast_core.snapshot import Extraction
from tumorcast_platform import cli
from tumorcast_platform.inputs import FhirCredentials
from tumorcast_platform.local import LocalClinical

RECORD_GROUPS = {"labs", "genomics", "clinical", "therapy"}
HOW = {
    "everything": {},
    "everything, a page for each resource": {"page_size": 1},
    "searches": {"everything": False},
    "searches in pages of two": {"everything": False, "page_size": 2},
}


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_patient(tmp_path_factory.mktemp("patients"))


@pytest.fixture(scope="module")
def resources(patient: Path) -> list[dict[str, Any]]:
    """The patient's own resources, and those of another who is on the same server."""
    text = (patient / "fhir.json").read_text()
    other = text.replace(patient.name, "SIM-OTHER")
    assert other != text
    return [entry["resource"] for record in (text, other) for entry in json.loads(record)["entry"]]


def url_of(server: ServedFhir, patient: Path) -> str:
    return f"{server.base_url}/Patient/{patient.name}"


def predict(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    status = cli.run(["predict", "--model", "simulated", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def extracted(record: Record) -> Extraction:
    return asyncio.run(LocalClinical(FhirCredentials()).extract_features(record, "", Deadline.after(60)))


@pytest.mark.parametrize("how", HOW)
def test_a_server_gives_the_features_that_the_bundle_gives(
    patient: Path, resources: list[dict[str, Any]], how: str
) -> None:
    bundle = extracted((patient / "fhir.json").read_bytes())
    with served_fhir(resources, **HOW[how]) as server:
        served = extracted(FhirPatient(server.base_url, patient.name))
    assert len(bundle.features) >= len(RECORD_GROUPS)
    assert served.features == bundle.features
    assert (served.patient_id, served.date) == (bundle.patient_id, bundle.date)
    told = {issue.code for issue in served.issues} - {issue.code for issue in bundle.issues}
    assert told <= {"SEARCHED_BY_TYPE", "TYPE_NOT_SERVED"}


@pytest.mark.parametrize("how", HOW)
def test_a_server_gives_the_prognosis_that_the_bundle_gives(
    patient: Path, resources: list[dict[str, Any]], how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = [argument for note in (patient / "notes").iterdir() for argument in ("--note", note)]
    _, from_file = predict(capsys, "--fhir", patient / "fhir.json", *notes)
    with served_fhir(resources, **HOW[how]) as server:
        status, from_server = predict(capsys, "--fhir", url_of(server, patient), *notes)
    assert status == 0
    used = {group for group in GROUPS if status_of(from_server, group) == "used"}
    assert used == {*RECORD_GROUPS, "notes"}
    for key in ("model", "index_date", "endpoints", "inputs"):
        assert from_server[key] == from_file[key]
    assert probabilities(from_server)


def test_ndjson_gives_the_prognosis_that_the_bundle_gives(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = json.loads((patient / "fhir.json").read_text())["entry"]
    (tmp_path / "record.ndjson").write_text("".join(json.dumps(entry["resource"]) + "\n" for entry in entries))
    status, answer = predict(capsys, "--fhir", tmp_path / "record.ndjson")
    _, from_bundle = predict(capsys, "--fhir", patient / "fhir.json")
    assert status == 0
    assert (answer["endpoints"], answer["inputs"]) == (from_bundle["endpoints"], from_bundle["inputs"])


def test_a_url_stands_before_the_record_in_the_patients_folder(
    patient: Path, resources: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    labs_less = [r for r in resources if r.get("code", {}).get("coding", [{}])[0].get("system") != "http://loinc.org"]
    with served_fhir(labs_less) as server:
        _, answer = predict(capsys, "--patient", patient, "--fhir", url_of(server, patient))
    assert status_of(answer, "labs") == "absent"
    assert status_of(answer, "therapy") == "used"


@pytest.mark.parametrize("kind", ["token", "smart"])
def test_credentials_open_a_server_that_is_closed_without_them(
    patient: Path, resources: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    key = rsa_key()
    (tmp_path / "token").write_text("open-sesame\n")
    (tmp_path / "key.jwk").write_text(json.dumps(jwk(key, "k1")))
    behavior: dict[str, Any] = {"token": "open-sesame"} if kind == "token" else {"smart": Smart({"k1": key})}
    with served_fhir(resources, **behavior) as server:
        options = {
            "token": ["--fhir-token-file", tmp_path / "token"],
            "smart": ["--smart-client-id", "tumorcast", "--smart-key", tmp_path / "key.jwk"],
        }[kind]
        closed = predict(capsys, "--fhir", url_of(server, patient))
        opened = predict(capsys, "--fhir", url_of(server, patient), *options)
    assert (closed[0], closed[1]["error"]["code"]) == (1, "FHIR_ACCESS_DENIED")
    assert opened[0] == 0
    assert status_of(opened[1], "labs") == "used"


def test_a_token_endpoint_of_another_origin_is_asked_only_where_it_was_named(
    patient: Path, resources: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = rsa_key()
    (tmp_path / "key.jwk").write_text(json.dumps(jwk(key, "k1")))
    smart = Smart({"k1": key})
    with served_fhir([], smart=smart) as login, served_fhir(resources, smart=smart) as server:
        options = ["--smart-client-id", "tumorcast", "--smart-key", tmp_path / "key.jwk"]
        unnamed = predict(capsys, "--fhir", url_of(server, patient), *options)
        assert "POST token" not in login.requests
        named = predict(capsys, "--fhir", url_of(server, patient), *options, "--smart-token-url", smart.token_url)
    assert (unnamed[0], unnamed[1]["error"]["code"]) == (1, "FHIR_SERVER_NOT_ALLOWED")
    assert named[0] == 0
    assert "POST token" in login.requests


@pytest.mark.parametrize(
    "options",
    [
        ["--smart-client-id", "tumorcast"],
        ["--smart-key", "FILE"],
        ["--smart-client-id", "tumorcast", "--smart-key", "FILE"],
        ["--fhir-token-file", "FILE", "--smart-token-url", "https://login.example.org/token"],
        ["--fhir-token-file", "FILE", "--smart-client-id", "tumorcast", "--smart-key", "FILE"],
    ],
)
def test_credentials_that_cannot_be_used_are_a_clear_error_before_anything_is_sent(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no-key").write_text("secret")
    with served_fhir() as server:
        chosen = [str(tmp_path / "no-key") if option == "FILE" else option for option in options]
        status, answer = predict(capsys, "--fhir", f"{server.base_url}/Patient/17", *chosen)
    assert (status, answer["error"]["code"]) == (1, "INVALID_INPUT")
    assert "secret" not in json.dumps(answer)
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("{base}/Patient/nobody", "PATIENT_NOT_FOUND"),
        ("http://127.0.0.1:1/fhir/Patient/17", "SERVICE_UNAVAILABLE"),
        ("http://ehr.example.org/fhir/Patient/17", "FHIR_SERVER_NOT_ALLOWED"),  # not by https
        ("{base}/Patient", "INVALID_INPUT"),
    ],
)
def test_a_record_that_cannot_be_had_is_a_clear_error(url: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    with served_fhir() as server:
        status, answer = predict(capsys, "--fhir", url.format(base=server.base_url))
    assert (status, answer["error"]["code"]) == (1, code)
    assert "nobody" not in json.dumps(answer)


def test_a_server_that_fails_leaves_the_other_inputs(
    patient: Path, resources: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    (note, *_) = (patient / "notes").iterdir()
    with served_fhir(resources, faults=[at("", fhir(outcome("exception"), 500))]) as server:
        status, answer = predict(capsys, "--note", note, "--fhir", url_of(server, patient))
    assert status == 0
    assert {group for group in GROUPS if status_of(answer, group) == "used"} == {"notes"}
    (issue,) = [issue for issue in answer["issues"] if issue["origin"] == "clinical"]
    assert (issue["severity"], issue["code"]) == ("error", "SERVICE_UNAVAILABLE")


def test_a_part_that_the_server_does_not_give_is_told_beside_the_prognosis(
    patient: Path, resources: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [at("MedicationRequest?", fhir(outcome("exception"), 400))]
    with served_fhir(resources, everything=False, faults=faults) as server:
        status, answer = predict(capsys, "--fhir", url_of(server, patient))
    assert status == 0
    assert status_of(answer, "labs") == "used"
    assert status_of(answer, "therapy") == "rejected"
    assert ("FHIR_SEARCH_FAILED", "error") in {(issue["code"], issue["severity"]) for issue in answer["issues"]}
