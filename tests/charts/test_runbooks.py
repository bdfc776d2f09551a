"""Every runbook has the same shape, is named by what it is for, and its commands are commands that exist.

The blocks run in a shell: Helm is the real one, `upgrade` as `template`; the others only record what they were told,
which is then compared with the help of `tumorcast`, kubectl's verbs and options, and the objects of a release.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from support.helm import CHARTS, ROOT, Helm, Manifest, manifests
from tumorcast_platform.cli import run

RUNBOOKS = CHARTS / "runbooks"
PAGES = sorted(path.name for path in RUNBOOKS.glob("*.md"))
SECTIONS = ["Check", "Do", "Prevent"]
VALUES = {
    "gateway.auth.issuers": ["https://login.example.org/realms/ward"],
    "gateway.auth.audiences": ["https://tumorcast.example.org"],
    "gateway.network.allowTo": [{"cidr": "10.20.0.0/16"}],
    "gateway.tls.existingSecret": "tumorcast-tls",
    "gateway.records.database.existingSecret": "tumorcast-database",
    "gateway.records.masterKey.existingSecret": "tumorcast-master-key",
    "imaging.studies.existingClaim": "tumorcast-studies",
    "global.mtls.enabled": True,
}
"""The release that the runbooks speak of: with patients' data."""
INSTEAD = {"dicomweb-slow-or-refusing.md": {"imaging.studies.existingClaim": ""}}
"""What else stands in the release of a page: studies lie on a server there."""
TOOLS = ("helm", "kubectl", "tumorcast", "curl", "openssl", "pg_restore", "pg_dump")
SHELL = {"POD", "PENDING", "grep", "export", "TUMORCAST_GATEWAY_DATABASE_URL_FILE"}
RECORDER = """#!{python}
import json, os, subprocess, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps([name, *words]) + "\\n")
if name == "helm" and words[0] == "upgrade":
    words = [word for word in words[1:] if word != "--reset-then-reuse-values"]
    sys.exit(subprocess.run([{helm!r}, "template", *{given}, *words], stdout=subprocess.DEVNULL).returncode)
told = "INCIDENT tumorcast_requests_in_flight tumorcast_model_refused"
if name == "curl":
    open(words[words.index("--output") + 1], "w").write(told)
elif name == "kubectl":
    print(told)
"""

GLOBAL = {"--namespace"}
KUBECTL: dict[str, set[str]] = {
    "get": {"--all-namespaces", "--selector", "--output", "--field-selector", "--sort-by", "--label-columns"},
    "describe": set(),
    "logs": {"--selector", "--container", "--tail", "--previous", "--prefix"},
    "top": {"--containers"},
    "exec": set(),
    "wait": {"--for", "--timeout"},
    "delete": set(),
    "rollout": set(),
    "apply": {"--filename"},
    "create": {
        *("--from-file", "--cert", "--key", "--dry-run", "--output"),
        *("--docker-server", "--docker-username", "--docker-password"),
    },
    "port-forward": set(),
}
"""Verbs and options of kubectl 1.29 and newer that the pages use, from its reference."""
OTHERS = {
    *("deployment/kuberay-operator", "deployment/cert-manager"),
    *("raycluster/$PENDING", "pod/$POD", "secret/tumorcast-restored"),
}
"""Objects that are not the release's own."""
MADE = {"tumorcast-database", "tumorcast-master-key", "tumorcast-tls", "tumorcast-pacs", "tumorcast-registry"}
"""Secrets that an operator makes."""

Calls = list[list[str]]


def given(page: str = "") -> list[str]:
    """Helm's arguments for the release that a page speaks of."""
    values = VALUES | INSTEAD.get(page, {})
    return [word for path, value in values.items() for word in ("--set-json", f"{path}={json.dumps(value)}")]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", (RUNBOOKS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module", params=PAGES)
def page(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def calls(page: str, one_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """Run all blocks of a page in one shell; fails with what was said if a command does."""
    folder = tmp_path_factory.mktemp("runbook")
    (folder / "charts").symlink_to(one_helm.charts)
    tools, log = folder / "bin", folder / "log"
    tools.mkdir()
    recorder = RECORDER.format(python=sys.executable, log=str(log), helm=one_helm.binary, given=given(page))
    for tool in TOOLS:
        (tools / tool).write_text(recorder, encoding="utf-8")
        (tools / tool).chmod(0o755)
    for name in ("token", "registry.password"):
        (folder / name).write_text("x", encoding="utf-8")
    done = subprocess.run(
        [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", "\n".join(blocks(page))],
        cwd=folder,
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


@cache
def release(helm: Helm) -> tuple[Manifest, ...]:
    return tuple(manifests(helm.run("template", "tumorcast", "charts/tumorcast", *given())))


def test_there_is_a_page_for_each_of_the_likeliest_incidents():
    assert len(PAGES) >= 10


def test_every_page_has_the_same_shape_and_fits_a_page(page: str):
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    assert re.findall(r"^# (.+)$", text.split("```")[0], re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    before = text.partition("## Check")[0]
    assert before.index("**You see**") < before.index("**Why.**")
    assert len(text.splitlines()) <= 70
    check = text.partition("## Check")[2].partition("## Do")[0]
    assert "```sh" in check
    assert "```sh" in text.partition("## Do")[2].partition("## Prevent")[0]


def test_every_link_of_a_page_leads_somewhere(page: str):
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (RUNBOOKS / target).is_file(), target


def test_a_page_begins_to_check_by_looking_and_changes_nothing(page: str):
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    check = text.partition("## Check")[2].partition("## Do")[0]
    changing = r"kubectl .*\b(delete|apply|create|rollout restart|scale|patch|edit)\b|helm (upgrade|rollback|uninstall)"
    assert not re.search(changing, check)
    assert "tumorcast platform" in check


def test_every_line_calls_a_tool_that_is_watched(page: str):
    text = "\n".join(blocks(page)).replace("\\\n", " ")
    first = {re.split(r"[ =]", line.strip())[0] for line in text.splitlines() if line.strip()}
    assert first <= {*TOOLS, *SHELL}


def test_what_helm_is_told_renders_and_it_knows_the_options(calls: Calls, one_helm: Helm):
    for words in (words for name, *words in calls if name == "helm"):
        verb = words[:2] if words[0] == "get" else words[:1]
        told = one_helm.run(*verb, "--help")
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert f"{option} " in told, f"helm {' '.join(verb)} has no {option}"


def test_what_tumorcast_is_told_it_knows(calls: Calls, capsys: pytest.CaptureFixture[str]):
    for words in (words for name, *words in calls if name == "tumorcast"):
        told = help_of(words, capsys)
        for option in (word.partition("=")[0] for word in words if word.startswith("-") and word != "-"):
            assert re.search(rf"{option}\b", told), f"tumorcast {' '.join(words)}: no {option}"


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The help of the longest run of sub-commands that ``words`` begin with."""
    told = ""
    for count in range(1, len(words) + 1):
        capsys.readouterr()
        if run([*words[:count], "--help"]) != 0 or "Usage: " not in (text := capsys.readouterr().out):
            break
        told = text
        if "COMMAND [ARGS]" not in text:
            break
    assert "COMMAND [ARGS]" not in told, f"tumorcast {' '.join(words)}"
    return told


def test_kubectl_has_the_verbs_and_options(calls: Calls):
    for words in (words for name, *words in calls if name == "kubectl"):
        verb, options = verb_of(words)
        assert verb in KUBECTL, words
        assert options <= KUBECTL[verb] | GLOBAL, words


def verb_of(words: list[str]) -> tuple[str, set[str]]:
    own = words[: words.index("--")] if "--" in words else words
    options = {word.partition("=")[0] for word in own if word.startswith("--")}
    plain = [word for n, word in enumerate(own) if not word.startswith("--") and own[n - 1] != "--namespace"]
    return plain[0], options


def test_what_kubectl_asks_for_is_in_the_release(calls: Calls, one_helm: Helm):
    objects = {f"{m['kind'].lower()}/{m['metadata']['name']}" for m in release(one_helm)}
    objects |= {f"secret/{m['spec']['secretName']}" for m in release(one_helm) if m["kind"] == "Certificate"}
    objects |= {f"secret/{name}" for name in MADE} | OTHERS | {"raycluster/tumorcast-imaging-7h2k9"}
    for words in (words for name, *words in calls if name == "kubectl"):
        for name in named(words):
            assert name in objects or name.startswith("pod/"), name


def named(words: list[str]) -> list[str]:
    """``kind/name`` for every single object that a command names."""
    own = words[: words.index("--")] if "--" in words else words
    verb, _ = verb_of(words)
    found = [word for word in own if re.fullmatch(r"[a-z]+/[a-z0-9-]+", word)]
    if verb in ("get", "describe", "delete"):
        plain = own[own.index(verb) + 1 :][:2]
        if len(plain) == 2 and not plain[1].startswith("--") and "," not in plain[0]:
            found.append("/".join(plain))
    return found


def test_alerts_and_findings_name_pages_that_there_are():
    told = set()
    for file in sorted((CHARTS / "gateway" / "alerts").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            told |= {rule["annotations"].get("runbook_url", "").rpartition("/")[2] for rule in group["rules"]}
    code = Path(ROOT / "services" / "tumorcast_platform" / "cluster" / "diagnosis").glob("*.py")
    told |= {
        f"{name}.md"
        for file in code
        for name in re.findall(r'(?i)runbook ?= ?"([a-z-]+)"', file.read_text(encoding="utf-8"))
    }
    assert told - {""} <= set(PAGES)
    assert len(told) >= 8


def test_the_alerts_that_a_page_names_are_alerts(page: str):
    rules = "".join(file.read_text(encoding="utf-8") for file in (CHARTS / "gateway" / "alerts").glob("*.yaml"))
    text = (RUNBOOKS / page).read_text(encoding="utf-8")
    for name in re.findall(r"`(Tumorcast[A-Z]\w+)`", text):
        assert f"alert: {name}\n" in rules, name
