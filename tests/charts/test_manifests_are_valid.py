"""Everything that the charts render is valid where it will be sent, unknown fields included."""

from __future__ import annotations

import copy
import json
from typing import Any

import kubernetes_validate
import pytest

from support.chart_releases import RELEASES, Release
from support.helm import APPLICATIONS, SERVICES, Helm, Manifest, settings
from support.schemas import CUSTOM, KUBERNETES, check_core, check_custom, errors, pick

SCHEMA_NOT_AT_HAND = {"PrometheusRule"}  # promtool checks its rules in test_alerts…
CORE = {
    *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy", "PersistentVolumeClaim"),
    *("Pod", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount"),
}
VALID: set[tuple[str, str]] = set()
"""Core objects, as JSON, with the Kubernetes versions that they were found valid in."""


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_a_chart_lints_and_renders_by_itself(helm: Helm, chart: str):
    assert "0 chart(s) failed" in helm.run("lint", "--strict", f"charts/{chart}", *settings(chart, {}))
    assert helm.render(chart)


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_lints_strictly(helm: Helm, name: str):
    release = RELEASES[name]
    files = [word for file in release.files for word in ("--values", str(file))]
    said = helm.run("lint", "--strict", "charts/tumorcast", *files, *settings("tumorcast", release.values))
    assert "0 chart(s) failed" in said


@pytest.mark.parametrize("version", KUBERNETES)
def test_core_objects_are_valid_in_each_kubernetes_version(rendered: list[Manifest], version: str):
    for manifest in (m for m in rendered if m["kind"] in CORE):
        key = (version, json.dumps(manifest, sort_keys=True))
        if key not in VALID:
            check_core(manifest, version)
            VALID.add(key)


def test_custom_resources_are_valid(rendered: list[Manifest], custom_schemas: None):
    for manifest in (m for m in rendered if m["kind"] in CUSTOM):
        assert check_custom(manifest) == [], f"{manifest['kind']} {manifest['metadata']['name']}"


def test_no_kind_goes_unchecked(rendered: list[Manifest]):
    assert {m["kind"] for m in rendered} <= CORE | CUSTOM.keys() | SCHEMA_NOT_AT_HAND


def test_the_releases_between_them_have_every_kind_that_the_charts_know(one_helm: Helm):
    kinds = {m["kind"] for release in RELEASES.values() for m in release.render(one_helm)}
    assert {"HorizontalPodAutoscaler", "ScaledObject", "ServiceMonitor", "Certificate", "Issuer", "Job"} <= kinds


def test_the_check_of_core_objects_refuses_a_misspelled_field(one_helm: Helm):
    broken = pick(one_helm.render(), "Deployment", "demo-clinical")
    broken["spec"]["template"]["spec"]["automountServiceAcountToken"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="automountServiceAcountToken"):
        check_core(broken, KUBERNETES[-1])


def test_the_check_of_core_objects_says_what_kubernetes_validate_says(one_helm: Helm):
    broken = pick(one_helm.render(), "Service", "demo-clinical")
    check_core(broken, "1.33")
    kubernetes_validate.validate(broken, "1.33", strict=True)
    broken["spec"]["ports"][0]["port"] = "fifty"
    said = []
    for check in (check_core, lambda m, version: kubernetes_validate.validate(m, version, strict=True)):
        with pytest.raises(kubernetes_validate.ValidationError) as refused:
            check(broken, "1.33")
        said.append((refused.value.message, list(refused.value.absolute_path)))
    assert said[0] == said[1]


def test_the_check_of_custom_resources_refuses_a_misspelled_field(one_helm: Helm, rayservice_schema: dict[str, Any]):
    good = pick(one_helm.render(), "RayService", "demo-imaging")
    deep = copy.deepcopy(good)
    deep["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["nodeSelectors"] = {}
    [error] = errors(deep, rayservice_schema)
    assert "nodeSelectors" in error
    good["spec"]["serveConfig"] = ""
    [error] = errors(good, rayservice_schema)
    assert "serveConfig" in error


@pytest.mark.parametrize("name", RELEASES)
def test_helm_3_and_helm_4_render_the_same(helms: list[Helm], name: str):
    if len({helm.version.split(".")[0] for helm in helms}) < 2:
        pytest.skip("needs Helm 3 and Helm 4: run `make tools`")
    first, *others = [RELEASES[name].render(helm) for helm in helms]
    assert all(other == first for other in others)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("values", [{}, {"global.monitoring.enabled": True, "global.mtls.enabled": True}])
def test_a_service_alone_renders_what_it_renders_under_the_umbrella(
    one_helm: Helm, service: str, values: dict[str, Any]
):
    together = [m for m in one_helm.render(values=values) if of_service(m, service)]
    alone = [m for m in one_helm.render(service, values) if not of_authority(m)]
    assert alone == together


def of_service(manifest: Manifest, service: str) -> bool:
    """Whether an object is of that service's chart, its errands included."""
    name = manifest["metadata"]["labels"]["app.kubernetes.io/name"]
    return name == service or name.startswith(f"{service}-")


def of_authority(manifest: Manifest) -> bool:
    """Whether an object is of the release's own certificate authority, which the installed chart renders."""
    return manifest["metadata"]["name"].endswith(("-ca", "-ca-root"))


def test_the_release_makes_its_own_authority_once_and_only_where_it_is_needed(one_helm: Helm):
    own = {"global.mtls.enabled": True}
    for chart in ("tumorcast", "clinical", "gateway"):
        made = [(m["kind"], m["metadata"]["name"]) for m in one_helm.render(chart, own) if of_authority(m)]
        assert sorted(made) == [("Certificate", "demo-ca"), ("Issuer", "demo-ca"), ("Issuer", "demo-ca-root")]
        for values in ({}, own | {"global.mtls.issuer.name": "hospital"}):
            assert not [m for m in one_helm.render(chart, values) if of_authority(m)]


def test_a_service_that_is_switched_off_renders_nothing(one_helm: Helm):
    manifests = one_helm.render(values={"notes.enabled": False})
    assert not [m for m in manifests if of_service(m, "notes")]
    assert all(any(of_service(m, service) for m in manifests) for service in set(SERVICES) - {"notes"})


def test_a_release_can_be_rendered_for_an_upgrade(rendered: list[Manifest], release: Release, one_helm: Helm):
    assert release.render(one_helm, upgrade=True) == rendered


def test_the_notes_name_the_gateway_that_was_installed(helm: Helm):
    if helm.version.startswith("v3"):
        pytest.skip("Helm 3 shows notes only where it reaches a cluster")
    arguments = settings("tumorcast", {})
    notes = helm.run("install", "north", "charts/tumorcast", "--dry-run=client", *arguments).partition("NOTES:")[2]
    gateway = pick(helm.render(release="north"), "Service", "north-gateway")
    assert f"service/{gateway['metadata']['name']} 8080:{gateway['spec']['ports'][0]['port']}" in notes
