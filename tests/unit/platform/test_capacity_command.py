"""``tumorcast platform capacity``: the page, the document, and what it says to questions that have no answer."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tumorcast_platform.capacity import load, shipped
from tumorcast_platform.cli import run
from tumorcast_platform.render.capacity import capacity_page

PAGE = Path(__file__).parents[3] / "charts" / "capacity.md"
ASKED = ["platform", "capacity", "--studies-per-day", "600", "--p95", "3", "--encode-ms", "900", "--crops", "3"]
QUICK = ["--days", "4"]


def told(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run(list(arguments)) == status
    out = capsys.readouterr()
    return out.out + out.err


@pytest.fixture(scope="module")
def document() -> dict[str, object]:
    """The answer to a question of two replicas."""
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert run([*ASKED, *QUICK, "--batch-size", "12", "--json"]) == 0
    found: dict[str, object] = json.loads(out.getvalue())
    return found


def test_the_page_begins_with_the_answer_and_ends_with_what_it_rests_on(document: dict[str, object]):
    lines = [line.text for line in capacity_page(document)]
    assert re.match(r"\d+ encoder replicas? \(a GPU each\) and \d+ ingress replicas?", lines[0])
    assert "600 studies a day" in lines[1]
    assert any(line.startswith("NOT MEASURED on your machines: gpu-l4-assumed, with your pass_ms") for line in lines)
    assert all(len(line) <= 100 for line in lines)


def test_the_document_holds_the_same_with_intervals(document: dict[str, object]):
    assert document["profile"]["measured"] is False  # type: ignore[index]
    fixed = document["fixed"]
    assert isinstance(fixed, dict)
    low, high = fixed["p95_s"]["interval"]
    assert low <= fixed["p95_s"]["mean"] <= high < 3
    assert fixed["encoder_bounds"] == [document["encoder_replicas"]] * 2
    assert 0 < fixed["encoder_utilization"] < 1


def test_what_was_measured_is_called_so_unless_a_time_is_changed(capsys: pytest.CaptureFixture[str]):
    asked = ["platform", "capacity", "--studies-per-day", "50", "--p95", "5", "--profile", "cpu-avx512", *QUICK]
    assert "Measured times: cpu-avx512" in told(capsys, *asked)
    assert "NOT MEASURED on your machines: cpu-avx512, with your prepare" in told(capsys, *asked, "--prepare-ms", "50")


def test_a_profile_of_ones_own_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = load("cpu-avx512").model_dump(mode="json") | {"name": "ours", "pass_ms": 40}
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    asked = ["platform", "capacity", "--studies-per-day", "50", "--p95", "5", *QUICK]
    assert "Measured times: ours" in told(capsys, *asked, "--profile", str(tmp_path / "ours.yaml"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--p95", "0.01"], "One study in twenty takes"),
        (["--p95", "3", "--profile", "nowhere"], "There is no profile of that name or path; shipped are cpu-avx512"),
        (["--p95", "3", "--hours", "1,2"], "A day needs 24 weights"),
        (["--p95", "3", "--hours", "busy"], "--hours is clinic, flat, or 24 numbers"),
        (["--p95", "3", "--hours", ",".join(["-1"] * 24)], "A day needs 24 weights"),
        (["--p95", "3", "--hours", ",".join(["nan"] * 24)], "A day needs 24 weights"),
    ],
)
def test_a_question_without_an_answer_is_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    text = told(capsys, "platform", "capacity", "--studies-per-day", "50", *QUICK, *arguments, status=1)
    assert text.startswith(f"INVALID_INPUT: {said}")
    assert text.count("\n") == 1


@pytest.mark.parametrize("name", shipped())
def test_a_profile_says_where_its_times_are_from(name: str):
    times = load(name)
    assert times.name == name
    assert len(times.source) > 100
    assert times.measured or "ASSUMED" in times.machine


def test_the_commands_of_the_page_are_commands(capsys: pytest.CaptureFixture[str]):
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    known = told(capsys, "platform", "capacity", "--help")
    assert len(lines) >= 3
    for line in lines:
        assert line[:3] == ["tumorcast", "platform", "capacity"]
        assert all(re.search(rf"{word}\b", known) for word in line if word.startswith("--"))
