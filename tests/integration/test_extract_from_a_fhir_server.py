"""``tumorcast clinical extract`` asks a real FHIR server on loopback: the features of the same bundle, page by page."""

import json

import pytest

from support.fhir_server import served_fhir
from support.records import bundle, condition, medication, observation, patient
from tumorcast_clinical.model import extract_features
from tumorcast_platform.cli import run

INDEX = "2026-03-28"
RECORD = (
    observation("neu", "751-8", 6, "K/uL"),
    observation("lym", "731-0", 2, "10*9/L"),
    observation("alb", "1751-7", 38, "g/L"),
    observation("bad", unit="furlong"),
    medication(),
    condition(),
)


def extracted(capsys: pytest.CaptureFixture[str], url: str) -> tuple[int, dict]:
    status = run(["clinical", "extract", url, "--index-date", INDEX, "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("everything", [True, False], ids=["everything", "searches"])
@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_a_server_gives_the_features_of_the_same_bundle(capsys, everything, page_size):
    with served_fhir([patient(), *RECORD], everything=everything, page_size=page_size) as server:
        status, document = extracted(capsys, f"{server.base_url}/Patient/p1")
    found = extract_features(bundle(*RECORD), INDEX)
    assert status == 0
    assert [(f["name"], f.get("value", f.get("category")), f["source"]) for f in document["features"]] == [
        (f.name, f.value, f.source) for f in found.features
    ]
    assert {i["code"] for i in document["issues"]} - {"SEARCHED_BY_TYPE", "TYPE_NOT_SERVED"} == {
        i.code for i in found.issues
    }
    (bad,) = (i for i in document["issues"] if i["code"] == "UNKNOWN_UNIT")
    assert bad["location"].startswith("page ")
    assert bad["message"].startswith("Observation/bad ")


@pytest.mark.parametrize(
    ("path", "code"),
    [("/Patient/p9", "PATIENT_NOT_FOUND"), ("/Observation/neu", "INVALID_INPUT"), ("", "INVALID_INPUT")],
)
def test_a_record_that_cannot_be_had_is_one_fatal_issue(capsys, path, code):
    with served_fhir([patient(), *RECORD]) as server:
        status, document = extracted(capsys, f"{server.base_url}{path}")
    assert (status, document["features"]) == (1, [])
    assert [(i["severity"], i["code"]) for i in document["issues"]] == [("fatal", code)]


def test_a_server_that_is_not_there_is_one_fatal_issue(capsys):
    with served_fhir([patient()]) as server:
        url = f"{server.base_url}/Patient/p1"
    status, document = extracted(capsys, url)
    assert (status, [i["code"] for i in document["issues"]]) == (1, ["SERVICE_UNAVAILABLE"])
