"""The pods that come and go: the database's migration before an upgrade, and `helm test`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.helm import Helm, Manifest
from support.postgres import running_postgres
from support.schemas import pick
from tumorcast_gateway import smoke
from tumorcast_gateway.stores import required_revision

PATIENTS = {
    "auth.insecureDemo": False,
    "auth.issuers": ["https://login.example.org"],
    "auth.audiences": ["https://tumorcast.example.org"],
    "tls.existingSecret": "gateway-tls",
    "records.database.existingSecret": "postgres",
    "records.masterKey.existingSecret": "master",
    "network.allowTo": [{"cidr": "10.20.0.0/16", "ports": [5432]}, {"cidr": "10.30.0.0/16"}],
}
HOOK = "helm.sh/hook"


def named(manifests: list[Manifest], ending: str) -> dict[str, Manifest]:
    return {m["kind"]: m for m in manifests if m["metadata"]["name"] == f"demo-gateway-{ending}"}


@pytest.fixture
def migration(helm: Helm) -> dict[str, Manifest]:
    return named(helm.render("gateway", PATIENTS), "migration")


def test_a_migration_is_there_with_a_database_and_can_be_left_out(helm: Helm):
    assert not named(helm.render("gateway"), "migration")
    assert not named(helm.render("gateway", PATIENTS | {"records.migration.enabled": False}), "migration")
    claim = {"records.database.existingSecret": "", "records.existingClaim": "records"}
    assert not named(helm.render("gateway", PATIENTS | claim), "migration")


def test_what_a_migration_needs_comes_before_it_and_goes_after_it(migration: dict[str, Manifest]):
    assert migration.keys() == {"ServiceAccount", "NetworkPolicy", "Job"}
    notes = {kind: m["metadata"]["annotations"] for kind, m in migration.items()}
    assert {note[HOOK] for note in notes.values()} == {"pre-install,pre-upgrade,pre-rollback"}
    # Replaced when there is one of before, so that a Job's template may change; what failed stays to be looked at.
    assert {note[f"{HOOK}-delete-policy"] for note in notes.values()} == {"before-hook-creation,hook-succeeded"}
    weights = {kind: int(note[f"{HOOK}-weight"]) for kind, note in notes.items()}
    assert max(weights["ServiceAccount"], weights["NetworkPolicy"]) < weights["Job"]


def test_a_migration_ends(migration: dict[str, Manifest]):
    spec = migration["Job"]["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (3, 600)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_migration_sees_the_database_alone(migration: dict[str, Manifest]):
    pod = migration["Job"]["spec"]["template"]["spec"]
    assert {volume["name"] for volume in pod["volumes"]} == {"tmp", "database"}
    assert pod["serviceAccountName"] == "demo-gateway-migration"
    assert migration["ServiceAccount"]["automountServiceAccountToken"] is False
    policy = migration["NetworkPolicy"]["spec"]
    assert "ingress" not in policy
    ways = [peer["ipBlock"]["cidr"] for rule in policy["egress"] for peer in rule["to"] if "ipBlock" in peer]
    assert ways == ["10.20.0.0/16", "10.30.0.0/16"]


@pytest.mark.parametrize("ending", ["migration", "test"])
def test_no_service_and_no_budget_takes_an_errand_for_a_gateway(helm: Helm, ending: str):
    manifests = helm.render("gateway", PATIENTS)
    errand = named(manifests, ending)
    pod = errand.get("Pod") or errand["Job"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    selectors = [m["spec"]["selector"] for m in manifests if m["kind"] == "Service"]
    selectors += [m["spec"]["selector"]["matchLabels"] for m in manifests if m["kind"] == "PodDisruptionBudget"]
    assert selectors
    assert not any(selector.items() <= labels.items() for selector in selectors)
    assert errand["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert labels["app.kubernetes.io/part-of"] == "tumorcast"  # the release's default-deny holds it, too


def run_as_in_the_pod(migration: dict[str, Manifest], folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """The Job's own command under its own environment, with the secret's file in ``folder``."""
    [container] = migration["Job"]["spec"]["template"]["spec"]["containers"]
    [variable] = container["env"]
    file = folder / Path(variable["value"]).name
    file.write_text(url + "\n")
    environment = {**os.environ, variable["name"]: str(file)}
    command = [sys.executable, *container["command"][1:]]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_migrations_command_migrates_once_and_says_so(migration: dict[str, Manifest], tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'records' / 'gateway.db'}"
    said = [run_as_in_the_pod(migration, tmp_path, url) for _ in range(2)]
    assert [each.returncode for each in said] == [0, 0], said[0].stderr
    assert said[0].stdout == f"Migrated from nothing to {required_revision()}.\n"
    assert said[1].stdout == f"The schema is {required_revision()} already.\n"
    assert not list(tmp_path.glob("**/master.key"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "nothing to migrate"),
        ("mysql://u:secret@h/d", "postgresql://"),
        ("postgresql://u:secret@127.0.0.1:1/d", "not migrated"),
    ],
)
def test_a_migration_that_fails_says_why_without_the_url(
    migration: dict[str, Manifest], tmp_path: Path, url: str, said: str
):
    done = run_as_in_the_pod(migration, tmp_path, url)
    assert done.returncode == 1
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.debian
def test_the_migrations_command_migrates_postgresql(one_helm: Helm, tmp_path: Path):
    migration = named(one_helm.render("gateway", PATIENTS), "migration")
    with running_postgres() as postgres:
        url = postgres.new_database()
        assert f"to {required_revision()}." in run_as_in_the_pod(migration, tmp_path, url).stdout
        assert "already" in run_as_in_the_pod(migration, tmp_path, url).stdout


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({}, ["http://demo-gateway:8080"]),
        (PATIENTS, ["https://demo-gateway:8080", "--certificate=/etc/tumorcast/tls/tls.crt", "--callers=sign-in"]),
        (PATIENTS | {"test.token.existingSecret": "t"}, ["--token=/etc/tumorcast/token/token", "--callers=sign-in"]),
        (PATIENTS | {"tls.clientCA.existingConfigMap": "ca"}, ["--callers=certificate"]),
        ({"servedHosts": ["a.example.org", "b.example.org"]}, ["--host=a.example.org"]),
        ({"test.needs": ["fusion"]}, ["--needs=fusion"]),
    ],
)
def test_helm_test_asks_as_callers_do(
    helm: Helm, values: dict[str, Any], arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    pod = named(helm.render("gateway", values), "test")["Pod"]
    [container] = pod["spec"]["containers"]
    assert set(arguments) <= set(container["args"]), shlex.join(container["args"])
    files = {mount["mountPath"] for mount in container["volumeMounts"]}
    for argument in container["args"]:
        _, _, value = argument.partition("=")
        assert not value.startswith("/") or str(Path(value).parent) in files
    asked: list[smoke.Asked] = []
    monkeypatch.setattr(smoke, "smoke", asked.append)
    monkeypatch.setattr(sys, "argv", ["smoke", *container["args"]])
    smoke.main()  # it knows every option that the chart gives
    assert asked[0].url == container["args"][0]


def test_helm_test_sees_the_doors_certificate_and_not_its_key(helm: Helm):
    pod = named(helm.render("gateway", PATIENTS), "test")["Pod"]["spec"]
    [tls] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "tls"]
    assert [item["key"] for item in tls["items"]] == ["tls.crt"]


def test_helm_test_is_let_in_where_few_are(helm: Helm):
    values = {"network.allowFrom": [{"cidr": "10.40.0.0/16"}]}
    manifests = helm.render("gateway", values)
    labels = named(manifests, "test")["Pod"]["metadata"]["labels"]
    rules = pick(manifests, "NetworkPolicy", "demo-gateway")["spec"]["ingress"]
    selectors = [peer["podSelector"]["matchLabels"] for rule in rules for peer in rule["from"] if "podSelector" in peer]
    assert any(selector.items() <= labels.items() for selector in selectors)
    out = named(manifests, "test")["NetworkPolicy"]["spec"]["egress"]
    [there] = [peer["podSelector"]["matchLabels"] for peer in out[-1]["to"]]
    assert there == pick(manifests, "NetworkPolicy", "demo-gateway")["spec"]["podSelector"]["matchLabels"]
