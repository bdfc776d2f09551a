"""What ``tumorcast platform submit`` makes: manifests that a cluster takes, and commands that really run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.helm import ROOT
from support.schemas import KUBERNETES, check_core, crd_folder, custom_resource_schema, errors
from support.tabular import BLUEPRINT, as_csv, cohort, write_trained
from tumorcast_core.errors import InvalidInput
from tumorcast_platform import cli
from tumorcast_platform.cluster.jobs import manifests, work
from tumorcast_platform.cluster.jobs.manifests import Terms
from tumorcast_platform.cluster.jobs.submitting import jobs_image
from tumorcast_platform.cluster.jobs.work import Claim, Work

TERMS = Terms(
    "j", "tumorcast", "registry.example.org/tumorcast-training:0.1.0", ("registry",), node_selector={"a": "b"}
)
TRAIN = work.train("glioma", "cohorts:glioma", "models", ray_workers=2, cpus=2)
TRAIN_ALONE = work.train("simulated", "cohorts", "models:sim", ray_workers=2, cpus=2)
EVALUATE = work.evaluate("glioma", "cohorts", table="glioma/test.csv", plots="cohorts:plots", trained="models")
BATCH = work.batch("glioma", "cohorts.of.2026", "in.csv", "answers", "out/answers.csv")
EVERY = [TRAIN, TRAIN_ALONE, EVALUATE, BATCH]


def pod_templates(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    spec = manifest["spec"]
    if manifest["kind"] == "Job":
        return [spec["template"]]
    cluster = spec["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [spec["submitterPodTemplate"], *(group["template"] for group in groups)]


@pytest.mark.parametrize("todo", EVERY, ids=lambda todo: str(todo.task))
@pytest.mark.parametrize("version", [KUBERNETES[0], KUBERNETES[-1]])
def test_core_objects_are_valid_without_an_unknown_field(todo: Work, version: str) -> None:
    check_core(manifests.network_policy(todo, TERMS), version)
    made = manifests.manifest(todo, TERMS)
    if made["kind"] == "Job":
        check_core(made, version)
    for template in pod_templates(made):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p", **template["metadata"]},
            "spec": template["spec"],
        }
        check_core(pod, version)


def test_the_ray_job_is_valid_without_an_unknown_field() -> None:
    if not (crd_folder() / "rayjob_ray.io_v1.json.gz").is_file():
        pytest.skip("no schemas of custom resources: set TUMORCAST_SHARED to the folder that has schemas/crds")
    made = manifests.manifest(TRAIN, TERMS)
    assert errors(made, custom_resource_schema("rayjob_ray.io_v1")) == []


@pytest.mark.parametrize("todo", EVERY, ids=lambda todo: str(todo.task))
def test_every_pod_is_restricted_and_has_no_token(todo: Work) -> None:
    for template in pod_templates(manifests.manifest(todo, TERMS)):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"emptyDir", "persistentVolumeClaim"} >= {key for v in spec["volumes"] for key in v} - {"name"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"] == container["resources"]["limits"]


@pytest.mark.parametrize("todo", EVERY, ids=lambda todo: str(todo.task))
def test_every_object_says_whose_it_is_and_ends_some_day(todo: Work) -> None:
    made = manifests.manifest(todo, TERMS)
    for labels in (made["metadata"]["labels"], *(t["metadata"]["labels"] for t in pod_templates(made))):
        assert labels["app.kubernetes.io/part-of"] == "tumorcast"
        assert labels[manifests.JOB] == "j"
    assert made["spec"]["activeDeadlineSeconds"] > 0
    assert made["spec"]["ttlSecondsAfterFinished"] >= 0
    assert "backoffLimit" in made["spec"]


def test_what_fails_by_itself_is_not_tried_again_but_what_was_killed_is() -> None:
    rules = manifests.manifest(EVALUATE, TERMS)["spec"]["podFailurePolicy"]["rules"]
    assert [(rule["action"], rule.get("onExitCodes", {}).get("values")) for rule in rules] == [
        ("FailJob", [1, 2]),
        ("Ignore", None),
    ]


def test_a_table_of_patients_is_read_without_a_network() -> None:
    policy = manifests.network_policy(BATCH, TERMS)["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy.keys() & {"ingress", "egress"}


def test_the_pods_of_a_ray_job_reach_one_another_and_names_and_nothing_else() -> None:
    policy = manifests.network_policy(TRAIN, TERMS)["spec"]
    mine = {"podSelector": {"matchLabels": {manifests.JOB: "j"}}}
    assert {"from": [mine]} in policy["ingress"]
    assert {"to": [mine]} in policy["egress"]
    assert [rule.get("ports", [{}])[0].get("port") for rule in policy["egress"]] == [None, 53]
    assert [rule.get("ports", [{}])[0].get("port") for rule in policy["ingress"]] == [None, 8265]


def test_data_are_read_only_and_one_claim_may_hold_two_folders() -> None:
    [template] = pod_templates(manifests.manifest(EVALUATE, TERMS))
    mounts = {mount["mountPath"]: mount for mount in template["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["/data"]["readOnly"]
    assert mounts["/trained"]["readOnly"]
    assert "readOnly" not in mounts["/out"]
    assert mounts["/out"]["subPath"] == "plots"
    assert mounts["/data"]["name"] == mounts["/out"]["name"]
    assert len({volume["name"] for volume in template["spec"]["volumes"]}) == 3  # /tmp and two claims
    assert all(re.fullmatch("[a-z0-9-]+", volume["name"]) for volume in template["spec"]["volumes"])


def test_what_trains_without_ray_gets_one_pod() -> None:
    kinds = {name: manifests.manifest(work.train(name, "c", "o", ray_workers=2, cpus=1), TERMS)["kind"]
             for name in ("glioma", "sarcoma", "simulated", "click", "growth", "")}  # fmt: skip
    assert kinds == {
        "glioma": "RayJob", "sarcoma": "RayJob", "": "RayJob", "simulated": "Job", "click": "Job", "growth": "Job",
    }  # fmt: skip
    assert manifests.manifest(work.train("glioma", "c", "o", ray_workers=0, cpus=1), TERMS)["kind"] == "Job"


def test_ray_in_the_job_is_that_of_the_image() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert re.search(rf"^ray==({re.escape(manifests.RAY_VERSION)})$", pins, re.MULTILINE)


@pytest.mark.parametrize("text", ["", "UPPER", "a/b", "claim:", "claim:../x", "claim:/etc", "a b", "claim:x/../../y"])
def test_what_is_no_claim_is_refused(text: str) -> None:
    if text == "claim:":
        assert Claim.of(text, "/data").folder == ""
        return
    with pytest.raises(InvalidInput):
        Claim.of(text, "/data")


@given(st.text(max_size=30))
def test_no_path_leads_out_of_its_claim(path: str) -> None:
    try:
        found = work.inside(path)
    except InvalidInput:
        return
    assert os.path.normpath(f"/data/{found}").startswith("/data")


_LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?", fullmatch=True)


@given(release=_LABELS, model=_LABELS)
def test_a_new_name_is_always_one_that_a_cluster_takes(release: str, model: str) -> None:
    todo = work.batch(model, "c", "t.csv", "o", "a.csv")
    assert work.checked_name(work.new_name(release, todo)) != work.new_name(release, todo)


@pytest.mark.parametrize("image", ["registry/other:1", "registry/tumorcast-fusion@sha256:abc", "tumorcast-fusion-x:1"])
def test_an_image_that_does_not_tell_where_the_jobs_image_lies_is_refused(image: str) -> None:
    with pytest.raises(InvalidInput, match="--image"):
        jobs_image(image)


def submit(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = cli.run(["platform", "submit", *arguments])
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_dry_run_needs_no_cluster_and_prints_what_would_be_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    status, text = submit(
        capsys, "evaluate", "glioma", "--data-claim", "c", "--table", "t.csv", "--image", "i:1", "--name", "mine",
        "--dry-run", "--", "--subgroup", "sex", "--samples=40",
    )  # fmt: skip
    assert status == 0
    job, policy = yaml.safe_load_all(text)
    assert (job["metadata"]["name"], policy["kind"]) == ("mine", "NetworkPolicy")
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][-3:] == ["--subgroup", "sex", "--samples=40"]


HERE = ["--image", "i", "--dry-run"]
TRAINING = ["train", "glioma", "--data-claim", "c", "--out-claim", "o", *HERE]
BATCH_OF = ["batch", "glioma", "--data-claim", "c", "--out-claim", "o", "--answers", "a", *HERE]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate", "glioma", "--data-claim", "c", *HERE, "--", "--samples-of", "3"], "no option --samples-of"),
        (["evaluate", "Glioma", "--data-claim", "c", *HERE], "model's name"),
        ([*BATCH_OF, "--table", "/etc/passwd"], "leading /"),
        ([*TRAINING, "--memory", "8 GB"], "size is a number"),
        ([*TRAINING, "--node-selector", "gpu"], "KEY=VALUE"),
        ([*TRAINING, "--name", "9x"], "begins with a letter"),
        (["train", "glioma", "--out-claim", "o"], "--data-claim"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_made(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    status, text = submit(capsys, *arguments)
    assert status in (1, 2)
    assert told in text


NO_GATEWAY = """
import sys
class Image:
    def find_spec(self, name, path=None, target=None):
        if name == "tumorcast_gateway":
            raise ModuleNotFoundError("the image has no tumorcast_gateway", name=name)
sys.meta_path.insert(0, Image())
from tumorcast_platform.cli import run
sys.exit(run(sys.argv[1:]))
"""


def run_as_in_the_pod(command: list[str], folders: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """The container's command with its folders elsewhere, in a process that has no gateway, as the image."""
    assert command[:3] == ["python", "-m", "tumorcast_platform"]
    moved = [re.sub(r"^/(data|out|trained)(?=/|$)", lambda m: str(folders[m[1]]), part) for part in command[3:]]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folders["tmp"]),
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folders["tmp"]),
    }
    return subprocess.run(
        [sys.executable, "-c", NO_GATEWAY, *moved], env=environment, cwd=folders["tmp"], capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("claims")
    made = {name: root / name for name in ("data", "out", "trained", "tmp")}
    for folder in made.values():
        folder.mkdir()
    write_trained(made["trained"])
    as_csv(cohort(60, seed=11), made["data"] / "patients.csv")
    return made


def test_the_very_command_of_a_batch_answers_a_table(folders: dict[str, Path]) -> None:
    todo = work.batch(BLUEPRINT.name, "c", "patients.csv", "o", "answers.csv", trained="t", more=["--json"])
    [template] = pod_templates(manifests.manifest(todo, TERMS))
    done = run_as_in_the_pod(template["spec"]["containers"][0]["command"], folders)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 60
    assert len((folders["out"] / "answers.csv").read_text(encoding="utf-8").splitlines()) == 61
    again = run_as_in_the_pod(template["spec"]["containers"][0]["command"], folders)
    assert (
        again.returncode
        in manifests.manifest(todo, TERMS)["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    )


@pytest.mark.slow
def test_the_very_command_of_an_evaluation_scores_a_table(folders: dict[str, Path]) -> None:
    more = ["--json", "--samples", "20", "--no-subsets"]
    todo = work.evaluate(BLUEPRINT.name, "c", table="patients.csv", plots="o", trained="t", more=more)
    [template] = pod_templates(manifests.manifest(todo, TERMS))
    done = run_as_in_the_pod(template["spec"]["containers"][0]["command"], folders)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 60
    assert all(Path(file).is_relative_to(folders["out"]) for file in found["plots"])


@pytest.mark.slow
def test_a_training_without_patients_ends_as_a_failure_that_is_not_tried_again(folders: dict[str, Path]) -> None:
    todo = work.train("glioma", "c", "o", ray_workers=0, cpus=1)
    job = manifests.manifest(todo, TERMS)
    done = run_as_in_the_pod(job["spec"]["template"]["spec"]["containers"][0]["command"], folders)
    assert done.returncode in job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]
    assert "INCIDENT" not in done.stderr
    assert re.match("[A-Z_]+: .+", done.stderr)


def test_the_entrypoint_of_a_ray_job_is_the_same_command_on_a_cluster_that_asks_for_a_token() -> None:
    made = manifests.manifest(TRAIN, TERMS)
    assert made["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert shlex.split(made["spec"]["entrypoint"]) == list(TRAIN.command)
    assert TRAIN.command[-2:] == ("--ray-address", "auto")
