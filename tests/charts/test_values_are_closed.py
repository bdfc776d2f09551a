"""values.yaml is the manual, values.schema.json the gate; they say the same, and nothing else gets through."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from support.helm import APPLICATIONS, CHARTS, ROOT, SERVICES, Helm, HelmError


def values_of(chart: str) -> dict[str, Any]:
    return yaml.safe_load((CHARTS / chart / "values.yaml").read_text(encoding="utf-8"))


def schema_of(chart: str) -> dict[str, Any]:
    return json.loads((CHARTS / chart / "values.schema.json").read_text(encoding="utf-8"))


def objects(schema: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    found = {path: schema} if schema.get("type") == "object" else {}
    children = {**schema.get("properties", {})}
    if isinstance(schema.get("additionalProperties"), dict):
        children["*"] = schema["additionalProperties"]
    if "items" in schema:
        children["[]"] = schema["items"]
    for key, child in children.items():
        found |= objects(child, f"{path}.{key}")
    return found


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_every_object_of_a_schema_is_closed(chart: str):
    open_objects = {path for path, schema in objects(schema_of(chart)).items() if is_open(schema)}
    # What stands under a service's name is checked by that service's own chart.
    services = {f".{name}" for name in SERVICES} | {".gateway.auth"} if chart == "tumorcast" else set()
    assert open_objects <= {".common.global"} | services


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Path of every object and of every value in it."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))


def changed(values: Any, path: tuple[str, ...], value: Any) -> Any:
    """The values with another one at a path."""
    return {**values, path[0]: changed(values[path[0]], path[1:], value)} if path else value


@pytest.mark.parametrize("chart", SERVICES)
def test_no_place_in_the_values_takes_an_unknown_key_or_something_else_altogether(chart: str):
    valid = jsonschema.Draft7Validator(schema_of(chart)).is_valid
    values = values_of(chart)
    assert valid(values)
    for path in places(values):
        value = functools.reduce(dict.__getitem__, path, values)
        if isinstance(value, dict):
            assert not valid(changed(values, path, value | {"un known": {}})), path
        assert not path or not valid(changed(values, path, {"un known": {}})), path
        assert not valid(changed(values, path, [{"un known": {}}])), path


def is_open(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties", True) is True


def test_the_charts_say_what_they_share_in_the_same_words():
    shared = ("enabled", "image", "network", "global", "common")
    first, *others = [schema_of(chart)["properties"] for chart in SERVICES]
    for other in others:
        assert {key: other[key] for key in shared} == {key: first[key] for key in shared}
    plain, *grpc, gateway = [schema_of(chart)["properties"] for chart in ("notes", "clinical", "fusion", "gateway")]
    for other in grpc:
        assert plain.items() <= other.items()
    del plain["shutdown"]  # the gateway is not found by DNS, which keeps addresses for longer
    assert plain.items() <= gateway.items()
    assert schema_of("tumorcast")["properties"]["global"] == first["global"]


@pytest.mark.parametrize("chart", [*APPLICATIONS, "common"])
def test_a_charts_version_is_the_codes_version(chart: str):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text(encoding="utf-8"))
    versions = {about["version"], about.get("appVersion", version)}
    assert versions | {dependency["version"] for dependency in about.get("dependencies", [])} == {version}


KEDA = {"notes.autoscaling.enabled": True, "notes.autoscaling.by": "keda"}
TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}

BROKEN: dict[str, dict[str, tuple[dict[str, Any], str]]] = {
    "an unknown key": {
        "service": ({"imagin.enabled": True}, "imagin"),
        "top": ({"clinical.replica": 2}, "replica"),
        "second level": ({"notes.autoscaling.min": 2}, "min"),
        "third level": ({"fusion.resources.limits.mem": "1Gi"}, "mem"),
        "fourth level": ({"clinical.fhir.smart.key": "x"}, "key"),
        "global": ({"global.imagePullSecret": ["x"]}, "imagePullSecret"),
        "deep in global": ({"global.mtls.issuer.group": "x"}, "group"),
        "of a peer": ({"clinical.network.allowTo": [{"cidr": "10.0.0.0/8", "port": 443}]}, "allowTo"),
        "of a toleration": ({"notes.tolerations": [TOLERATION | {"effects": "NoSchedule"}]}, "tolerations"),
        "of a map of encoders": ({"imaging.encoders.ct-lesion.gpu": 1}, "gpu"),
        "target": ({"gateway.targets.imagin": "dns:///x:1"}, "imagin"),
        "a secret in the values": ({"clinical.fhir.token.value": "x"}, "value"),
    },
    "a wrong type": {
        "text for a number": ({"notes.replicas": "two"}, "replicas"),
        "a number as text": ({"notes.replicas": "2"}, "replicas"),
        "half a pod": ({"notes.replicas": 1.5}, "replicas"),
        "text for a switch": ({"gateway.auth.insecureDemo": "yes"}, "insecureDemo"),
        "text for a global switch": ({"global.mtls.enabled": "true"}, "enabled"),
        "a list for a map": ({"notes.nodeSelector": ["gpu"]}, "nodeSelector"),
        "a number for a label": ({"notes.nodeSelector": {"pool": 1}}, "nodeSelector"),
        "a map for a list": ({"notes.tolerations": TOLERATION}, "tolerations"),
        "text for a list": ({"global.imagePullSecrets": "registry"}, "imagePullSecrets"),
        "text for an object": ({"notes.image": "tumorcast-notes:1"}, "image"),
    },
    "not one of the few": {
        "log level": ({"gateway.logLevel": "TRACE"}, "logLevel"),
        "pull policy of the wrong case": ({"gateway.image.pullPolicy": "always"}, "pullPolicy"),
        "autoscaler": ({"notes.autoscaling.by": "vpa"}, "by"),
        "kind of issuer": ({"global.mtls.issuer.kind": "issuer"}, "kind"),
        "operator of a toleration": ({"notes.tolerations": [{"operator": "In"}]}, "tolerations"),
        "scope": ({"gateway.auth.contexts": ["patient", "ward"]}, "contexts"),
    },
    "out of range": {
        "a negative number of pods": ({"notes.replicas": -1}, "replicas"),
        "too many pods": ({"notes.replicas": 1001}, "replicas"),
        "an unbounded queue": ({"clinical.maxConcurrentCalls": 0}, "maxConcurrentCalls"),
        "an autoscaler to nothing": ({"notes.autoscaling.minReplicas": 0}, "minReplicas"),
        "a budget that forbids drains": ({"notes.disruption.maxUnavailable": 0}, "maxUnavailable"),
        "a port beyond": ({"notes.network.allowFrom": [{"namespace": "x", "ports": [70000]}]}, "allowFrom"),
        "a drain without end": ({"notes.shutdown.drainSeconds": 601}, "drainSeconds"),
        "a certificate for no day": ({"global.mtls.durationDays": 0}, "durationDays"),
        "no ingress": ({"imaging.ingress.replicas": 0}, "replicas"),
        "no calls for a pod": ({"notes.autoscaling.keda.callsPerReplica": 0}, "callsPerReplica"),
    },
    "not of the form": {
        "memory without a unit": ({"clinical.resources.limits.memory": "512"}, "memory"),
        "processors with a unit": ({"clinical.resources.limits.cpu": "2 cores"}, "cpu"),
        "a share beyond all": ({"notes.disruption.maxUnavailable": "120%"}, "maxUnavailable"),
        "an image tag inside the repository": ({"notes.image.repository": "tumorcast-notes:1"}, "repository"),
        "a target with a blank": ({"gateway.targets.notes": "dns:///x :1"}, "targets"),
        "an encoder whose name is no name": ({"imaging.encoders.CT_Lesion": {"replicas": 1}}, "CT_Lesion"),
        "a FHIR server by its URL": ({"clinical.fhir.allowedHosts": ["https://ehr.example.org"]}, "allowedHosts"),
        "any FHIR server": ({"clinical.fhir.allowedHosts": ["*"]}, "allowedHosts"),
        "a token URL without TLS": ({"clinical.fhir.smart.tokenUrl": "http://ehr.example.org/token"}, "tokenUrl"),
        "a secret's key that is a path": ({"clinical.fhir.token.secretKey": "../token"}, "secretKey"),
        "a secret that is no name": ({"clinical.fhir.token.existingSecret": "EHR token"}, "existingSecret"),
        "a network that is none": ({"notes.network.allowTo": [{"cidr": "10.0.0.0"}]}, "allowTo"),
        "a collector without a port": ({"global.monitoring.otlpEndpoint": "http://collector"}, "otlpEndpoint"),
        "a namespace that is no name": ({"global.monitoring.namespace": "Monitoring"}, "namespace"),
    },
    "something missing": {
        "an object taken away": ({"notes.shutdown": None}, "shutdown"),
        "a number taken away": ({"notes.shutdown.drainSeconds": None}, "drainSeconds"),
        "a request taken away": ({"notes.resources.requests.cpu": None}, "cpu"),
        "a peer that names nobody": ({"notes.network.allowFrom": [{"ports": [50053]}]}, "allowFrom"),
        "memory taken away": ({"imaging.head.memory": None}, "memory"),
        "no encoder": ({"imaging.encoders": None}, "encoders"),
        "Prometheus for KEDA": (KEDA, "autoscaling.keda.prometheusUrl"),
    },
    "a contradiction": {
        "fewest beyond most": ({"notes.autoscaling.minReplicas": 11}, "autoscaling.minReplicas of notes is more"),
        "a peer that is a network and a pod": (
            {"notes.network.allowTo": [{"cidr": "10.0.0.0/8", "namespace": "x"}]},
            "allowTo",
        ),
        "a server that the network policy shuts off": (
            {"clinical.fhir.allowedHosts": ["ehr.example.org"]},
            "network policy shuts the way to fhir.allowedHosts",
        ),
        "two ways to sign in": (
            {
                "clinical.fhir.smart": {"clientId": "t", "existingSecret": "smart"},
                "clinical.fhir.token.existingSecret": "token",
            },
            "exclude each other",
        ),
        "several gateways with a disk each": ({"gateway.replicas": 2}, "share one database"),
        "several ingress replicas with a disk each": ({"imaging.ingress.replicas": 2}, "studies.existingClaim"),
    },
}
"""By kind: values, and the word that the refusal must have in it."""


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, cases in BROKEN.items() for case in cases])
def test_a_broken_value_is_refused_and_named(helm: Helm, kind: str, case: str):
    values, named = BROKEN[kind][case]
    assert named in helm.refusal(values=values)


@pytest.mark.parametrize("chart", ["gateway", "tumorcast"])
def test_nothing_is_rendered_until_it_is_said_who_may_call(helm: Helm, chart: str):
    with pytest.raises(HelmError, match=r"who may call.*auth\.insecureDemo=true"):
        helm.run("template", "demo", f"charts/{chart}")


def test_several_ingress_replicas_need_a_store_that_they_share(helm: Helm):
    assert "studies.existingClaim" in helm.refusal("imaging", {"ingress.replicas": 2})
    assert helm.render("imaging", {"ingress.replicas": 2, "studies.existingClaim": "studies"})


def test_a_release_name_too_long_for_kuberay_is_refused_before_kuberay_sees_it(helm: Helm):
    assert "shorter release name" in helm.refusal("imaging", release="a" * 34)
    assert helm.render("imaging", release="a" * 33)
