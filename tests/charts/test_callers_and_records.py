"""Who may call the gateway, who ends TLS, where records lie: what is refused, and what the process gets to read."""

from __future__ import annotations

import json
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
    "network.allowTo": [{"cidr": "10.20.0.0/16", "ports": [443, 5432]}],
}
ENDED = {"tls.existingSecret": "", "tls.endedElsewhere": True}
ON_A_CLAIM = {"records.database.existingSecret": "", "records.existingClaim": "records"}
CERTIFIED = {
    "tls.existingSecret": "",
    "tls.certificate.dnsNames": ["tumorcast.example.org"],
    "tls.certificate.issuer": {"name": "letsencrypt", "kind": "ClusterIssuer"},
}


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
        ({"auth.jwks.existingConfigMap": "keys", "auth.issuers": [ISSUER, ISSUER + "2"]}, "exactly one"),
        ({"auth.jwks.existingConfigMap": "keys", "auth.jwksUrl": "https://x.org/k"}, "exclude each other"),
        ({"auth.algorithms": ["HS256"]}, "algorithms"),
        ({"tls.existingSecret": ""}, "in clear"),
        ({**CERTIFIED, "tls.existingSecret": "x"}, "exclude each other"),
        ({"tls.existingSecret": "", "tls.certificate.dnsNames": ["a.org"]}, "issuer.name"),
        ({**ENDED, "tls.clientCA.existingConfigMap": "ca"}, "whoever ends TLS asks clients"),
        ({"records.masterKey.existingSecret": ""}, "every pod must open"),
        ({"records.masterKey.existingSecret": "", "records.database.existingSecret": ""}, "lost with a pod"),
        ({"records.existingClaim": "records"}, "records lie in one place"),
        ({**ON_A_CLAIM, "records.masterKey.existingSecret": ""}, "must not lie beside"),
        ({**ON_A_CLAIM, "replicas": 2}, "share one database"),
        ({**ON_A_CLAIM, "autoscaling.enabled": True}, "share one database"),
        ({"network.allowTo": []}, "shuts the way to the database, the issuers"),
        ({"auth.issuers": ["http://login.example.org"]}, "issuers"),
        ({"auth.contexts": []}, "contexts"),
        ({"cds.clients": {"https://ehr.example.org": "https://ehr.example.org/jwks"}}, "needs publicUrl"),
        (
            {
                "publicUrl": "https://t.example.org",
                "cds.fetch": True,
                "cds.clients": {"a": "https://a.org/k", "b": "https://b.org/k"},
            },
            "for one EHR",
        ),
        ({"fhir.writeBack": True}, "needs fhir.baseUrl"),
        ({"fhir.token.existingSecret": "ehr"}, "write-backs only"),
        ({"sizes.bodyMiB": 64}, "could not be forwarded"),
        ({"ingress.enabled": True}, "needs ingress.host"),
        ({"ingress.enabled": True, "ingress.host": "a.org", "ingress.tls.enabled": False}, "in clear"),
        ({"ingress.enabled": True, "ingress.host": "a.org", "ingress.grpc.host": "a.org"}, "another name"),
        ({"gatewayApi.enabled": True}, "needs gatewayApi.host"),
        ({"gatewayApi.enabled": True, "gatewayApi.host": "a.org"}, "parentRefs"),
        ({"gatewayApi.enabled": True, "gatewayApi.host": "a.org", "gatewayApi.grpcHost": "a.org"}, "another name"),
        ({"gatewayApi.enabled": True, "gatewayApi.host": "a.org", "gatewayApi.gateway.className": "x"}, "tlsSecret"),
        ({"records.database.url": "postgresql://u:p@h/d"}, "url"),
    ],
)
def test_what_is_unsafe_is_refused_and_named(helm: Helm, values: dict[str, Any], said: str):
    assert said in helm.refusal("gateway", SAFE | values)


def test_several_gateways_need_a_database_even_for_a_demonstration(helm: Helm):
    assert "share one database" in helm.refusal("gateway", {"replicas": 2})


def test_without_policies_no_way_needs_to_be_named(helm: Helm):
    assert pod(helm, SAFE | {"network.allowTo": [], "global.networkPolicy.enabled": False})


def read_by_the_process(
    spec: dict[str, Any], files: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The gateway's settings under a pod's environment, with ``files`` by their paths in the pod."""
    [container] = spec["containers"]
    places = {path: folder / path.replace("/", "_") for path in files}
    for path, text in files.items():
        places[path].write_text(text)
        mount = Path(path).parent
        assert any(m["mountPath"] == str(mount) and m["readOnly"] for m in container["volumeMounts"]), path
    for variable in (v for v in container["env"] if "value" in v):
        monkeypatch.setenv(variable["name"], str(places.get(variable["value"], variable["value"])))
    return Settings()


def test_the_process_reads_what_the_chart_says(one_helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = pod(one_helm, SAFE)
    files = {
        "/etc/tumorcast/database/url": "postgresql://u:p@db/x",
        "/etc/tumorcast/master-key/master.key": "secret of tests",
        "/etc/tumorcast/tls/tls.crt": "",
        "/etc/tumorcast/tls/tls.key": "",
    }
    settings = read_by_the_process(spec, files, tmp_path, monkeypatch)
    assert (settings.auth, settings.oidc_issuers) == ("oidc", (ISSUER,))
    assert settings.database_url.get_secret_value() == "postgresql://u:p@db/x"
    assert settings.master_key.get_secret_value() == "secret of tests"
    assert settings.tls_certificate == tmp_path / "_etc_tumorcast_tls_tls.crt"
    secrets = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
    assert secrets == {"gateway-tls", "postgres", "master"}


TOLD: dict[str, tuple[Any, str, Any]] = {
    "auth.jwks.existingConfigMap": ("keys", "", None),
    "auth.contexts": (["patient"], "oidc_contexts", ("patient",)),
    "auth.algorithms": (["ES384"], "oidc_algorithms", ("ES384",)),
    "auth.strictType": (True, "oidc_strict_type", True),
    "auth.patientClaim": ("pat", "oidc_patient_claim", "pat"),
    "auth.adminScope": ("hospital/admin", "oidc_admin_scope", "hospital/admin"),
    "auth.skewSeconds": (7, "oidc_skew_s", 7.0),
    "auth.longestLifeSeconds": (3000000, "oidc_longest_life_s", 3_000_000.0),
    "auth.refetchSeconds": (61, "oidc_refetch_s", 61.0),
    "auth.grpcReflection": (True, "grpc_reflection", True),
    "tls.clientCA.existingConfigMap": ("clients", "", None),
    "publicUrl": ("https://t.example.org", "public_url", "https://t.example.org"),
    "servedHosts": (["t.example.org"], "served_hosts", ("t.example.org",)),
    "corsOrigins": (["https://app.example.org"], "cors_origins", ("https://app.example.org",)),
    "records.database.connections": (33, "database_connections", 33),
    "records.database.timeoutSeconds": (21, "database_timeout_s", 21.0),
    "records.database.ca.existingConfigMap": ("db-ca", "", None),
    "records.retentionDays": (365, "retention_days", 365.0),
    "jobs.concurrency": (5, "job_concurrency", 5),
    "deadlines.querySeconds": (45, "deadline_s", 45.0),
    "deadlines.uploadSeconds": (1200, "upload_deadline_s", 1200.0),
    "sizes.bodyMiB": (48, "max_body_mib", 48),
    "sizes.uploadMiB": (1048576, "max_upload_mib", 1048576),
    "sizes.messageMiB": (96, "max_message_mib", 96),
    "rates.callsPerMinute": (1200000, "rate_per_minute", 1200000),
    "rates.failuresPerMinute": (9, "failures_per_minute", 9),
    "breaker.failures": (3, "breaker_failures", 3),
    "breaker.openSeconds": (0.5, "breaker_open_s", 0.5),
    "outbound.hosts": (["keys.example.org:8443"], "outbound_hosts", ("keys.example.org:8443",)),
    "outbound.networks": (["10.20.0.0/16"], "outbound_networks", ("10.20.0.0/16",)),
    "outbound.ca.existingConfigMap": ("hospital-ca", "", None),
    "outbound.timeoutSeconds": (11, "outbound_timeout_s", 11.0),
    "outbound.maxMiB": (3, "outbound_max_mib", 3),
    "fhir.baseUrl": ("https://ehr.example.org/fhir", "fhir_base_url", "https://ehr.example.org/fhir"),
    "fhir.publicUrl": ("https://t.example.org/fhir", "fhir_public_url", "https://t.example.org/fhir"),
    "fhir.writeBack": (True, "fhir_write_back", True),
    "fhir.token.existingSecret": ("ehr-token", "", None),
    "cds.clients": (
        {"https://ehr.example.org": "https://ehr.example.org/jwks"},
        "cds_clients",
        {"https://ehr.example.org": "https://ehr.example.org/jwks"},
    ),
    "cds.models": (["glioma"], "cds_models", ("glioma",)),
    "cds.deadlineSeconds": (4, "cds_deadline_s", 4.0),
    "cds.fetch": (True, "cds_fetch", True),
    "cds.smartUrl": ("https://app.example.org/launch", "cds_smart_url", "https://app.example.org/launch"),
}
"""Values of the chart, the setting that each becomes, and what the process reads."""
LEFT_TO_THE_IMAGE = {
    *("host", "port", "rest_port", "metrics_host", "metrics_port", "health_port", "log_level", "drain_s", "data_dir"),
    *("peer_certificate", "peer_key", "peer_ca", "peer_clients", "max_concurrent_calls", "auth", "insecure_demo"),
    *("imaging_target", "clinical_target", "notes_target", "fusion_target"),  # test_services_find_each_other
    *(
        "oidc_issuers",
        "oidc_audiences",
        "oidc_jwks_url",
        "oidc_jwks_file",
        "tls_certificate",
        "tls_key",
        "tls_client_ca",
    ),
    *("tls_elsewhere", "database_url", "master_key", "outbound_ca_file", "fhir_token", "fhir_token_file"),
}
"""Settings that other tests, or other values of this one, are about."""


def test_every_setting_of_the_gateway_can_be_said_by_a_value(
    one_helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = pod(one_helm, SAFE | {key: value for key, (value, _, _) in TOLD.items()})
    files = {
        f"/etc/tumorcast/{path}": "x"
        for path in (
            *("database/url", "master-key/master.key", "tls/tls.crt", "tls/tls.key", "client-ca/ca.crt"),
            *("jwks/jwks.json", "outbound-ca/ca.crt", "fhir-token/token", "database-ca/ca.crt"),
        )
    }
    settings = read_by_the_process(spec, files, tmp_path, monkeypatch)
    for value, name, read in TOLD.values():
        assert not name or getattr(settings, name) == read, f"{name}: {value}"
    for name in ("oidc_jwks_file", "tls_client_ca", "outbound_ca_file", "fhir_token_file"):
        assert getattr(settings, name).read_text() == "x"
    assert Settings.model_fields.keys() == LEFT_TO_THE_IMAGE | {name for _, name, _ in TOLD.values() if name}


def test_records_without_a_database_lie_in_a_folder_that_the_pod_may_write_to(helm: Helm):
    spec = pod(helm, {})
    [container] = spec["containers"]
    folder = next(v["value"] for v in container["env"] if v["name"] == "TUMORCAST_GATEWAY_DATA_DIR")
    [name] = [m["name"] for m in container["volumeMounts"] if m["mountPath"] == folder and not m.get("readOnly")]
    assert any(v["name"] == name and "emptyDir" in v for v in spec["volumes"])


def test_of_records_on_a_claim_one_gateway_at_a_time_has_the_file(helm: Helm):
    deployment = pick(helm.render("gateway", SAFE | ON_A_CLAIM), "Deployment", "demo-gateway")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    [spec] = pod_specs(deployment)
    assert {"name": "records", "persistentVolumeClaim": {"claimName": "records"}} in spec["volumes"]
    database = pick(helm.render("gateway", SAFE), "Deployment", "demo-gateway")
    assert database["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


@pytest.mark.parametrize(
    ("values", "readiness"),
    [
        ({}, "HTTPS"),
        (CERTIFIED, "HTTPS"),
        (ENDED, "HTTP"),
        ({"tls.clientCA.existingConfigMap": "ca"}, None),  # a kubelet has no certificate to show
    ],
)
def test_readiness_is_asked_as_the_door_speaks(helm: Helm, values: dict[str, Any], readiness: str | None):
    [container] = pod(helm, SAFE | values)["containers"]
    probe = container["readinessProbe"]
    assert probe.get("httpGet", {}).get("scheme") == readiness
    assert probe.get("grpc") == (None if readiness else {"port": 50059})
    assert container["livenessProbe"]["grpc"] == container["startupProbe"]["grpc"] == {"port": 50059}


def test_cert_manager_makes_the_certificate_that_the_pod_shows(helm: Helm):
    manifests = helm.render("gateway", SAFE | CERTIFIED)
    certificate = pick(manifests, "Certificate", "demo-gateway-tls")["spec"]
    assert certificate["dnsNames"] == ["tumorcast.example.org"]
    assert certificate["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "letsencrypt"}
    [spec] = pod_specs(pick(manifests, "Deployment", "demo-gateway"))
    [shown] = [volume["secret"]["secretName"] for volume in spec["volumes"] if volume["name"] == "tls"]
    assert shown == certificate["secretName"]


def test_no_secret_stands_in_a_manifest_of_the_gateway(helm: Helm):
    text = json.dumps(helm.render("gateway", SAFE | {"fhir.baseUrl": "https://e.org/f", "fhir.writeBack": True}))
    assert '"kind": "Secret"' not in text
    assert "secretKeyRef" not in text
