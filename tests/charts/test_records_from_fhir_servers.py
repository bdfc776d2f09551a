"""The clinical chart names the FHIR servers that may be asked, and shows secrets to the one process that needs them."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import Helm
from support.schemas import KUBERNETES, check_core, pick, pod_specs
from tumorcast_clinical.settings import Settings

WAY = {"network.allowTo": [{"cidr": "10.30.0.0/16", "ports": [443, 8443]}]}
HOSTS = WAY | {"fhir.allowedHosts": ["ehr.example.org", "login.example.org:8443"]}
SMART = {"fhir.smart.clientId": "tumorcast", "fhir.smart.existingSecret": "smart-client"}
TOKEN = WAY | {"fhir.allowedHosts": ["ehr.example.org"], "fhir.token.existingSecret": "ehr-token"}
CA = {"fhir.ca.existingConfigMap": "hospital-ca"}


def pod_of(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    [pod] = pod_specs(pick(helm.render("clinical", values), "Deployment", "demo-clinical"))
    return pod


def settings_of(pod: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings that the service reads in this pod."""
    for variable in pod["containers"][0]["env"]:
        if "value" in variable:
            monkeypatch.setenv(variable["name"], variable["value"])
    return Settings()


def files_of(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Files that secrets and ConfigMaps become in the container, by path, each with its volume's source."""
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    found = {}
    for volume in pod["volumes"]:
        source = volume.get("secret") or volume.get("configMap")
        for item in (source or {}).get("items", []):
            assert mounts[volume["name"]]["readOnly"] is True
            assert "subPath" not in mounts[volume["name"]]  # a subPath would never be renewed
            found[f"{mounts[volume['name']]['mountPath']}/{item['path']}"] = source
    return found


def test_no_server_may_be_asked_and_no_secret_is_shown_unless_the_deployer_says_so(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
):
    pod = pod_of(helm, {})
    assert settings_of(pod, monkeypatch).fhir_allowed_hosts == ()
    assert files_of(pod) == {}


def test_the_service_reads_the_hosts_that_the_values_name(helm: Helm, monkeypatch: pytest.MonkeyPatch):
    settings = settings_of(pod_of(helm, HOSTS | {"fhir.networks": ["10.20.0.0/16", "fd00::/8"]}), monkeypatch)
    assert settings.fhir_allowed_hosts == ("ehr.example.org", "login.example.org:8443")
    assert settings.fhir_networks == ("10.20.0.0/16", "fd00::/8")
    assert (settings.smart_client_id, settings.smart_key_file, settings.fhir_token_file) == ("", "", "")


def test_the_smart_client_finds_its_key_where_the_secret_is_mounted(helm: Helm, monkeypatch: pytest.MonkeyPatch):
    more = {"fhir.smart.keyId": "2026", "fhir.smart.tokenUrl": "https://login.example.org:8443/token"}
    pod = pod_of(helm, HOSTS | SMART | more | {"fhir.smart.secretKey": "private.jwk"})
    settings = settings_of(pod, monkeypatch)
    assert (settings.smart_client_id, settings.smart_key_id) == ("tumorcast", "2026")
    assert settings.smart_scope == "system/*.rs"
    assert settings.smart_token_url == "https://login.example.org:8443/token"
    [(path, secret)] = files_of(pod).items()
    assert settings.smart_key_file == path
    assert secret["secretName"] == "smart-client"
    assert secret["items"] == [{"key": "private.jwk", "path": "private.jwk"}]


def test_the_token_and_the_authorities_are_files_too(helm: Helm, monkeypatch: pytest.MonkeyPatch):
    pod = pod_of(helm, TOKEN | CA)
    settings = settings_of(pod, monkeypatch)
    files = files_of(pod)
    assert files[settings.fhir_token_file]["secretName"] == "ehr-token"
    assert files[settings.fhir_ca_file]["name"] == "hospital-ca"
    assert len(files) == 2


def test_a_secret_is_readable_by_the_pods_own_group_alone(helm: Helm):
    pod = pod_of(helm, HOSTS | SMART)
    [secret] = files_of(pod).values()
    assert secret["defaultMode"] == 0o440
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_are_valid_with_secrets(helm: Helm, version: str):
    for values in (HOSTS | SMART | CA, TOKEN):
        for manifest in helm.render("clinical", values):
            check_core(manifest, version)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"fhir.smart.clientId": "tumorcast"}, "both a clientId and an existingSecret"),
        ({"fhir.smart.existingSecret": "smart-client"}, "both a clientId and an existingSecret"),
        (TOKEN | SMART, "exclude each other"),
        (TOKEN | HOSTS, "exactly one of fhir.allowedHosts"),
        ({"fhir.token.existingSecret": "ehr-token"}, "exactly one of fhir.allowedHosts"),
        (HOSTS | {"network.allowTo": []}, "network policy shuts the way to fhir.allowedHosts"),
    ],
)
def test_what_the_service_would_refuse_at_its_start_is_refused_before(helm: Helm, values: dict[str, Any], said: str):
    assert said in helm.refusal("clinical", values)
