"""``tumorcast clinical``: the features of gRPC as JSON, one fatal issue for what cannot be read, exit statuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.records import bundle, medication, observation, patient
from tumorcast_clinical.model import extract_features
from tumorcast_platform.cli import run
from tumorcast_platform.inputs.features import read_features

INDEX = "2026-03-28"
NEU = observation("neu", "751-8", 6, "K/uL", status="preliminary")
LYM = observation("lym", "731-0", 2, "10*9/L")
TMB = observation("tmb", "94076-7", None, valueQuantity={"value": 5, "unit": "mut/Mb", "comparator": ">="})
RECORD = bundle(NEU, LYM, TMB, observation("bad", unit="furlong"), medication())


@pytest.fixture
def record(tmp_path: Path) -> Path:
    file = tmp_path / "record.json"
    file.write_bytes(RECORD)
    return file


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict]:
    status = run(["clinical", "extract", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_command_gives_exactly_the_features_and_issues_of_the_model_layer(record, capsys):
    status, document = told(capsys, str(record), "--index-date", INDEX)
    found = extract_features(RECORD, INDEX)
    assert status == 0
    assert [(f["name"], f.get("value", f.get("category")), f["source"]) for f in document["features"]] == [
        (f.name, f.value, f.source) for f in found.features
    ]
    assert [(i["severity"], i["code"], i["message"], i["location"]) for i in document["issues"]] == [
        (i.severity, i.code, i.message, i.location) for i in found.issues
    ]


def test_a_number_has_a_unit_a_category_has_none_and_what_is_derived_names_its_sources(record, capsys):
    _, document = told(capsys, str(record), "--index-date", INDEX)
    by_name = {feature["name"]: feature for feature in document["features"]}
    assert by_name["neutrophil_count"] == {
        "name": "neutrophil_count",
        "coding": {
            "system": "http://loinc.org",
            "code": "751-8",
            "display": "Neutrophils in Blood by automated count",
        },
        "value": 6.0,
        "unit": "10*9/L",
        "effective": "2026-03-01",
        "source": "Observation/neu",
        "status": "preliminary",
    }
    assert by_name["tumor_mutational_burden"]["comparator"] == ">="
    assert (by_name["sex"]["category"], "value" in by_name["sex"], "unit" in by_name["sex"]) == ("male", False, False)
    ratio = by_name["neutrophil_lymphocyte_ratio"]
    assert (ratio["value"], ratio["sources"]) == (3.0, ["Observation/neu", "Observation/lym"])
    assert "neutrophil_count" in ratio["formula"]


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [
        (None, [], "INVALID_INPUT"),
        (b"", [], "MALFORMED_FHIR"),
        (RECORD[:-30], [], "MALFORMED_FHIR"),
        (b"\x1f\x8b\x08", [], "MALFORMED_FHIR"),
        (b"[]", [], "MALFORMED_FHIR"),
        (RECORD, ["--index-date", "Jane"], "MALFORMED_REQUEST"),
        (RECORD, ["--index-date", "2026-03"], "MALFORMED_REQUEST"),
    ],
    ids=["no file", "empty", "truncated", "gzip", "array", "no date", "no day"],
)
def test_a_record_that_cannot_be_read_is_one_fatal_issue(tmp_path, capsys, content, arguments, code):
    file = tmp_path / "record.json"
    if content is not None:
        file.write_bytes(content)
    status, document = told(capsys, str(file), *arguments)
    assert status != 0
    assert document["features"] == []
    assert [(issue["severity"], issue["code"]) for issue in document["issues"]] == [("fatal", code)]


def test_a_folder_is_no_record(tmp_path, capsys):
    status, document = told(capsys, str(tmp_path))
    assert (status, document["issues"][0]["severity"]) == (1, "fatal")


def test_rejected_entries_alone_are_no_failure(tmp_path, capsys):
    file = tmp_path / "record.json"
    file.write_bytes(bundle(observation(bogus=1), {"resourceType": "Foo"}))
    status, document = told(capsys, str(file))
    assert status == 0
    assert {issue["code"] for issue in document["issues"]} >= {"INVALID_RESOURCE", "UNKNOWN_RESOURCE_TYPE"}


def test_lines_are_read_and_one_of_several_patients_can_be_named(tmp_path, capsys):
    file = tmp_path / "record.ndjson"
    resources = (patient(), patient(id="p2"), observation(), observation("b", subject={"reference": "Patient/p2"}))
    file.write_text("\n".join(json.dumps(resource) for resource in resources))
    status, document = told(capsys, str(file))
    assert (status, document["features"], document["issues"][0]["code"]) == (0, [], "SEVERAL_PATIENTS")
    _, document = told(capsys, str(file), "--patient", "p2")
    assert [f["source"] for f in document["features"] if f["name"] == "hemoglobin"] == ["Observation/b"]


def test_what_is_printed_can_be_given_to_predict_as_features(record, tmp_path, capsys):
    _, document = told(capsys, str(record), "--index-date", INDEX)
    file = tmp_path / "features.json"
    file.write_text(json.dumps(document))
    given = {(f.name, f.value, f.unit, f.comparator, f.status, f.sources) for f in read_features(file)}
    found = extract_features(RECORD, INDEX).features
    assert given == {(f.name, f.value, f.unit, f.comparator, f.status, f.sources) for f in found}


def test_as_text_each_feature_and_each_issue_is_a_line_of_its_own(record, capsys):
    assert run(["clinical", "extract", str(record), "--index-date", INDEX]) == 0
    text = capsys.readouterr().out
    assert "neutrophil_count" in text
    assert ">=5" in text
    assert "error: Observation/bad" in text.replace("\n    ", " ")
    assert all(len(line) < 140 for line in text.splitlines())


def test_the_analytes_say_their_unit_and_codes(capsys):
    assert run(["clinical", "analytes", "--json"]) == 0
    analytes = {analyte["name"]: analyte for analyte in json.loads(capsys.readouterr().out)["analytes"]}
    albumin = analytes["albumin"]
    assert (albumin["unit"], albumin["range"], albumin["modality"]) == ("g/dL", [0.5, 7], "labs")
    assert "1751-7" in {coding["code"] for coding in albumin["codings"]}
    factors = {other["unit"]: other["factor"] for other in albumin["other_units"]}
    assert factors["g/L"] == pytest.approx(0.1)
    assert factors["umol/L"] == pytest.approx(0.0066437, rel=1e-3)  # 66.4 kg a mole
    assert analytes["stage_group"]["categories"] == ["I", "II", "III", "IV"]
    assert "age" not in analytes
    assert run(["clinical", "analytes"]) == 0
    assert "albumin" in capsys.readouterr().out


def test_the_command_needs_no_torch(record):
    code = (
        "import sys\nfrom tumorcast_platform.cli import run\n"
        f"assert run(['clinical', 'extract', {str(record)!r}, '--json']) == 0\n"
        "assert not {'torch', 'monai', 'ray', 'xgboost', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
