"""Every command of charts/README.md is run as it stands there.

Helm is the real one, except that `upgrade` becomes `template` since there is no cluster; what it is told is compared
with the files and with the manifests. `tumorcast` commands are parsed by the commands themselves; docker and kubectl
only record.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest

from support.helm import CHARTS, ROOT, SERVICES, Helm, Manifest
from support.page_commands import Calls, Page, check_tumorcast, of, platform_commands, releases
from support.schemas import pick, pod_specs

MORE = tuple(CHARTS / chart / "README.md" for chart in ("clinical", "imaging", "common"))
README = Page(CHARTS / "README.md", MORE)
TOOLS = {"helm", "kubectl", "docker", "openssl", "tumorcast"}
Upgrades = list[tuple[list[str], list[Manifest]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def calls(one_helm: Helm, folder: Path) -> Calls:
    """Run the whole README; fails with the tool's words if a command fails."""
    return README.run(one_helm, folder)


@pytest.fixture(scope="module")
def upgrades(calls: Calls, one_helm: Helm, folder: Path) -> Upgrades:
    """Each `helm upgrade`, and what the cluster then holds."""
    told = [words for words in of("helm", calls) if words[0] == "upgrade"]
    return list(zip(told, releases(one_helm, folder), strict=True))


def after(upgrades: Upgrades, *said: str) -> list[Manifest]:
    """What the cluster holds after the first upgrade that says all this."""
    found, *_ = [manifests for words, manifests in upgrades if all(any(s in word for word in words) for s in said)]
    return found


def test_the_page_can_be_read_in_one_go():
    assert len(README.path.read_text(encoding="utf-8").splitlines()) <= 300


def test_each_line_of_the_readme_calls_a_tool_that_was_watched(calls: Calls):
    script = re.sub(r"<<'END_OF_FILE'\n.*?\nEND_OF_FILE\n", "", README.script(), flags=re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in script.replace("\\\n", " ").splitlines()]
    assert {words[0] for words in lines if words} <= TOOLS | {"for", "done", "cat", "export"}
    assert {call[0] for call in calls} == TOOLS - {"openssl"}


def test_the_images_are_built_from_the_dockerfiles_under_the_names_that_the_charts_use(
    calls: Calls, upgrades: Upgrades
):
    builds = [words for words in of("docker", calls) if words[0] == "build"]
    files = [words[words.index("--file") + 1] for words in builds]
    assert set(files) >= {f"services/tumorcast_{service}/Dockerfile" for service in SERVICES}
    assert all((ROOT / file).is_file() for file in files)
    tags = {words[words.index("--tag") + 1] for words in builds}
    assert {words[1] for words in of("docker", calls) if words[0] == "push"} == tags
    _, installed = upgrades[0]
    assert {c["image"] for m in installed for pod in pod_specs(m) for c in pod["containers"]} <= tags


def test_kubectl_asks_for_objects_that_the_release_has(calls: Calls, upgrades: Upgrades):
    _, installed = upgrades[0]
    there = {f"{m['kind'].lower()}/{m['metadata']['name']}" for m in installed}
    asked = {word for words in of("kubectl", calls) for word in words if re.fullmatch(r"[a-z]+/[a-z-]+", word)}
    assert asked
    assert asked <= there
    [forward] = [words for words in of("kubectl", calls) if "port-forward" in words]
    gateway = pick(installed, "Service", "tumorcast-gateway")
    assert int(forward[-1].partition(":")[2]) in {port["port"] for port in gateway["spec"]["ports"]}


@pytest.mark.parametrize("number", [0, 1])
def test_helm_knows_every_option_that_the_readme_uses(calls: Calls, helms: list[Helm], number: int):
    if number >= len(helms):
        pytest.skip("there is one Helm only")
    helm = helms[number]
    verbs = {tuple(words[:2]) if words[0] == "dependency" else (words[0],) for words in of("helm", calls)}
    help_of = {verb: helm.run(*verb, "--help") for verb in verbs}
    for words in of("helm", calls):
        verb = tuple(words[:2]) if words[0] == "dependency" else (words[0],)
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert f"{option} " in help_of[verb], f"helm {' '.join(verb)} has no {option}"


def test_every_upgrade_renders_under_the_other_helm_too(calls: Calls, helms: list[Helm], folder: Path):
    assert all(found for helm in helms[1:] for found in releases(helm, folder))


def test_tumorcast_takes_every_command_line_as_it_stands(calls: Calls, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "out" / "glioma").mkdir(parents=True, exist_ok=True)  # a model's folder, as the page names it
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TUMORCAST_FUSION_MODEL_STORE", "models")  # the page exports it
    lines = of("tumorcast", calls)
    assert {words[1] for words in lines if words[0] == "platform"} >= {"status", "wait", "scale", "diagnose", "smoke"}
    for words in lines:
        check_tumorcast(words)


def test_the_page_tells_of_every_platform_command():
    text = README.path.read_text(encoding="utf-8")
    missing = [name for name in platform_commands() if f"tumorcast platform {name}" not in text]
    assert missing == []


def test_the_commands_that_scale_do_so(upgrades: Upgrades):
    clinical = pick(after(upgrades, "clinical.replicas=3"), "Deployment", "tumorcast-clinical")
    assert clinical["spec"]["replicas"] == 3
    scaled = after(upgrades, "clinical.autoscaling.enabled=true")
    assert "replicas" not in pick(scaled, "Deployment", "tumorcast-clinical")["spec"]
    assert pick(scaled, "HorizontalPodAutoscaler", "tumorcast-clinical")["spec"]["maxReplicas"] == 6
    apart, gpu, ingress = (
        pick(after(upgrades, said), "RayService", "tumorcast-imaging")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for said in ("encoders.ct-lesion.replicas=2", "encoders.ct-lesion.gpus=1", "imaging.ingress.replicas=2")
    )
    assert [[group["replicas"] for group in each] for each in (apart, gpu, ingress)] == [[1, 2], [1, 2], [2, 2]]
    encoder_pod = gpu[1]["template"]["spec"]
    assert encoder_pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] in (1, "1")
    assert encoder_pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def test_only_the_named_service_changes_when_it_is_scaled(upgrades: Upgrades):
    for (_, before), (words, now) in itertools.pairwise(upgrades):
        if not any(re.fullmatch(r"clinical\.(replicas|autoscaling\..*)=.*", word) for word in words):
            continue
        changed = [m for m in now if m not in before] + [m for m in before if m not in now]
        assert {m["metadata"]["labels"]["app.kubernetes.io/name"] for m in changed} == {"clinical"}


def test_the_commands_that_let_callers_sign_in_show_the_secrets_that_were_made(calls: Calls, upgrades: Upgrades):
    made = {words[words.index("create") + 3]: words for words in of("kubectl", calls) if "create" in words}
    manifests = after(upgrades, "ward.yaml")
    [pod] = pod_specs(pick(manifests, "Deployment", "tumorcast-gateway"))
    secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert {secret["secretName"] for secret in secrets} == made.keys() - {"tumorcast-smart"}
    for secret in secrets:
        for item in secret.get("items", ()):
            assert any(word.startswith(f"--from-file={item['key']}=") for word in made[secret["secretName"]])
    settings = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert settings["TUMORCAST_GATEWAY_AUTH"] == "oidc"
    assert settings["TUMORCAST_GATEWAY_INSECURE_DEMO"] == "false"
    assert pick(manifests, "Job", "tumorcast-gateway-migration")


def test_the_command_that_opens_a_fhir_server_shows_the_secret_that_was_made(calls: Calls, upgrades: Upgrades):
    [(name, source)] = [
        words[-2:] for words in of("kubectl", calls) if "create" in words and "tumorcast-smart" in words
    ]
    [pod] = pod_specs(pick(after(upgrades, "clinical.fhir.smart"), "Deployment", "tumorcast-clinical"))
    [secret] = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "smart-key"]
    assert secret["secretName"] == name
    assert source.startswith(f"--from-file={secret['items'][0]['key']}=")
    hosts = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert json.loads(hosts["TUMORCAST_CLINICAL_FHIR_ALLOWED_HOSTS"]) == ["ehr.example.org", "login.example.org"]


def test_the_last_commands_turn_tls_within_and_alerts_on(upgrades: Upgrades):
    assert pick(after(upgrades, "global.mtls.enabled=true"), "Certificate", "tumorcast-ca")
    rules = pick(after(upgrades, "monitoring.enabled=true"), "PrometheusRule", "tumorcast-gateway")
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    count = sum(len(group["rules"]) for group in rules["spec"]["groups"])
    assert f"{count} alerts" in README.path.read_text(encoding="utf-8")


def test_the_page_names_every_preset_and_leads_to_pages_that_are_there():
    text = README.path.read_text(encoding="utf-8")
    for preset in (CHARTS / "tumorcast").glob("values-*.yaml"):
        assert f"`{preset.name}`" in text
    for page in (README.path, *MORE):
        words = page.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", words):
            assert "://" in link or (page.parent / link).exists(), f"{page.parent.name}: {link}"
        titles = {re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in words.splitlines()}
        assert set(re.findall(r"\]\(#([^)]+)\)", words)) <= titles
