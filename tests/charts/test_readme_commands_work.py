"""Every command of charts/README.md is run as it stands there.

Helm is the real one, except that `upgrade` becomes `template` since there is no cluster; docker and kubectl only
record what they were told, which is then compared with the files and with the manifests.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap

import pytest

from support.helm import CHARTS, ROOT, SERVICES, Helm, Manifest, copy_charts, manifests
from support.schemas import pick, pod_specs

SETS = ("--set", "--set-json")
MODES = ("--install", "--create-namespace", "--reset-then-reuse-values")

RECORDER = """#!{python}
import json, os, subprocess, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([name, *words]) + "\\n")
if name == "helm":
    if words[0] == "upgrade":
        if "--reset-then-reuse-values" in words and "gateway.auth.insecureDemo=false" not in words:
            words += ["--set", "gateway.auth.insecureDemo=true"]
        words = ["template", *(word for word in words[1:] if word not in {modes})]
    sys.exit(subprocess.run([{helm!r}, *words]).returncode)
"""


Calls = list[list[str]]
"""What was called: the tool, and each of its arguments."""


def commands() -> str:
    """The README's shell blocks as one script."""
    text = (CHARTS / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 8
    return "\n".join(textwrap.dedent(body) for _, body in blocks)


@pytest.fixture(scope="module")
def calls(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """Run the whole README; fails with the tool's words if a command fails."""
    folder = tmp_path_factory.mktemp("readme")
    copy_charts(folder / "charts")
    tools, log = folder / "bin", folder / "log"
    tools.mkdir()
    recorder = RECORDER.format(python=sys.executable, log=str(log), helm=helm.binary, modes=MODES)
    for tool in ("helm", "kubectl", "docker"):
        path = tools / tool
        path.write_text(recorder, encoding="utf-8")
        path.chmod(0o755)
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", commands()],
        cwd=folder,
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def of(tool: str, calls: Calls) -> Calls:
    return [words for name, *words in calls if name == tool]


def releases(calls: Calls, helm: Helm) -> list[list[Manifest]]:
    """What the cluster holds after each `helm upgrade`, values kept from one to the next."""
    values: list[str] = []
    found = []
    for words in of("helm", calls):
        if words[0] == "upgrade":
            values += [w for option, value in itertools.pairwise(words) if option in SETS for w in (option, value)]
            found.append(manifests(helm.run("template", words[1], words[2], *values)))
    return found


def test_each_line_of_the_readme_calls_a_tool_that_was_watched(calls: Calls):
    lines = [shlex.split(line) for line in commands().replace("\\\n", " ").splitlines()]
    assert {words[0] for words in lines if words} == {"helm", "kubectl", "docker", "openssl", "for", "done"}
    assert {call[0] for call in calls} == {"helm", "kubectl", "docker"}


def test_the_images_are_built_from_the_dockerfiles_under_the_names_that_the_charts_use(calls: Calls, helm: Helm):
    builds = [words for words in of("docker", calls) if words[0] == "build"]
    files = [words[words.index("--file") + 1] for words in builds]
    assert files == [f"services/tumorcast_{service}/Dockerfile" for service in SERVICES]
    assert all((ROOT / file).is_file() for file in files)
    tags = {words[words.index("--tag") + 1] for words in builds}
    assert {words[1] for words in of("docker", calls) if words[0] == "push"} == tags
    installed = releases(calls, helm)[0]
    assert {c["image"] for m in installed for pod in pod_specs(m) for c in pod["containers"]} == tags


def test_kubectl_asks_for_objects_that_the_release_has(calls: Calls, helm: Helm):
    installed = {f"{m['kind'].lower()}/{m['metadata']['name']}" for m in releases(calls, helm)[0]}
    asked = {word for words in of("kubectl", calls) for word in words if re.fullmatch(r"[a-z]+/[a-z-]+", word)}
    assert asked == {name for name in installed if not name.startswith("service/")} | {"service/tumorcast-gateway"}
    [forward] = [words for words in of("kubectl", calls) if "port-forward" in words]
    [gateway] = [
        m for m in releases(calls, helm)[0] if (m["kind"], m["metadata"]["name"]) == ("Service", "tumorcast-gateway")
    ]
    assert int(forward[-1].partition(":")[2]) in {port["port"] for port in gateway["spec"]["ports"]}


def test_helm_knows_every_option_that_the_readme_uses(calls: Calls, helm: Helm):
    for words in of("helm", calls):
        verb = words[:2] if words[0] == "dependency" else words[:1]
        help_text = helm.run(*verb, "--help")
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert f"{option} " in help_text, f"helm {' '.join(verb)} has no {option}"


def test_the_commands_that_scale_do_so(calls: Calls, helm: Helm):
    _, clinical, encoder, ingress, gpu, *_ = releases(calls, helm)
    assert pick(clinical, "Deployment", "tumorcast-clinical")["spec"]["replicas"] == 3
    groups = [
        pick(m, "RayService", "tumorcast-imaging")["spec"]["rayClusterConfig"]["workerGroupSpecs"]
        for m in (encoder, ingress, gpu)
    ]
    assert [[group["replicas"] for group in each] for each in groups] == [[1, 2], [2, 2], [2, 2]]
    encoder_pod = groups[-1][1]["template"]["spec"]
    assert encoder_pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert encoder_pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def test_the_commands_that_let_callers_sign_in_show_the_secrets_that_were_made(calls: Calls, helm: Helm):
    made = {words[words.index("create") + 3]: words for words in of("kubectl", calls) if "create" in words}
    [pod] = pod_specs(pick(releases(calls, helm)[-1], "Deployment", "tumorcast-gateway"))
    secrets = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert {secret["secretName"] for secret in secrets} == made.keys() - {"tumorcast-smart"}
    for secret in secrets:
        for item in secret.get("items", ()):
            assert any(word.startswith(f"--from-file={item['key']}=") for word in made[secret["secretName"]])
    settings = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert settings["TUMORCAST_GATEWAY_AUTH"] == "oidc"


def test_the_command_that_opens_a_fhir_server_shows_the_secret_that_was_made(calls: Calls, helm: Helm):
    [(name, source)] = [
        words[-2:] for words in of("kubectl", calls) if "create" in words and "tumorcast-smart" in words
    ]
    [pod] = pod_specs(pick(releases(calls, helm)[-1], "Deployment", "tumorcast-clinical"))
    [secret] = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert secret["secretName"] == name
    assert source.startswith(f"--from-file={secret['items'][0]['key']}=")
    hosts = {variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]}
    assert json.loads(hosts["TUMORCAST_CLINICAL_FHIR_ALLOWED_HOSTS"]) == ["ehr.example.org", "login.example.org"]
