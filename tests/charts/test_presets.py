"""The presets: each renders with what its own comments ask its user to add, is refused without, and is what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.chart_releases import SIGN_IN, presets
from support.helm import CHARTS, Helm, HelmError, Manifest
from support.schemas import pick, pod_specs

PRESETS = presets()
DEMO = {"gateway.auth.insecureDemo": True}


def values_of(name: str) -> dict[str, Any]:
    return yaml.safe_load((CHARTS / "tumorcast" / f"values-{name}.yaml").read_text(encoding="utf-8"))


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {key: leaf for name, each in value.items() for key, leaf in leaves(each, f"{path}.{name}").items()}
    return {path.lstrip("."): value}


def test_there_are_the_presets_that_the_charts_promise():
    assert PRESETS.keys() == {"single-node", "gpu", "ha", "airgapped"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_its_user_must_add_and_asks_for_no_more(name: str):
    head = (CHARTS / "tumorcast" / f"values-{name}.yaml").read_text(encoding="utf-8").partition("\n\n")[0]
    for key in PRESETS[name].values:
        if not key.startswith("gateway.auth.insecureDemo"):
            told = key.removesuffix(".allowTo").removesuffix(".existingSecret").removesuffix(".audiences")
            assert told in head, f"{key} is nowhere among what is to be added"


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_lets_everyone_in(name: str):
    assert "gateway.auth.insecureDemo" not in leaves(values_of(name))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_alone_is_refused_until_it_is_said_who_may_call(one_helm: Helm, name: str):
    with pytest.raises(HelmError, match=r"who may call|studies\.existingClaim"):
        one_helm.run("template", "demo", "charts/tumorcast", "--values", str(PRESETS[name].files[0]))


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (name, key)
        for name, release in PRESETS.items()
        for key in release.values
        if key not in ("global.imageRegistry",)
    ],
)
def test_each_addition_is_needed(one_helm: Helm, name: str, missing: str):
    release = PRESETS[name]
    left = {key: value for key, value in release.values.items() if key != missing}
    if missing == "gateway.auth.insecureDemo":
        return  # said by the tests' helm, not by the preset
    with pytest.raises(HelmError):
        one_helm.render(values=DEMO | left if missing.startswith("imaging") else left, files=release.files)


@pytest.fixture(scope="module")
def found(helms: list[Helm]) -> dict[str, list[Manifest]]:
    if not helms:
        pytest.skip("no helm: run `make tools`, or install Helm 3 or 4")
    return {name: release.render(helms[0]) for name, release in PRESETS.items()}


def requests(manifests: list[Manifest]) -> tuple[float, float]:
    """Processors and GiB that all pods together ask for, one pod of each."""
    cpus = memory = 0.0
    for pod in (pod for m in manifests if m["kind"] in ("Deployment", "RayService") for pod in pod_specs(m)):
        for container in pod["containers"]:
            asked = container["resources"]["requests"]
            cpu, size = str(asked["cpu"]), asked["memory"]
            cpus += float(cpu.removesuffix("m")) / (1000 if cpu.endswith("m") else 1)
            memory += float(size[:-2]) / (1024 if size.endswith("Mi") else 1)
    return cpus, memory


def test_a_single_node_release_fits_a_laptop(found: dict[str, list[Manifest]]):
    cpus, memory = requests(found["single-node"])
    assert cpus <= 3
    assert memory <= 7
    kinds = {m["kind"] for m in found["single-node"]}
    assert not kinds & {"HorizontalPodAutoscaler", "ScaledObject", "Certificate", "ServiceMonitor"}
    cluster = pick(found["single-node"], "RayService", "demo-imaging")["spec"]["rayClusterConfig"]
    assert [group["groupName"] for group in cluster["workerGroupSpecs"]] == ["ingress"]


def test_a_gpu_release_gives_each_encoder_pod_a_gpu_and_nobody_else(found: dict[str, list[Manifest]]):
    cluster = pick(found["gpu"], "RayService", "demo-imaging")["spec"]["rayClusterConfig"]
    gpus = {
        group["groupName"]: group["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
        for group in cluster["workerGroupSpecs"]
    }
    assert {name: str(count) for name, count in gpus.items() if count} == {
        name: "1" for name in gpus if name != "ingress"
    }
    assert len(gpus) == 3
    assert cluster["enableInTreeAutoscaling"] is True


def test_a_release_that_must_stay_up_has_two_of_everything_budgets_tls_and_alerts(found: dict[str, list[Manifest]]):
    manifests = found["ha"]
    for service in ("clinical", "notes", "fusion", "gateway"):
        scaler = pick(manifests, "HorizontalPodAutoscaler", f"demo-{service}")["spec"]
        assert scaler["minReplicas"] >= 2
        assert pick(manifests, "PodDisruptionBudget", f"demo-{service}")
        assert pick(manifests, "Certificate", f"demo-{service}")
        [pod] = pod_specs(pick(manifests, "Deployment", f"demo-{service}"))
        assert {c["topologyKey"] for c in pod["topologySpreadConstraints"]} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
    groups = pick(manifests, "RayService", "demo-imaging")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert all(group["replicas"] >= 2 for group in groups)
    assert pick(manifests, "PrometheusRule", "demo-gateway")
    assert pick(manifests, "Job", "demo-gateway-migration")


def test_an_airgapped_release_takes_images_from_its_own_registry_and_asks_nobody_outside(
    found: dict[str, list[Manifest]],
):
    manifests = found["airgapped"]
    pods = [pod for m in manifests for pod in pod_specs(m)]
    images = {container["image"] for pod in pods for container in pod["containers"]}
    assert all(image.startswith("registry.hospital.example/tumorcast/") for image in images)
    assert all(pod["imagePullSecrets"] == [{"name": "tumorcast-registry"}] for pod in pods)
    [told] = SIGN_IN["gateway.network.allowTo"]
    outside = {
        peer["ipBlock"]["cidr"]
        for m in manifests
        if m["kind"] == "NetworkPolicy"
        for rule in m["spec"].get("egress", [])
        for peer in rule.get("to", [{"ipBlock": {"cidr": "anywhere"}}])
        if "ipBlock" in peer
    }
    assert outside == {told["cidr"]}
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"tumorcast-models", "tumorcast-encoders", "tumorcast-studies"}


def test_the_presets_go_together(one_helm: Helm):
    files = tuple(Path(PRESETS[name].files[0]) for name in ("ha", "gpu"))
    manifests = one_helm.render(values=PRESETS["ha"].values, files=files)
    assert pick(manifests, "HorizontalPodAutoscaler", "demo-gateway")
    assert len(pick(manifests, "RayService", "demo-imaging")["spec"]["rayClusterConfig"]["workerGroupSpecs"]) == 3
