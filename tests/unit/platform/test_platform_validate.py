"""``render`` and ``validate``: what Helm refuses, and what our policies refuse in manifests."""

from __future__ import annotations

import copy
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import binaries
from support.recordings import FOLDER, NAMES, recording
from tumorcast_core.errors import InvalidInput
from tumorcast_platform import cli
from tumorcast_platform.cluster.charts import _with_dependencies, documents, find_charts, find_helm
from tumorcast_platform.cluster.diagnosis import diagnose
from tumorcast_platform.cluster.policies import problems_of

Object = dict[str, Any]
HELM = binaries()
ROOT = Path(__file__).parents[3]
LABELS = {"app": "a"}

CONTAINER: Object = {
    "name": "main",
    "image": "registry.example.org/a:1.2",
    "securityContext": {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
}  # fmt: skip


def release() -> list[Object]:
    """A release in which nothing is wrong."""
    spec = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [copy.deepcopy(CONTAINER)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return [
        {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": spec}}},
        {"kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": dict(LABELS)}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}, "spec": {
            "scaleTargetRef": {"name": "a"}, "minReplicas": 2, "maxReplicas": 4}},
    ]  # fmt: skip


def pod(manifests: list[Object]) -> Object:
    found: Object = manifests[0]["spec"]["template"]["spec"]
    return found


def container(manifests: list[Object]) -> Object:
    found: Object = pod(manifests)["containers"][0]
    return found


def test_a_release_that_keeps_the_policies_has_no_problem() -> None:
    assert problems_of(release()) == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda m: pod(m).update(hostNetwork=True), "pod-security", "hostNetwork is on"),
        (lambda m: pod(m)["volumes"].append({"name": "h", "hostPath": {}}), "pod-security", "volume h is a hostPath"),
        (lambda m: pod(m)["securityContext"].pop("runAsNonRoot"), "pod-security", "runAsNonRoot is not true"),
        (lambda m: pod(m)["securityContext"].pop("seccompProfile"), "pod-security", "no seccompProfile"),
        (lambda m: pod(m)["securityContext"].update(runAsUser=0), "pod-security", "runAsUser is 0"),
        (lambda m: container(m)["securityContext"].update(privileged=True), "pod-security", "privileged is on"),
        (lambda m: container(m)["securityContext"].pop("allowPrivilegeEscalation"), "pod-security", "Escalation"),
        (lambda m: container(m)["securityContext"].update(capabilities={"add": ["SYS_ADMIN"], "drop": ["ALL"]}),
         "pod-security", "capabilities are added"),
        (lambda m: container(m)["securityContext"].pop("capabilities"), "pod-security", "do not drop ALL"),
        (lambda m: container(m)["securityContext"].pop("readOnlyRootFilesystem"), "pod-security", "readOnlyRoot"),
        (lambda m: container(m).update(ports=[{"hostPort": 80}]), "pod-security", "port of the host"),
        (lambda m: pod(m).pop("automountServiceAccountToken"), "token", "token is mounted"),
        (lambda m: container(m)["resources"]["requests"].pop("cpu"), "requests", "requests no cpu"),
        (lambda m: container(m)["resources"]["requests"].update(memory="3Gi"), "requests", "more memory than"),
        (lambda m: container(m).update(image="registry.example.org/a"), "image", "no fixed version"),
        (lambda m: container(m).update(image="registry.example.org:5000/a:latest"), "image", "no fixed version"),
        (lambda m: m[2]["spec"].update(minReplicas=5), "autoscaler", "at least 5 and at most 4"),
        (lambda m: m[2]["spec"]["scaleTargetRef"].update(name="b"), "autoscaler", "not among the manifests"),
        (lambda m: m[0]["spec"].update(replicas=3), "autoscaler", "sets replicas itself"),
        (lambda m: m.append(copy.deepcopy(m[1])), "twice", "two of that name"),
        (lambda m: m.append({"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "YQ"}}), "secret", "a secret"),
        (lambda m: m[1]["spec"]["selector"].update(app="b"), "selector", "selects no pod"),
        (lambda m: container(m).update(env=[{"name": "TUMORCAST_GATEWAY_INSECURE_DEMO", "value": "true"}]),
         "insecure-demo", "may call it"),
    ],
)  # fmt: skip
def test_what_breaks_a_policy_is_told(change: Callable[[list[Object]], object], code: str, words: str) -> None:
    manifests = release()
    change(manifests)
    [problem] = problems_of(manifests)
    assert problem.code == code
    assert words in problem.message
    assert problem.warning == (code in ("selector", "insecure-demo"))


def test_an_image_by_its_digest_has_a_fixed_version() -> None:
    manifests = release()
    container(manifests)["image"] = f"registry.example.org/a@sha256:{'0' * 64}"
    assert problems_of(manifests) == []


@pytest.mark.parametrize("kind", ["RayService", "CronJob", "Pod", "Job"])
def test_pods_of_every_kind_are_looked_at(kind: str) -> None:
    bad: Object = {"spec": {"containers": [{"name": "x", "image": "a"}]}}
    spec: Object = {
        "RayService": {"rayClusterConfig": {"headGroupSpec": {"template": bad}, "workerGroupSpecs": []}},
        "CronJob": {"jobTemplate": {"spec": {"template": bad}}},
        "Pod": bad["spec"],
        "Job": {"template": bad},
    }[kind]
    codes = {problem.code for problem in problems_of([{"kind": kind, "metadata": {"name": "x"}, "spec": spec}])}
    assert {"pod-security", "token", "requests", "image"} <= codes


@pytest.mark.parametrize("junk", [{}, {"kind": 3}, {"kind": "Deployment", "spec": []}, {"kind": "Pod", "spec": None}])
def test_odd_manifests_never_raise(junk: Object) -> None:
    problems_of([junk, *release()])


@pytest.mark.parametrize("text", ["a: [", "just words", "- a\n- b", "kind: ''", "\x00"])
def test_a_text_that_is_no_manifests_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        documents(text)


def test_where_there_is_no_helm_and_no_chart_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidInput, match="install Helm"):
        find_helm(None)
    with pytest.raises(InvalidInput, match="give the folder charts/"):
        find_charts(tmp_path)


def test_manifests_in_a_file_are_validated_and_strict_counts_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifests = release()
    manifests[1]["spec"]["selector"] = {"app": "nobody"}
    file = tmp_path / "release.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    assert cli.run(["platform", "validate", str(file)]) == 0
    assert "3 objects: nothing is wrong, 1 warning." in capsys.readouterr().out
    assert cli.run(["platform", "validate", str(file), "--strict", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["code"] == "selector"


needs_helm = pytest.mark.skipif(not HELM, reason="no helm: make tools fetches it")


@needs_helm
def test_our_own_charts_break_none_of_our_policies(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--charts", str(ROOT / "charts"), "--helm", HELM[-1], "--values", str(FOLDER / "values.yaml")]
    assert cli.run(["platform", "validate", *arguments, "--strict"]) == 0
    assert "nothing is wrong." in capsys.readouterr().out


@needs_helm
def test_values_that_the_charts_refuse_are_told_with_helms_reason(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--charts", str(ROOT / "charts"), "--helm", HELM[-1]]
    assert cli.run(["platform", "render", *arguments]) == 1
    assert capsys.readouterr().err.startswith("INVALID_INPUT: Say who may call: ")
    assert cli.run(["platform", "validate", *arguments, "--set", "gatway.replicas=2"]) == 1
    assert "'gatway' not allowed" in capsys.readouterr().err


@needs_helm
def test_what_is_rendered_is_yaml_and_with_json_objects(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--charts", str(ROOT / "charts"), "--helm", HELM[-1], "--set", "gateway.auth.insecureDemo=true"]
    assert cli.run(["platform", "render", *arguments]) == 0
    plain = documents(capsys.readouterr().out)
    assert cli.run(["platform", "render", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["manifests"] == plain
    assert {"Deployment", "RayService"} <= {manifest["kind"] for manifest in plain}


STEPS = [
    "--set clinical.autoscaling.maxReplicas=12",
    "--set fusion.disruption.maxUnavailable=1",
    "--set fusion.resources.limits.memory=9Gi",
    "--set 'global.imagePullSecrets={registry}'",
    "--set global.imageRegistry=registry.example.org/copy",
    "--set imaging.encoders.ct-lesion.autoscaling.maxReplicas=1",
    "--set imaging.encoders.ct-lesion.memory=12Gi",
    "--set imaging.head.memory=3Gi",
    "--set imaging.ingress.memory=9Gi",
    "--set imaging.operator.namespace=kuberay",
    "--set notes.image.tag=TAG",
    '--set-json \'imaging.encoders.ct-lesion.tolerations=[{"key": "team", "operator": "Exists"}]\'',
]
"""Every change of values that a finding proposes."""


@needs_helm
def test_what_a_finding_proposes_to_change_is_taken_by_the_charts() -> None:
    told = {step for name in NAMES for finding in diagnose(recording(name)).findings for step in finding.steps}
    proposed = {step.partition("--reset-then-reuse-values ")[2] for step in told if "helm upgrade" in step}
    assert proposed
    assert {step.replace("NAMESPACE", "kuberay") for step in proposed} <= set(STEPS)
    words = [word for step in STEPS for word in shlex.split(step)]
    with _with_dependencies(HELM[-1], ROOT / "charts" / "tumorcast") as chart:
        command = [HELM[-1], "template", "tumorcast", str(chart), "--values", str(FOLDER / "values.yaml"), *words]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    deployments = [m["spec"]["template"]["spec"] for m in documents(done.stdout) if m["kind"] == "Deployment"]
    images = {c["image"] for spec in deployments for c in spec["containers"]}
    assert "registry.example.org/copy/tumorcast-notes:TAG" in images
