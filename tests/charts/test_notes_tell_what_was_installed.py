"""What Helm prints after an install: what is there, what to mind, and commands that fit the release."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart_releases import DATABASE, SIGN_IN, STUDIES, TLS
from support.helm import Helm, settings

SAFE = SIGN_IN | DATABASE | TLS | STUDIES | {"imaging.kubernetesApi.cidr": "10.96.0.1/32"}


@pytest.fixture(scope="module")
def newest(helms: list[Helm]) -> Helm:
    """Helm 4, which needs no cluster for a dry run."""
    found = [helm for helm in helms if helm.version.startswith("v4")]
    if not found:
        pytest.skip("no Helm 4: run `make tools`")
    return found[0]


def notes(helm: Helm, values: dict[str, Any]) -> str:
    words = ["install", "demo", "charts/tumorcast", "--dry-run=client", "--namespace", "ward"]
    said = helm.run(*words, *settings("tumorcast", values))
    return said.partition("NOTES:\n")[2]


def test_a_demonstration_is_told_that_it_is_one(newest: Helm):
    said = notes(newest, {})
    assert "There is no sign-in" in said
    assert "Records are lost with the gateway's pod." in said
    assert "Callers          everyone who reaches the gateway" in said
    assert "port-forward service/demo-gateway 8080:8080" in said
    assert "http://127.0.0.1:8080" in said


def test_a_demonstration_that_is_shown_to_the_world_is_told_so(newest: Helm):
    said = notes(newest, {"gateway.ingress.enabled": True, "gateway.ingress.host": "t.example.org"})
    assert "And an Ingress leads to it from outside." in said
    assert "REST is at https://t.example.org" in said
    assert "port-forward" not in said


def test_a_release_for_patients_has_nothing_to_mind(newest: Helm):
    said = notes(newest, SAFE)
    assert "Mind:" not in said
    assert "Callers          bearers of tokens of https://login.example.org/realms/ward" in said
    assert "Records          PostgreSQL, by secret postgres" in said
    assert "https://127.0.0.1:8080" in said


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"notes.enabled": False}, "`helm test` will not pass without notes"),
        ({"fusion.enabled": False}, "without fusion there are no answers"),
        ({"notes.enabled": False, "gateway.test.needs": ["fusion"]}, "answers are narrower without"),
        ({"global.networkPolicy.enabled": False}, "whoever reaches Ray's ports"),
        (SAFE | {"gateway.records.migration.enabled": False}, "Nobody migrates the database"),
        ({"imaging.studies.existingClaim": ""}, "Uploaded studies are lost"),
        ({}, "may reach ports 443 and 6443 of any address"),
        ({"global.mtls.enabled": True}, "Between pods     TLS, both sides with certificates; network policies on"),
        ({"gateway.loadBalancer.enabled": True}, "get service demo-gateway-public"),
        ({"global.monitoring.enabled": True}, "runbooks"),
    ],
)
def test_what_is_out_of_the_common_is_told(newest: Helm, values: dict[str, Any], told: str):
    assert told in notes(newest, values)


def test_every_command_names_the_release_and_its_namespace(newest: Helm):
    lines = notes(newest, SAFE).splitlines()
    commands = [line.split() for line in lines if line.strip().startswith(("kubectl ", "helm ", "tumorcast "))]
    assert len(commands) == 5
    for words in commands:
        assert words[words.index("--namespace") + 1] == "ward"
        assert any("demo" in word for word in words)


def test_a_release_without_a_gateway_has_its_notes(newest: Helm):
    said = notes(newest, {"gateway.enabled": False})
    assert "Not installed    gateway" in said
    assert "port-forward" not in said
