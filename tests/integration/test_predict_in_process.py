"""``tumorcast predict`` without a server: one whole query in one process, no Ray, no sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.patients import GROUPS, complete_patient, probabilities, status_of, use_of, without
from tumorcast_platform import cli


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return complete_patient(tmp_path_factory.mktemp("patients"))


class Predict:
    """Runs ``tumorcast predict --model simulated … --json``; the answer, and the exit status kept."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.status = -1

    def __call__(self, *arguments: str | Path) -> dict[str, Any]:
        self.status = cli.run(["predict", "--model", "simulated", *map(str, arguments), "--json"])
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return answer


@pytest.fixture
def predict(capsys: pytest.CaptureFixture[str]) -> Predict:
    return Predict(capsys)


def test_every_input_of_a_complete_patient_is_used(predict: Predict, patient: Path) -> None:
    answer = predict("--patient", patient)
    assert predict.status == 0
    assert {group: status_of(answer, group) for group in GROUPS} == dict.fromkeys(GROUPS, "used")
    assert answer["simulated"] is True
    assert all(0 <= p <= 1 for p in probabilities(answer))


@pytest.mark.parametrize("group", GROUPS)
def test_with_one_group_withheld_it_still_answers_and_says_so(
    predict: Predict, patient: Path, tmp_path: Path, group: str
) -> None:
    answer = predict("--patient", without(patient, group, tmp_path))
    assert predict.status == 0
    used = {name for name in GROUPS if status_of(answer, name) == "used"}
    assert used == set(GROUPS) - {group}
    assert use_of(answer, group)["status"] == "absent"
    assert use_of(answer, group)["reason"]["code"] == "NOT_PROVIDED"
    assert all(endpoint["status"] == "predicted" for endpoint in answer["endpoints"])


def test_naming_every_file_gives_the_same_numbers_as_naming_the_folder(predict: Predict, patient: Path) -> None:
    notes = [argument for note in (patient / "notes").iterdir() for argument in ("--note", note)]
    answer = predict(
        *("--dicom", f"follow_up={patient / 'dicom' / 'follow_up'}"),
        *("--dicom", f"baseline={patient / 'dicom' / 'baseline'}"),
        *("--fhir", patient / "fhir.json"),
        *notes,
    )
    assert probabilities(answer) == probabilities(predict("--patient", patient))


def test_studies_without_a_role_take_theirs_by_date(predict: Predict, patient: Path, tmp_path: Path) -> None:
    for number, role in enumerate(("follow_up", "baseline")):
        (tmp_path / str(number)).symlink_to(patient / "dicom" / role)
    answer = predict("--dicom", tmp_path / "0", "--dicom", tmp_path / "1")
    assert probabilities(answer) == probabilities(predict("--dicom", patient / "dicom"))


def test_horizons_are_those_asked_for(predict: Predict, patient: Path) -> None:
    answer = predict("--fhir", patient / "fhir.json", "--horizon", "200", "--horizon", "100")
    (points,) = (endpoint["survival"]["points"] for endpoint in answer["endpoints"] if endpoint["survival"])
    assert [point["horizon_days"] for point in points] == [100, 200]


def test_a_feature_that_the_caller_states_is_used(predict: Predict, tmp_path: Path) -> None:
    features = tmp_path / "features.csv"
    features.write_text("name,value\nalbumin,3.9\n")
    answer = predict("--features", features)
    assert {group for group in GROUPS if status_of(answer, group) == "used"} == {"labs"}


def test_nothing_dated_after_the_index_date_is_used(predict: Predict, patient: Path) -> None:
    answer = predict("--patient", patient, "--index-date", "2001-01-01")
    dated = ("ct_baseline", "ct_follow_up", "labs", "notes", "genomics")
    assert {status_of(answer, group) for group in dated} <= {"absent", "rejected"}
    assert "AFTER_INDEX_DATE" in {issue["code"] for issue in answer["issues"]}


@pytest.mark.parametrize(
    ("name", "content", "option", "code"),
    [
        ("fhir.json", b"{", "--fhir", "MALFORMED_FHIR"),
        ("fhir.json", b"[]", "--fhir", "MALFORMED_FHIR"),
        ("fhir.json", b"[" * 100_000, "--fhir", "MALFORMED_FHIR"),
        ("fhir.json", b'{"resourceType": "Bundle", "type": "collection"}', "--fhir", "NO_INPUT"),
        ("fhir.json", b'{}, "model": "other"', "--fhir", "MALFORMED_FHIR"),
        ("note.txt", b"\xff\xfe\x00", "--note", "MALFORMED_DOCUMENT"),
        ("scan.dcm", b"no image", "--dicom", "NOT_DICOM"),
        ("features.json", b'{"albumin": 1000}', "--features", "IMPLAUSIBLE_VALUE"),
        ("features.json", b'{"shoe_size": 44}', "--features", "UNKNOWN_FEATURE"),
        ("features.json", b"7", "--features", "INVALID_INPUT"),
    ],
)
def test_bad_input_is_a_clear_error(
    predict: Predict, tmp_path: Path, name: str, content: bytes, option: str, code: str
) -> None:
    (tmp_path / name).write_bytes(content)
    answer = predict(option, tmp_path if option == "--dicom" else tmp_path / name)
    assert predict.status == 1
    assert answer["error"]["code"] == code


def test_no_input_at_all_is_a_clear_error(predict: Predict) -> None:
    assert predict()["error"]["code"] == "NO_INPUT"


def test_an_unknown_model_is_refused_in_one_line(patient: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", "--model", "astrology", "--fhir", str(patient / "fhir.json")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("UNKNOWN_MODEL: ")
    assert said.err.count("\n") == 1
    assert not said.out


def test_neither_ray_nor_a_server_is_loaded(patient: Path) -> None:
    script = (
        "import sys; from tumorcast_platform import cli; "
        f"status = cli.run(['predict', '--model', 'simulated', '--patient', {str(patient)!r}, '--json']); "
        "sys.exit(status or ('ray' in sys.modules) or ('uvicorn' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=dict(os.environ), capture_output=True, timeout=120)
    assert done.returncode == 0
    assert json.loads(done.stdout)["simulated"]


def test_measured_studies_are_the_scans_of_the_growth_model(
    patient: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = tmp_path / "sums.json"
    studies = [str(patient / "dicom" / name) for name in ("baseline", "follow_up")]
    assert cli.run(["imaging", "change", *studies, "--features", str(features), "--json"]) == 0
    capsys.readouterr()
    forecasts = []
    for given in (["--dicom", str(patient / "dicom")], ["--features", str(features)]):
        assert cli.run(["predict", "--model", "colorectal-growth", *given, "--json"]) == 0
        (endpoint,) = json.loads(capsys.readouterr().out)["endpoints"]
        forecasts.append(endpoint["trajectory"])
    assert forecasts[0] == forecasts[1]
