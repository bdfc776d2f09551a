"""The walk of the gateway's README, command by command, against the services as they are."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.up import up
from support.whole import whole
from tumorcast_gateway.rest.kinds import kinds

ROOT = Path(__file__).parents[2]
README = ROOT / "services" / "tumorcast_gateway" / "README.md"
REST, GRPC = "127.0.0.1:8080", "127.0.0.1:50050"
"""Where the README says that the doors are."""
CODE = re.compile(r"`([A-Z_]+)`")
PYTHON = "python - <<'END_OF_PYTHON'\n{}END_OF_PYTHON\n"
# What starts the services is the test's matter; that `make demo` is what it says, `make` is asked, without doing it.
INSTEAD = """set -euo pipefail
make() {{ command make --dry-run --no-print-directory -C '{root}' "$@" | tail -1; }}
tumorcast() {{ [ "$1" = up ] || command tumorcast "$@"; }}
"""


def blocks() -> dict[str, str]:
    """What is run, in order, by the bold words or the heading before it; fences other than these are only shown."""
    found: dict[str, str] = {}
    name, language, lines = "", "", list[str]()
    for line in README.read_text().splitlines():
        if language and line == "```":
            code = "\n".join(lines) + "\n"
            found[name if name not in found else f"{name} {len(found)}"] = (
                PYTHON.format(code) if language == "python" else code
            )
            language, lines = "", []
        elif language:
            lines.append(line)
        elif fence := re.fullmatch(r"```(sh|python)", line):
            language = fence[1]
        elif title := re.match(r"\*\*([^*]+?)\.?\*\*|#+ (.+)", line):
            name = (title[1] or title[2]).replace("/", " ")
    return found


def script_of(places: dict[str, str], said: Path) -> str:
    """One shell session; what each block says goes to a file of its own."""
    parts = [INSTEAD.format(root=ROOT)]
    for name, code in blocks().items():
        for written, real in places.items():
            code = code.replace(written, real)
        parts.append(f"{{\n{code}\n}} > '{said / name}'\n")
    return "".join(parts)


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "NO_PROXY": "127.0.0.1"}


def walk(rest: str, grpc: str, folder: Path, seconds: float) -> None:
    """Walk, and check what was said on the way."""
    said = folder / "said"
    said.mkdir()
    script = script_of({REST: rest, GRPC: grpc}, said)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True, timeout=seconds
    )
    code, errors = done.returncode, done.stderr
    last = max(said.iterdir(), key=lambda path: path.stat().st_mtime, default=None)
    assert code == 0, f"{last}\n{last.read_text()[-3000:] if last else ''}\n{errors[-3000:]}"
    check({path.name: path.read_text() for path in said.iterdir()})


def documents(text: str) -> list[dict]:
    """JSON documents that follow each other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def check(said: dict[str, str]) -> None:
    """What a reader should see."""
    demo, ready = said["Start"].splitlines()[0], said["Start"].splitlines()[-1]
    assert demo.endswith("tumorcast demo")
    assert json.loads(ready)["status"] == "ready"
    assert '"progression_free_survival"' in said["What can be asked?"]
    assert "# simulated" in said["What can be asked?"]
    for upload in documents(said["Images"]):
        assert (len(upload["studies"]), upload["refusals"]) == (1, [])

    (answer,) = documents(said["Ask"])
    assert {use["status"] for use in answer["inputs"]} == {"used"} | {
        use["status"] for use in answer["inputs"] if use["modality"] == "genomics"
    }
    again, explanation, replay, feedback, outcome, listed = documents(said["Later"])
    assert again == answer
    assert explanation["endpoints"][0]["groups"]
    assert (replay["same"], replay["model_changed"], replay["differences"]) == (True, False, [])
    assert (feedback["decision"], outcome["time_days"]) == ("overridden", 143)
    assert [p["prognosis_id"] for p in listed["prognoses"]] == [answer["prognosis_id"]]

    job, results = documents(said["Many at once"])
    assert (job["total"], job["answered"], job["failed"]) == (2, 2, 0)
    assert all(result["prognosis_id"] for result in results["results"])
    assert said["In Python"].splitlines()[-1] == "UNKNOWN_MODEL"
    assert re.match(r"[1-9]\d* lesions measured\n", said["In Python"])

    capability, bundle, stored = documents(said["As FHIR"])
    assert (capability["resourceType"], stored["resourceType"]) == ("CapabilityStatement", "RiskAssessment")
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert {"RiskAssessment", "DiagnosticReport"} <= kinds
    discovery, cards = documents(said["As CDS Hooks"])
    assert any(service["id"] == "tumorcast-simulated-patient-view" for service in discovery["services"])
    assert "SIMULATED" in cards["cards"][0]["summary"]
    erased, problem = documents(said["Erase"])
    assert erased["prognoses"] >= 3
    assert problem["code"] == "RECORD_ERASED"


@pytest.mark.timeout(240)
def test_every_command_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    async def main() -> None:
        async with whole(tmp_path / "data") as gateway:
            doors = f"127.0.0.1:{gateway.rest_port}", f"127.0.0.1:{gateway.port}"
            await asyncio.to_thread(walk, *doors, tmp_path, 180)

    asyncio.run(main())


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_the_same_before_tumorcast_up(tmp_path: Path) -> None:
    with up(tmp_path / "data", TUMORCAST_GATEWAY_DATA_DIR=str(tmp_path / "records")) as running:
        walk(running.rest.removeprefix("http://"), running.grpc, tmp_path, 300)


def test_links_of_the_readme_lead_somewhere_and_its_codes_are_told() -> None:
    text = README.read_text()
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (README.parent / link).exists(), link
    errors = text.split("## Errors")[1].split("\n## ")[0]
    told = {code for line in errors.splitlines() if line.startswith("| `") for code in CODE.findall(line.split("|")[1])}
    assert told <= {kind.code for kind in kinds()}
    steps = text.split("## Follow one query")[1].split("\n## ")[0]
    for path in re.findall(r"`([a-z_/]+(?:\.py|/))`", steps):
        assert (README.parent / path).exists(), path
