"""Who may call the gateway, who ends TLS, and where records lie: what is refused, and what the process gets to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.helm import Helm
from support.schemas import pick, pod_specs
from tumorcast_gateway.settings import Settings

ISSUER = "https://login.example.org/realms/ward"
SAFE: dict[str, Any] = {
    "auth.insecureDemo": False,
    "auth.issuers": [ISSUER],
    "auth.audiences": ["https://tumorcast.example.org"],
    "tls.existingSecret": "gateway-tls",
    "records.database.existingSecret": "postgres",
    "records.masterKey.existingSecret": "master",
}
ENDED = {"tls.existingSecret": "", "tls.endedElsewhere": True}


def pod(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    [found] = pod_specs(pick(helm.render("gateway", values), "Deployment", "demo-gateway"))
    return found


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"auth.issuers": []}, "who may call"),
        ({"auth.insecureDemo": True}, "one of the two"),
        ({"auth.audiences": []}, "go together"),
        ({"auth.jwksUrl": "https://x.org/k", "auth.issuers": [ISSUER, ISSUER + "2"]}, "exactly one"),
        ({"tls.existingSecret": ""}, "in clear"),
        ({"records.masterKey.existingSecret": ""}, "every pod must open"),
        ({"records.masterKey.existingSecret": "", "records.database.existingSecret": ""}, "lost with a pod"),
        ({"auth.issuers": ["http://login.example.org"]}, "issuers"),
        ({"auth.contexts": []}, "contexts"),
    ],
)
def test_what_is_unsafe_is_refused_and_named(helm: Helm, values: dict[str, Any], said: str):
    assert said in helm.refusal("gateway", SAFE | values)


def test_several_gateways_need_a_database_even_for_a_demonstration(helm: Helm):
    assert "share one database" in helm.refusal("gateway", {"replicas": 2})


def test_the_process_reads_what_the_chart_says(helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = pod(helm, SAFE)
    [container] = spec["containers"]
    folders = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    secrets = {volume["name"]: volume["secret"] for volume in spec["volumes"] if "secret" in volume}
    files = {"url": "postgresql://u:p@db/x", "master.key": "secret of tests", "tls.crt": "", "tls.key": ""}
    for variable in container["env"]:
        value = variable.get("value")
        if value is None:
            continue
        place = next((folder for folder in folders if value.startswith(f"{folder}/")), None)
        if place:
            assert secrets[folders[place]]["secretName"] in SAFE.values()
            file = tmp_path / Path(value).name
            file.write_text(files[file.name])
            value = str(file)
        monkeypatch.setenv(variable["name"], value)
    settings = Settings()
    assert (settings.auth, settings.oidc_issuers) == ("oidc", (ISSUER,))
    assert settings.database_url.get_secret_value() == files["url"]
    assert settings.master_key.get_secret_value() == files["master.key"]
    assert settings.tls_certificate == tmp_path / "tls.crt"


def test_records_without_a_database_lie_in_a_folder_that_the_pod_may_write_to(helm: Helm):
    spec = pod(helm, {})
    [container] = spec["containers"]
    folder = next(v["value"] for v in container["env"] if v["name"] == "TUMORCAST_GATEWAY_DATA_DIR")
    [name] = [m["name"] for m in container["volumeMounts"] if m["mountPath"] == folder and not m.get("readOnly")]
    assert any(v["name"] == name and "emptyDir" in v for v in spec["volumes"])


@pytest.mark.parametrize(("values", "scheme"), [({}, "HTTPS"), (ENDED, "HTTP")])
def test_readiness_is_asked_as_the_door_speaks(helm: Helm, values: dict[str, Any], scheme: str):
    [container] = pod(helm, SAFE | values)["containers"]
    assert container["readinessProbe"]["httpGet"]["scheme"] == scheme
    # A kubelet before 1.37 asks gRPC in clear only.
    assert ("grpc" in container["livenessProbe"]) == (scheme == "HTTP")
