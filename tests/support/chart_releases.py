"""Releases that the charts' tests render: every preset, and values in which each two settings meet.

The values are pairwise: of any two switches every combination of their settings occurs in at least one release. The
choice is the same each time.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.helm import CHARTS, Helm, Manifest

Settings = dict[str, Any]

SIGN_IN: Settings = {
    "gateway.auth.insecureDemo": False,
    "gateway.auth.issuers": ["https://login.example.org/realms/ward"],
    "gateway.auth.audiences": ["https://tumorcast.example.org"],
    "gateway.network.allowTo": [{"cidr": "10.20.0.0/16", "ports": [443, 5432]}],
}
"""Who may call, where callers sign in, and the way to their issuer."""
DATABASE: Settings = {
    "gateway.records.database.existingSecret": "postgres",
    "gateway.records.masterKey.existingSecret": "master-key",
}
TLS: Settings = {"gateway.tls.existingSecret": "gateway-tls"}
TLS_ELSEWHERE: Settings = {"gateway.tls.endedElsewhere": True}
STUDIES: Settings = {"imaging.studies.existingClaim": "studies"}
EHR: Settings = {"clinical.network.allowTo": [{"cidr": "10.30.0.0/16", "ports": [443]}]}

PROMETHEUS = "http://prometheus.monitoring:9090"
TOLERATED = [{"key": "dedicated", "operator": "Equal", "value": "tumorcast", "effect": "NoSchedule"}]


def scaled(service: str, by: str) -> Settings:
    """An autoscaler for a service."""
    bounds = {"enabled": True, "minReplicas": 3, "maxReplicas": 7, "by": by}
    values = {f"{service}.autoscaling.{key}": value for key, value in bounds.items()}
    return values | ({f"{service}.autoscaling.keda.prometheusUrl": PROMETHEUS} if by == "keda" else {})


SWITCHES: dict[str, dict[str, Settings]] = {
    "clinical": {
        "one": {},
        "hpa": scaled("clinical", "hpa"),
        "keda": scaled("clinical", "keda"),
        "off": {"clinical.enabled": False},
    },
    "fusion": {
        "one": {},
        "three": {"fusion.replicas": 3},
        "hpa": scaled("fusion", "hpa"),
        "keda": scaled("fusion", "keda"),
    },
    "notes": {"one": {}, "off": {"notes.enabled": False}, "hpa": scaled("notes", "hpa")},
    "gateway": {
        "demo": {},
        "one": SIGN_IN | DATABASE | TLS,
        "two": SIGN_IN | DATABASE | TLS_ELSEWHERE | {"gateway.replicas": 2},
        "hpa": SIGN_IN | DATABASE | TLS | scaled("gateway", "hpa"),
        "claim": SIGN_IN
        | TLS
        | {"gateway.records.existingClaim": "records", "gateway.records.masterKey.existingSecret": "master-key"},
    },
    "door": {
        "none": {},
        "ingress": {
            "gateway.ingress.enabled": True,
            "gateway.ingress.host": "tumorcast.example.org",
            "gateway.ingress.grpc.host": "grpc.example.org",
        },
        "gateway-api": {
            "gateway.gatewayApi.enabled": True,
            "gateway.gatewayApi.host": "tumorcast.example.org",
            "gateway.gatewayApi.grpcHost": "grpc.example.org",
            "gateway.gatewayApi.gateway.className": "cilium",
            "gateway.gatewayApi.gateway.tlsSecret": "public-tls",
        },
        "balancer": {"gateway.loadBalancer.enabled": True},
    },
    "mtls": {
        "off": {},
        "own": {"global.mtls.enabled": True},
        "issuer": {"global.mtls.enabled": True, "global.mtls.issuer": {"name": "hospital", "kind": "ClusterIssuer"}},
    },
    "monitoring": {
        "off": {},
        "on": {"global.monitoring.enabled": True, "global.monitoring.labels": {"release": "prometheus"}},
        "traces": {"global.monitoring.otlpEndpoint": "http://collector.monitoring:4318"},
    },
    "network": {
        "closed": {},
        "peers": {
            "gateway.network.allowFrom": [{"namespace": "ingress", "podLabels": {"app": "controller"}}],
            "notes.network.allowFrom": [{"cidr": "10.40.0.0/16"}, {"podLabels": {"app": "batch"}, "ports": [50053]}],
            "fusion.network.allowTo": [{"namespace": "models"}, {"cidr": "10.50.0.0/16", "ports": [443]}],
        },
        "off": {"global.networkPolicy.enabled": False},
    },
    "imaging": {
        "processor": {},
        "gpus": {"imaging.encoders.ct-lesion.gpus": 1, "imaging.encoders.ct-lesion.replicas": 2},
        "claim": STUDIES | {"imaging.ingress.replicas": 2},
        "scaled": STUDIES
        | {
            "imaging.encoders.ct-lesion.gpus": 1,
            "imaging.encoders.ct-lesion.autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 4},
        },
        "ingress": {"imaging.encoderPlacement": "ingress"},
        "off": {"imaging.enabled": False},
    },
    "images": {
        "public": {},
        "own": {"global.imageRegistry": "registry.example.org/t", "global.imagePullSecrets": ["registry"]},
    },
    "nodes": {
        "any": {},
        "own": {
            f"{service}.{key}": value
            for service in ("clinical", "notes", "fusion", "gateway")
            for key, value in {
                "nodeSelector": {"pool": "tumorcast"},
                "tolerations": TOLERATED,
                "priorityClassName": "clinical-work",
                "spread": {"acrossZones": False, "acrossNodes": False},
            }.items()
        },
    },
    "fhir": {
        "none": {},
        "smart": EHR
        | {
            "clinical.fhir.allowedHosts": ["ehr.example.org", "login.example.org"],
            "clinical.fhir.smart.clientId": "tumorcast",
            "clinical.fhir.smart.existingSecret": "smart",
            "clinical.fhir.ca.existingConfigMap": "hospital-ca",
        },
        "token": EHR
        | {"clinical.fhir.allowedHosts": ["ehr.example.org"], "clinical.fhir.token.existingSecret": "ehr-token"},
    },
}
"""Settings of each switch, by name."""


def pairwise(switches: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Combinations in which every two settings of different switches meet, chosen greedily.

    >>> len(pairwise({"a": "xy", "b": "xy", "c": "xy"}))
    4
    """
    left = [
        ((one, this), (other, that))
        for one, other in itertools.combinations(switches, 2)
        for this, that in itertools.product(switches[one], switches[other])
    ]
    rows = []
    while left:
        row = dict(left[0])
        for name in (each for each in switches if each not in row):
            met = {setting: sum(_meets(pair, row | {name: setting}) for pair in left) for setting in switches[name]}
            row[name] = max(met, key=lambda setting: met[setting])
        left = [pair for pair in left if not _meets(pair, row)]
        rows.append({name: row[name] for name in switches})
    return rows


def _meets(pair: tuple[tuple[str, str], tuple[str, str]], row: Mapping[str, str]) -> bool:
    return all(row.get(name) == setting for name, setting in pair)


@dataclass(frozen=True)
class Release:
    """What is installed: values by dotted path on top of a preset, or of none."""

    values: Settings = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    name: str = "demo"

    def render(self, helm: Helm, *, upgrade: bool = False, more: Mapping[str, Any] | None = None) -> list[Manifest]:
        """Its manifests, with ``more`` values on top."""
        values = self.values | dict(more or {})
        return helm.render(values=values, release=self.name, files=self.files, upgrade=upgrade)


def combinations() -> dict[str, Release]:
    """The pairwise releases, named by number and by their settings that are not the first of their switch."""
    releases = {}
    for number, row in enumerate(pairwise({name: list(settings) for name, settings in SWITCHES.items()})):
        values: Settings = {}
        for switch, setting in row.items():
            values |= SWITCHES[switch][setting]
        others = [setting for switch, setting in row.items() if setting != next(iter(SWITCHES[switch]))]
        releases["-".join([f"{number:02}", *others])] = Release(values)
    return releases


PRESET_NEEDS: dict[str, Settings] = {
    "airgapped": SIGN_IN | TLS | {"global.imageRegistry": "registry.hospital.example/tumorcast"},
    "gpu": STUDIES,
    "ha": SIGN_IN | DATABASE | TLS | STUDIES,
}
"""What a preset leaves to its user, beside auth.insecureDemo where it is for a demonstration."""


def presets() -> dict[str, Release]:
    """The presets of the umbrella, each with what its user must add, and no more."""
    files = sorted((CHARTS / "tumorcast").glob("values-*.yaml"))
    names = {path: path.stem.removeprefix("values-") for path in files}
    return {name: Release(PRESET_NEEDS.get(name, {}), (path,)) for path, name in names.items()}


RELEASES = {"defaults": Release(), **presets(), **combinations()}
"""All of them, by name."""
