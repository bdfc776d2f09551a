"""The commands of the gateway's page on FHIR and CDS Hooks, after the beginning of the README's walk."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from contract.test_gateway_readme import INSTEAD, README, REST, ROOT, blocks, documents, environment
from support.whole import whole

PAGE = README.with_name("standards.md")
BEGINNING = ("Start", "A patient", "Images", "Ask")
"""What the page says that it needs of the walk: the doors, the patient, both studies, a prognosis."""


def commands() -> list[str]:
    """The page's shell blocks: FHIR, then CDS Hooks."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def script_of(rest: str) -> str:
    walk = blocks()
    before = "\n".join(walk[name] for name in BEGINNING)
    parts = [f"{{\n{code}\n}} > said-{number}\n" for number, code in enumerate(commands())]
    script = [INSTEAD.format(root=ROOT), f"{{\n{before}\n}} > before\n", *parts]
    return "".join(script).replace(REST, rest)


@pytest.mark.timeout(240)
def test_every_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    def run(rest: str) -> Path:
        bash = ["bash", "-c", script_of(rest)]
        done = subprocess.run(bash, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr[-3000:]
        (patient,) = tmp_path.glob("patients/SIM-*")
        return patient

    async def main() -> Path:
        async with whole(tmp_path / "data") as gateway:
            return await asyncio.to_thread(run, f"127.0.0.1:{gateway.rest_port}")

    patient = asyncio.run(main())
    risk, report, status, found = documents((patient / "said-0").read_text())
    assert (risk["resourceType"], report["resourceType"]) == ("RiskAssessment", "DiagnosticReport")
    assert report["id"] == f"{risk['id']}-report"
    assert status["code"]["coding"][0]["code"] == "97509-4"
    assert [entry["resource"]["resourceType"] for entry in found["entry"]] == ["RiskAssessment"]
    bundle = json.loads((patient / "bundle.json").read_text())
    ids = [entry["resource"]["id"].partition("-")[2] for entry in bundle["entry"]]
    assert {"", "report", "tumorsize-1", "status"} <= set(ids)
    (card,) = json.loads((patient / "cards.json").read_text())["cards"]
    assert len(card["summary"]) < 140
    assert "SIMULATED" in card["summary"]
    assert json.loads((patient / "said-1").read_text()) == {}
