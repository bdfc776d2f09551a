"""Whatever value is changed, an upgrade finds its objects again, changes no immutable field, and replaces a pod only
for something of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.chart_releases import DATABASE, SIGN_IN, SWITCHES, TLS, Settings
from support.helm import CHARTS, SERVICES, Helm, Manifest, copy_charts
from support.schemas import pod_templates

Key = tuple[str, str]
Objects = dict[Key, Manifest]

IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.completionMode"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.selector"),
    "RoleBinding": ("roleRef",),
    "ConfigMap": ("immutable",),
    "Secret": ("immutable", "type"),
}
"""Fields that the API server (Kubernetes 1.37) refuses to change."""

LASTING = ("Deployment", "RayService", "Service", "ServiceAccount", "PodDisruptionBudget")

TURNS: dict[str, Settings] = {
    f"{switch}:{setting}": values
    for switch, settings in SWITCHES.items()
    for setting, values in settings.items()
    if values
} | {
    "replicas": {"clinical.replicas": 4},
    "a tag": {"notes.image.tag": "0.2.0"},
    "resources": {"fusion.resources.limits.memory": "4Gi"},
    "a log level": {"gateway.logLevel": "DEBUG"},
    "shutdown": {"clinical.shutdown.drainSeconds": 60},
}
"""One change of each kind."""

BASES: dict[str, Settings] = {"demonstration": {}, "sign-in": SIGN_IN | DATABASE | TLS}
NO_DATABASE: Settings = {"gateway.records.database.existingSecret": ""}
TURNS["gateway:claim"] |= NO_DATABASE  # records lie in one place


def objects(manifests: list[Manifest]) -> Objects:
    return {(m["kind"], m["metadata"]["name"]): m for m in manifests}


def field(manifest: Manifest, path: str) -> Any:
    value: Any = manifest
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def is_replaced_hook(manifest: Manifest) -> bool:
    """Whether Helm deletes the object before it makes the next one of that name."""
    annotations = manifest["metadata"].get("annotations", {})
    return "helm.sh/hook" in annotations and "before-hook-creation" in annotations["helm.sh/hook-delete-policy"]


def immutable_changes(before: Objects, after: Objects) -> list[str]:
    return [
        f"{kind} {name}: {path}"
        for kind, name in before.keys() & after.keys()
        for path in IMMUTABLE.get(kind, ())
        if not is_replaced_hook(after[kind, name]) and field(before[kind, name], path) != field(after[kind, name], path)
    ]


def templates(found: Objects) -> dict[Key, list[dict[str, Any]]]:
    """What pods that stand are made from; another template is another pod."""
    return {key: list(pod_templates(m)) for key, m in found.items() if key[0] in ("Deployment", "RayService")}


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest) -> Settings:
    return BASES[request.param]


@pytest.mark.parametrize("turn", TURNS)
def test_no_change_of_values_changes_an_immutable_field_there_or_back(one_helm: Helm, base: Settings, turn: str):
    before = objects(one_helm.render(values=base))
    after = objects(one_helm.render(values=base | TURNS[turn]))
    assert immutable_changes(before, after) == []
    assert immutable_changes(after, before) == []
    assert before != after or TURNS[turn].items() <= base.items()


@pytest.mark.parametrize("turn", TURNS)
def test_no_change_of_values_renames_what_lasts(one_helm: Helm, base: Settings, turn: str):
    before = objects(one_helm.render(values=base))
    after = objects(one_helm.render(values=base | TURNS[turn]))
    off = {path.partition(".")[0] for path, value in TURNS[turn].items() if path.endswith(".enabled") and not value}
    lasting = {key for key, m in before.items() if key[0] in LASTING and not is_replaced_hook(m)}
    kept = {key for key in lasting if not any(key[1].startswith(f"demo-{name}") for name in off)}
    encoders = {key for key in kept if key[1].startswith("demo-imaging-encoder")}  # a group that goes takes its budget
    assert kept - after.keys() <= encoders


@pytest.mark.parametrize(
    "values",
    [
        {"clinical.replicas": 4},
        {"clinical.autoscaling.enabled": True},
        {"fusion.disruption.maxUnavailable": "25%"},
        {"notes.network.allowTo": [{"cidr": "10.0.0.0/8"}]},
        {"global.networkPolicy.enabled": False},
        {"global.monitoring.enabled": True},
        {"gateway.ingress.enabled": True, "gateway.ingress.host": "t.example.org"},
        {"gateway.loadBalancer.enabled": True},
    ],
    ids=str,
)
def test_what_is_not_the_pods_own_replaces_no_pod(one_helm: Helm, base: Settings, values: Settings):
    way_in = {"gateway.tls.endedElsewhere": True, "gateway.tls.existingSecret": ""} if base else {}
    before, after = (objects(one_helm.render(values=base | way_in | more)) for more in ({}, values))
    assert templates(before) == templates(after)
    assert before != after


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "imaging"])
def test_a_change_of_one_services_pods_replaces_that_services_pods_alone(one_helm: Helm, service: str):
    changes = {"image.tag": "0.2.0", "logLevel": "DEBUG", "resources.limits.memory": "3Gi", "tmpSize": "512Mi"}
    before = templates(objects(one_helm.render()))
    for key, value in changes.items():
        after = templates(objects(one_helm.render(values={f"{service}.{key}": value})))
        assert {name for name in before if before[name] != after[name]} == {("Deployment", f"demo-{service}")}, key


def test_a_new_chart_version_alone_replaces_no_pod(one_helm: Helm, tmp_path: Path):
    newer = Helm(one_helm.binary, copy_charts(tmp_path / "charts"))
    for chart in CHARTS.iterdir():
        about = newer.charts / chart.name / "Chart.yaml"
        if about.is_file():
            text = re.sub(r"^( *(?:- )?version: ).*$", r"\g<1>0.9.9", about.read_text(encoding="utf-8"), flags=re.M)
            about.write_text(text, encoding="utf-8")
    newer.build()
    before, after = objects(one_helm.render()), objects(newer.render())
    assert before.keys() == after.keys()
    assert before != after
    assert templates(before) == templates(after)
    assert immutable_changes(before, after) == []


def test_a_rollout_never_takes_a_pod_away_before_its_successor_is_ready(one_helm: Helm):
    for manifest in one_helm.render():
        if manifest["kind"] == "Deployment":
            rollout = manifest["spec"]["strategy"]["rollingUpdate"]
            assert rollout == {"maxUnavailable": 0, "maxSurge": 1}


def test_a_job_that_runs_again_is_made_anew(one_helm: Helm):
    jobs = [m for m in one_helm.render(values=BASES["sign-in"]) if m["kind"] in ("Job", "Pod")]
    assert jobs
    assert all(is_replaced_hook(job) for job in jobs)


def test_the_check_of_immutable_fields_sees_a_changed_selector(one_helm: Helm):
    before, after = (objects(one_helm.render()) for _ in range(2))
    after["Deployment", "demo-notes"]["spec"]["selector"]["matchLabels"]["version"] = "2"
    del after["Service", "demo-notes"]["spec"]["clusterIP"]
    assert sorted(immutable_changes(before, after)) == [
        "Deployment demo-notes: spec.selector",
        "Service demo-notes: spec.clusterIP",
    ]


def test_an_upgrade_may_change_who_scales(one_helm: Helm):
    # Helm makes what is new before it takes away what is gone, and KEDA refuses a target that an HPA has, unless told.
    hpa = objects(one_helm.render(values=SWITCHES["clinical"]["hpa"]))["HorizontalPodAutoscaler", "demo-clinical"]
    assert hpa["metadata"]["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}
