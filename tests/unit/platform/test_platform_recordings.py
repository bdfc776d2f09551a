"""What ``status`` and ``diagnose`` say about each recorded cluster, in full; and that the recordings are as an API's.

After a change of wording: ``python -m pytest … --no-header`` shows the difference; UPDATE=1 writes the texts anew.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from kubernetes_validate import ValidationError

from support.helm import ROOT
from support.recordings import FOLDER, NAMES, recording
from support.schemas import check_core
from tumorcast_platform import cli
from tumorcast_platform.cluster.diagnosis import diagnose
from tumorcast_platform.render import as_text
from tumorcast_platform.render.platform_diagnosis import diagnosis_page
from tumorcast_platform.render.platform_status import status_page

CORE = (
    "Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "Event", "Job", "HorizontalPodAutoscaler",
    "PodDisruptionBudget", "NetworkPolicy", "PersistentVolumeClaim", "Node",
)  # fmt: skip
RULES = ROOT / "services" / "tumorcast_platform" / "cluster" / "diagnosis"
EXPECTED = {
    "at-maximum": ["autoscaler-at-maximum", "keda-blind"],
    "gpu-pending": ["gpu-taken"],
    "healthy": [],
    "image-pull": ["image-missing"],
    "migration-failed": ["migration-failed"],
    "missing-secret": ["missing-secret"],
    "no-operator": ["no-ray-operator"],
    "operator-shut-out": ["ray-operator-shut-out"],
    "out-of-memory": ["crash", "out-of-memory"],
    "replicas-without-pods": ["replicas-without-pods"],
    "upgrade-stuck": ["serve-deploy-failed"],
}


def golden(name: str, text: str) -> None:
    file = FOLDER / name
    if "UPDATE" in os.environ:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_status_says_about_a_recorded_cluster_what_is_written_beside_it(name: str) -> None:
    golden(f"{name}.status.txt", as_text(status_page(recording(name))))


@pytest.mark.parametrize("name", NAMES)
def test_diagnose_says_about_a_recorded_cluster_what_is_written_beside_it(name: str) -> None:
    snapshot = recording(name)
    golden(f"{name}.diagnose.txt", as_text(diagnosis_page(snapshot, diagnose(snapshot))))


@pytest.mark.parametrize("name", NAMES)
def test_each_broken_cluster_has_its_causes_and_no_other(name: str) -> None:
    diagnosis = diagnose(recording(name))
    assert [finding.code for finding in diagnosis.findings] == EXPECTED[name]
    assert not diagnosis.unexplained


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_has_evidence_a_next_step_and_a_command(name: str) -> None:
    for finding in diagnose(recording(name)).findings:
        assert all(evidence.where and evidence.told for evidence in finding.evidence)
        assert any(step.startswith("$ ") for step in finding.steps)
        assert finding.cause.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_core_objects_of_a_recording_have_the_shape_of_the_api(name: str) -> None:
    wrong = []
    for kind in CORE:
        for item in recording(name).of(kind)[:40]:
            try:
                check_core({**item, "metadata": dict(item["metadata"])}, "1.33")
            except ValidationError as e:
                wrong.append(f"{kind} {item['metadata']['name']}: {e.message[:200]}")
    assert not wrong


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_holds_no_value_of_a_variable_and_no_data(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert "Secret" not in document["objects"]
    assert "ConfigMap" not in document["objects"]
    assert "managedFields" not in text
    assert "last-applied-configuration" not in text
    assert "login.example.org" not in text  # a value of a variable


@pytest.mark.parametrize(("name", "status"), [("healthy", 0), ("image-pull", 1), ("migration-failed", 1)])
def test_the_commands_read_recordings_and_tell_by_their_status(
    name: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("status", "diagnose"):
        assert cli.run(["platform", command, "--from", str(FOLDER / f"{name}.json"), "--json"]) == status
        assert json.loads(capsys.readouterr().out)["well"] is (status == 0)


def test_a_file_that_is_no_recording_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["platform", "status", "--from", str(FOLDER / "values.yaml")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_every_runbook_that_a_finding_may_name_is_there() -> None:
    pages = {page.stem for page in (ROOT / "charts" / "runbooks").glob("*.md")}
    source = "".join(rule.read_text(encoding="utf-8") for rule in RULES.glob("*.py"))
    named = set(re.findall(r"(?:runbook=|RUNBOOK = |runbook = )\"([a-z-]+)\"", source))
    assert len(named) >= 5
    assert named <= pages
    assert {finding.runbook for name in NAMES for finding in diagnose(recording(name)).findings} <= pages
