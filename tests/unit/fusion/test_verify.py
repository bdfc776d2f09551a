"""A model's files against its SHA256SUMS, as sha256sum of coreutils writes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput, NotFound
from tumorcast_fusion.model import verify_files

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of "abc" (FIPS 180-2, appendix B.1)."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plots").mkdir()
    for name in ("manifest.yaml", "plots/calibration.svg"):
        (tmp_path / name).write_bytes(b"abc")
    (tmp_path / "SHA256SUMS").write_text(f"{ABC}  manifest.yaml\n{ABC.upper()} *plots/calibration.svg\n")
    return tmp_path


def statuses(folder: Path) -> dict[str, str]:
    return {check.name: check.status.value for check in verify_files(folder)}


def test_files_as_listed_are_intact(folder: Path) -> None:
    assert statuses(folder) == {"manifest.yaml": "intact", "plots/calibration.svg": "intact"}


def test_files_that_differ_are_missing_or_were_added_are_told(folder: Path) -> None:
    (folder / "manifest.yaml").write_bytes(b"abd")
    (folder / "plots" / "calibration.svg").unlink()
    (folder / "linear.safetensors").touch()
    assert statuses(folder) == {
        "linear.safetensors": "unlisted",
        "manifest.yaml": "differs",
        "plots/calibration.svg": "missing",
    }


def test_a_link_that_leads_nowhere_is_missing(folder: Path) -> None:
    (folder / "manifest.yaml").unlink()
    (folder / "manifest.yaml").symlink_to(folder / "nowhere")
    assert statuses(folder)["manifest.yaml"] == "missing"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum of coreutils")
def test_what_sha256sum_writes_is_read(folder: Path) -> None:
    command = ["sha256sum", "manifest.yaml", "plots/calibration.svg"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    (folder / "SHA256SUMS").write_bytes(done.stdout)
    assert set(statuses(folder).values()) == {"intact"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{ABC} manifest.yaml\n",
        f"{ABC[1:]}  manifest.yaml\n",
        f"{ABC}  ../outside\n",
        f"{ABC}  /etc/passwd\n",
        f"{ABC}  ./manifest.yaml\n",
        f"\\{ABC}  a\\nb\n",
        f"{ABC}  manifest.yaml\n{ABC}  manifest.yaml\n",
    ],
)
def test_a_list_that_is_not_of_this_folders_files_is_refused(text: str, folder: Path) -> None:
    (folder / "SHA256SUMS").write_text(text)
    with pytest.raises(InvalidInput):
        verify_files(folder)


def test_without_a_list_nothing_is_verified(folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(NotFound):
        verify_files(folder)


@given(st.binary(max_size=200))
def test_no_list_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("model")
    (folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(InvalidInput):
        verify_files(folder)
