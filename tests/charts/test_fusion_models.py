"""The fusion chart says where model versions come from; which one answers stands in the store alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.helm import Helm
from support.schemas import KUBERNETES, check_core, pick, pod_specs
from tumorcast_fusion.settings import Settings

WAY = {"network.allowTo": [{"cidr": "10.40.0.0/16", "ports": [443]}]}
BUCKET = WAY | {"models.store": "s3://bucket/models"}
SECRET = BUCKET | {"models.credentials.existingSecret": "bucket"}
KEYS = SECRET | {"models.credentials.env": {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}}
FILE = SECRET | {"models.credentials.files": {"GOOGLE_APPLICATION_CREDENTIALS": "key.json"}}
CLAIM = {"models.existingClaim": "models"}
WITH_A_STORE = [BUCKET, KEYS, FILE, CLAIM]


def pod_of(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    [pod] = pod_specs(pick(helm.render("fusion", values), "Deployment", "demo-fusion"))
    return pod


def settings_of(pod: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable in pod["containers"][0]["env"]:
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"])
    return Settings()


def mounts_of(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}


def volume_of(pod: dict[str, Any], name: str) -> dict[str, Any]:
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == name]
    return volume


def test_without_a_store_the_shipped_models_are_all_there_is(one_helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pod_of(one_helm, {})
    assert settings_of(pod, monkeypatch).model_store == ""
    assert not any("model" in name for name in mounts_of(pod))


def test_an_address_is_followed_and_copies_are_kept_where_the_pod_may_write(
    one_helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = pod_of(one_helm, BUCKET | {"models.pollSeconds": 10, "models.cacheSize": "512Mi"})
    settings = settings_of(pod, monkeypatch)
    assert (settings.model_store, settings.model_store_poll_s) == ("s3://bucket/models", 10.0)
    assert settings.model_cache == Path(mounts_of(pod)["model-cache"]["mountPath"])
    assert volume_of(pod, "model-cache")["emptyDir"] == {"sizeLimit": "512Mi"}


def test_a_claim_is_mounted_to_be_read(one_helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pod_of(one_helm, CLAIM)
    mount = mounts_of(pod)["model-store"]
    assert (settings_of(pod, monkeypatch).model_store, mount["readOnly"]) == (mount["mountPath"], True)
    assert volume_of(pod, "model-store")["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}


def test_credentials_are_taken_from_the_secret_by_reference(one_helm: Helm) -> None:
    variables = {v["name"]: v for v in pod_of(one_helm, KEYS)["containers"][0]["env"]}
    assert variables["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"] == {"name": "bucket", "key": "id"}
    assert variables["AWS_SECRET_ACCESS_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "bucket", "key": "key"}


def test_a_file_of_credentials_is_where_its_variable_says(one_helm: Helm) -> None:
    pod = pod_of(one_helm, FILE)
    variables = {v["name"]: v.get("value") for v in pod["containers"][0]["env"]}
    mount = mounts_of(pod)["model-store-credentials"]
    assert variables["GOOGLE_APPLICATION_CREDENTIALS"] == f"{mount['mountPath']}/key.json"
    assert mount["readOnly"] is True
    secret = volume_of(pod, "model-store-credentials")["secret"]
    assert (secret["secretName"], secret["items"]) == ("bucket", [{"key": "key.json", "path": "key.json"}])


@pytest.mark.parametrize("values", WITH_A_STORE, ids=["address", "keys", "file", "claim"])
def test_the_manifests_are_valid_in_the_oldest_and_the_newest_kubernetes(helm: Helm, values: dict[str, Any]) -> None:
    for manifest in helm.render("fusion", values):
        for version in (KUBERNETES[0], KUBERNETES[-1]):
            check_core(manifest, version)


def test_which_version_answers_is_no_value(one_helm: Helm) -> None:
    """An upgrade sets values; so there must be none that would undo a promotion."""
    for key in ("models.active", "models.version", "models.tiny", "models.shadow"):
        assert "additional propert" in one_helm.refusal("fusion", BUCKET | {key: "1.0.0"}).lower()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (BUCKET | CLAIM, "exclude each other"),
        (BUCKET | {"models.credentials.env": {"A": "k"}}, "models.credentials.existingSecret"),
        (SECRET, "is not used"),
        (CLAIM | {"models.credentials.existingSecret": "s", "models.credentials.env": {"A": "k"}}, "give its address"),
        ({"models.store": "s3://bucket/models"}, "shuts the way to models.store"),
        (WAY | {"models.store": "/var/models"}, "models.store"),
        (WAY | {"models.store": "https://user:password@models.example.org"}, "models.store"),
        (KEYS | {"models.credentials.env": {"TUMORCAST_FUSION_PORT": "k"}}, "models.credentials.env"),
        (KEYS | {"models.credentials.env": {"lower": "k"}}, "models.credentials.env"),
        (KEYS | {"models.credentials.env": {"A": "../k"}}, "models.credentials.env"),
        ({"models.pollSeconds": 0}, "models.pollSeconds"),
        ({"models.cacheSize": "2GB"}, "models.cacheSize"),
        ({"models.existingClaim": "Not_A_Name"}, "models.existingClaim"),
    ],
)
def test_values_that_do_not_fit_are_refused(one_helm: Helm, values: dict[str, Any], said: str) -> None:
    assert said.replace(".", "") in one_helm.refusal("fusion", values).replace(".", "").replace("/", "")
