"""The command as a whole: speed, exit status, errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tumorcast_platform import cli


def test_help_is_there_at_once_and_loads_nothing_heavy() -> None:
    script = "import sys; from tumorcast_platform import cli; cli.run(['--help']); print(sorted(sys.modules))"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert time.monotonic() - began < 5  # well under a second on an idle machine
    loaded = set(done.stdout.splitlines()[-1].replace("'", "").strip("[]").split(", "))
    assert not loaded & {
        "torch",
        "monai",
        "ray",
        "grpc",
        "numpy.random",
        "pydicom",
        "fastapi",
        "httpx",
        "rich.progress",
    }
    for command in ("demo", "up", "predict", "simulate", "imaging", "models", "train", "evaluate", "drift"):
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["demo"],
        ["up"],
        ["predict"],
        ["simulate"],
        ["imaging", "inspect"],
        ["imaging", "convert"],
        ["models", "list"],
        ["models", "show"],
        ["models", "card"],
        ["models", "verify"],
        ["predict-table"],
        ["train"],
        ["evaluate"],
        ["recalibrate"],
        ["drift"],
    ],
)
def test_every_command_has_json(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*command, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["astrology"], ["predict"], ["simulate", "--patients", "x"], ["up", "--port", "-1"]]
)
def test_wrong_usage_is_one_line_and_status_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("USAGE: ")
    assert said.err.count("\n") == 1


def test_with_json_an_error_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", "--model", "simulated", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "NO_INPUT"
    assert not said.err


def test_an_unexpected_error_is_told_without_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUMORCAST_DEBUG", raising=False)
    (tmp_path / "file").touch()
    assert cli.run(["simulate", "--patients", "1", "--out", str(tmp_path / "file" / "secret-name")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("INCIDENT: ")
    assert "secret-name" not in said.err
    assert "Traceback" not in said.err


def test_a_server_that_is_not_there_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fhir.json").write_text("{}")
    arguments = ["--fhir", str(tmp_path / "fhir.json"), "--server", "http://127.0.0.1:1"]
    assert cli.run(["predict", "--model", "simulated", *arguments]) == 1
    assert capsys.readouterr().err.startswith("SERVICE_UNAVAILABLE: ")
