"""values.yaml is the manual, values.schema.json the gate; they say the same, and nothing else gets through."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
import yaml

from support.helm import APPLICATIONS, CHARTS, ROOT, SERVICES, Helm, HelmError


def values_of(chart: str) -> dict[str, Any]:
    return yaml.safe_load((CHARTS / chart / "values.yaml").read_text(encoding="utf-8"))


def schema_of(chart: str) -> dict[str, Any]:
    return json.loads((CHARTS / chart / "values.schema.json").read_text(encoding="utf-8"))


def value_keys(value: Any, path: str = "") -> set[str]:
    """Dotted paths of a values file; an encoder's name, which the deployer chooses, becomes ``*``."""
    if not isinstance(value, dict):
        return set()
    keys = {"*" if path == ".encoders" else key: item for key, item in value.items()}
    return {f"{path}.{key}" for key in keys}.union(*(value_keys(item, f"{path}.{key}") for key, item in keys.items()))


def schema_keys(schema: dict[str, Any], path: str = "") -> set[str]:
    found = {f"{path}.{key}": item for key, item in schema.get("properties", {}).items()}
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict) and extra.get("properties"):
        found[f"{path}.*"] = extra
    return set(found).union(*(schema_keys(item, key) for key, item in found.items()))


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_schema_and_values_have_the_same_keys(chart: str):
    schema = schema_of(chart)
    # Helm adds an entry for the library chart by itself; nobody sets it.
    library = {".common", ".common.global"}
    assert schema_keys(schema) - library == value_keys(values_of(chart))


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


@pytest.mark.parametrize("chart", SERVICES)
def test_every_object_of_a_services_schema_is_closed(chart: str):
    library = ".common.global"
    open_objects = [path for path, schema in objects(schema_of(chart)).items() if "additionalProperties" not in schema]
    assert open_objects == [library]


def test_the_charts_describe_what_they_share_in_the_same_words():
    shared = ("enabled", "image", "logLevel", "shutdown", "tmpSize", "global", "common")
    first, *others = [schema_of(chart)["properties"] for chart in SERVICES]
    for other in others:
        assert {key: other[key] for key in shared} == {key: first[key] for key in shared}
    plain, *grpc = [schema_of(chart)["properties"] for chart in ("notes", "clinical", "fusion", "gateway")]
    for other in grpc:
        assert plain.items() <= other.items()


@pytest.mark.parametrize("chart", APPLICATIONS)
def test_every_value_is_explained(chart: str):
    """A comment stands right above each value, or above an object that it is in."""
    explained: dict[int, bool] = {}  # by depth: whether the key last seen there, or one that it is in, has a comment
    comment = False
    for line in (CHARTS / chart / "values.yaml").read_text(encoding="utf-8").splitlines():
        text = line.lstrip()
        depth = len(line) - len(text)
        if text and not text.startswith("#"):
            explained = {level: known for level, known in explained.items() if level < depth}
            explained[depth] = comment or any(explained.values())
            assert explained[depth] or text.endswith(":"), f"{chart}: no comment explains {text}"
        comment = text.startswith("#")


@pytest.mark.parametrize("chart", [*APPLICATIONS, "common"])
def test_a_charts_version_is_the_codes_version(chart: str):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text(encoding="utf-8"))
    versions = {about["version"], about.get("appVersion", version)}
    assert versions | {dependency["version"] for dependency in about.get("dependencies", [])} == {version}


BROKEN = {
    "an unknown service": ({"imagin.enabled": True}, "imagin"),
    "a misspelled key": ({"clinical.replica": 2}, "replica"),
    "a misspelled nested key": ({"fusion.resources.limits.mem": "1Gi"}, "mem"),
    "a misspelled global key": ({"global.imagePullSecret": ["x"]}, "imagePullSecret"),
    "text for a number": ({"notes.replicas": "two"}, "replicas"),
    "a negative number of pods": ({"notes.replicas": -1}, "replicas"),
    "half a pod": ({"notes.replicas": 1.5}, "replicas"),
    "memory without a unit": ({"clinical.resources.limits.memory": "512"}, "memory"),
    "an unknown log level": ({"gateway.logLevel": "TRACE"}, "logLevel"),
    "a pull policy of the wrong case": ({"gateway.image.pullPolicy": "always"}, "pullPolicy"),
    "an image tag inside the repository": ({"notes.image.repository": "tumorcast-notes:1"}, "repository"),
    "an unbounded queue": ({"clinical.maxConcurrentCalls": 0}, "maxConcurrentCalls"),
    "text for a switch": ({"gateway.auth.insecureDemo": "yes"}, "insecureDemo"),
    "an unknown target": ({"gateway.targets.imagin": "dns:///x:1"}, "imagin"),
    "a target with a blank": ({"gateway.targets.notes": "dns:///x :1"}, "targets"),
    "an encoder without its memory": ({"imaging.encoders.pet": {"replicas": 1, "cpus": 1, "gpus": 0}}, "memory"),
    "an encoder whose name is no name": ({"imaging.encoders.CT_Lesion": {"replicas": 1}}, "CT_Lesion"),
    "a misspelled encoder key": ({"imaging.encoders.ct-lesion.gpu": 1}, "gpu"),
    "half a GPU": ({"imaging.encoders.ct-lesion.gpus": 0.5}, "gpus"),
    "no encoder": ({"imaging.encoders.ct-lesion": None}, "encoders"),
    "a FHIR server by its URL": ({"clinical.fhir.allowedHosts": ["https://ehr.example.org"]}, "allowedHosts"),
    "any FHIR server": ({"clinical.fhir.allowedHosts": ["*"]}, "allowedHosts"),
    "a token URL without TLS": ({"clinical.fhir.smart.tokenUrl": "http://ehr.example.org/token"}, "tokenUrl"),
    "a secret in the values": ({"clinical.fhir.token.value": "x"}, "value"),
    "a secret's key that is a path": ({"clinical.fhir.token.secretKey": "../token"}, "secretKey"),
    "no ingress": ({"imaging.ingress.replicas": 0}, "replicas"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_value_is_refused_and_named(helm: Helm, case: str):
    values, named = BROKEN[case]
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
