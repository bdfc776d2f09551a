"""What ``tumorcast models`` says of a model, and whether its files are the published ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from support.full_prognosis import SUMMARY
from support.fusion import write_tiny_model
from support.prognoses import summaries
from tumorcast_core.prognosis import ModelSummary
from tumorcast_platform import cli
from tumorcast_platform.render import as_text
from tumorcast_platform.render.model import model_page
from tumorcast_platform.render.text import WIDTH


def lines_of(model: ModelSummary) -> list[str]:
    return [" ".join(line.split()) for line in as_text(model_page(model)).splitlines()]


@pytest.mark.parametrize(
    "said",
    [
        "input unit or categories range code",
        "imaging_previous (imaging): embedding ct@1/bf16",
        "largest_lesion_diameter_previous mm 0 to 400",
        "albumin g/dL ≥ 0.5 LOINC 1751-7",
        "idh_mutation absent | present http://example.org IDH",
        "progression (competing-risks): progression, or death before it. Horizons: 182, 365 days.",
        "outcomes: progression, death",
        "column progression_event: 0: censored, 1: progression, 2: death",
        "column progression_event_free_days: last day known to be free of progression (may be left out)",
    ],
)
def test_the_page_of_a_model_says(said: str) -> None:
    assert said in lines_of(SUMMARY)


def test_many_categories_stand_below_their_input() -> None:
    regimens = tuple(f"regimen_{i}" for i in range(13))
    wide = replace(SUMMARY.inputs[2], categories=regimens)
    lines = lines_of(replace(SUMMARY, inputs=(*SUMMARY.inputs[:2], wide)))
    at = lines.index("idh_mutation http://example.org IDH")
    assert " ".join(lines[at + 1 : at + 4]).startswith(" | ".join(regimens))


def test_a_model_that_describes_no_inputs_names_its_groups_features() -> None:
    assert "labs (labs): albumin" in lines_of(replace(SUMMARY, inputs=()))


@settings(max_examples=40, deadline=None)
@given(summaries)
def test_every_description_fits_100_columns_of_ascii(model: ModelSummary) -> None:
    page = as_text(model_page(model), encoding="ascii")
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= WIDTH


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A folder as ``tumorcast train`` writes it, with the digests of its one model."""
    (tmp_path / "encoders").mkdir()
    folder = write_tiny_model(tmp_path / "models") / "tiny"
    files = sorted(path for path in folder.iterdir())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return tmp_path


def verify(trained: Path, capsys: pytest.CaptureFixture[str], name: str = "tiny") -> tuple[int, dict[str, object]]:
    status = cli.run(["models", "verify", name, "--trained", str(trained), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_model_as_published_is_ok_and_loads(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, answer = verify(trained, capsys)
    assert (status, answer["ok"]) == (0, True)
    assert {"name": "manifest.yaml", "status": "intact"} in answer["files"]  # type: ignore[operator]
    assert len(str(answer["sha256"])) == 64
    assert cli.run(["models", "verify", "tiny", "--trained", str(trained)]) == 0
    assert f"OK: the model loads, sha256 {answer['sha256']}" in capsys.readouterr().out


def test_a_file_that_differs_is_named_and_the_command_fails(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = trained / "models" / "tiny" / "fusion.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    status, answer = verify(trained, capsys)
    assert (status, answer["ok"], answer["sha256"]) == (1, False, None)
    assert {"name": "fusion.safetensors", "status": "differs"} in answer["files"]  # type: ignore[operator]
    assert cli.run(["models", "verify", "tiny", "--trained", str(trained)]) == 1
    said = capsys.readouterr().out
    assert "differs   fusion.safetensors" in said
    assert "NOT OK: 1 of 2 files" in said


@pytest.mark.parametrize(
    ("name", "code"), [("none", "UNKNOWN_MODEL"), ("../tiny", "UNKNOWN_MODEL"), ("tiny", "NOT_FOUND")]
)
def test_what_cannot_be_verified_is_an_error(
    name: str, code: str, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trained / "models" / "tiny" / "SHA256SUMS").unlink()
    status, answer = verify(trained, capsys, name)
    assert (status, answer["error"]["code"]) == (1, code)  # type: ignore[index]


def test_a_model_whose_files_are_as_published_and_that_does_not_load_is_an_error(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained / "models" / "tiny"
    (folder / "manifest.yaml").write_text("name: tiny\n")
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256(b"name: tiny\n").hexdigest()
    (folder / "SHA256SUMS").write_text("\n".join([sums[0], f"{digest}  manifest.yaml"]) + "\n")
    status, answer = verify(trained, capsys)
    assert (status, answer["error"]["code"]) == (1, "UNKNOWN_MODEL")  # type: ignore[index]
