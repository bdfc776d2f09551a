"""``tumorcast store``: every command on a real SQLite database, and what it says."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.fhir_validation import check
from support.store_records import START, prediction
from tumorcast_core.errors import RecordErased
from tumorcast_gateway.model.records import AuditEntry, now
from tumorcast_gateway.stores import SqlStores, place_of
from tumorcast_platform import cli

MRN = "MRN-40-71-99"


@pytest.fixture(autouse=True)
def _only_what_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "DATA_DIR", "MASTER_KEY"):
        monkeypatch.delenv(f"TUMORCAST_GATEWAY_{name}", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "elsewhere"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a database of two prognoses of one patient, one of them old, and five entries in its log."""
    folder = tmp_path / "data"

    async def fill(stores: SqlStores) -> None:
        for age_days, prognosis_id in ((400, "a" * 32), (1, "b" * 32)):
            async with stores.transaction() as tx:
                patient = await tx.patients.ensure(MRN)
                made = replace(
                    prediction(patient), prognosis_id=prognosis_id, created_at=now() - timedelta(days=age_days)
                )
                await tx.predictions.add(made)
                await tx.audit.append(AuditEntry("prognosis.create", "prognosis", prognosis_id, patient, subject="me"))
        for _ in range(3):
            async with stores.transaction() as tx:
                await tx.audit.append(AuditEntry("prognosis.read", "prognosis", "a" * 32, at=START))

    at(folder, fill, new=True)
    return folder


def at(folder: Path, work: Callable[[SqlStores], Any], *, new: bool = False) -> Any:
    """Work with the database in a folder."""

    async def run() -> Any:
        async with place_of(data_dir=folder, new=new).open() as stores:
            return await work(stores)

    return asyncio.run(run())


@pytest.fixture
def store(data: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run a command on the database: its exit status and its JSON, or text."""

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any]:
        status = cli.run(["store", *arguments, "--data-dir", str(data), *(["--json"] if as_json else [])])
        out = capsys.readouterr().out
        return status, json.loads(out) if as_json else out

    return run


def opaque_id(data: Path) -> str:
    async def find(stores: SqlStores) -> str:
        async with stores.transaction() as tx:
            return str(await tx.patients.find(MRN))

    return str(at(data, find))


def change(data: Path, statement: str) -> None:
    with sqlite3.connect(data / "gateway.db") as connection:
        connection.execute(statement)
    connection.close()


def test_a_sound_log_is_whole_and_its_head_is_told(store: Callable[..., Any]):
    status, verdict = store("verify")
    assert (status, verdict["ok"], verdict["entries"]) == (0, True, 5)
    assert store("verify", "--expect", verdict["head"])[0] == 0
    assert "OK: the audit log is whole, 5 entries." in store("verify", as_json=False)[1]


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit_entries SET action = 'prognosis.list' WHERE sequence = 3", 3),
        ("DELETE FROM audit_entries WHERE sequence = 2", 2),
        ("DELETE FROM audit_entries WHERE sequence = 5", 5),
    ],
)
def test_a_changed_log_is_told_with_the_first_entry_that_is_wrong(
    store: Callable[..., Any], data: Path, statement: str, broken_at: int
):
    change(data, statement)
    status, verdict = store("verify")
    assert (status, verdict["ok"], verdict["broken_at"]) == (1, False, broken_at)
    status, text = store("verify", as_json=False)
    assert status == 1
    assert f"NOT OK: the audit log is wrong from entry {broken_at} on." in text


def test_an_older_state_put_back_shows_against_a_noted_head(store: Callable[..., Any], data: Path, tmp_path: Path):
    shutil.copytree(data, tmp_path / "older")
    store("retain", "--days", "365")
    head = store("verify")[1]["head"]
    shutil.copy(tmp_path / "older" / "gateway.db", data / "gateway.db")
    assert store("verify")[0] == 0
    assert store("verify", "--expect", head)[0] == 1


@pytest.mark.parametrize("head", ["", "5", "5:abc", "x:" + "0" * 64])
def test_a_head_that_is_none_is_wrong_use(store: Callable[..., Any], head: str):
    status, told = store("verify", "--expect", head)
    assert (status, told["error"]["code"]) == (1, "INVALID_INPUT")


def test_the_plain_export_can_be_verified_without_this_program(store: Callable[..., Any]):
    _, text = store("export", as_json=False)
    previous = "00" * 32
    for line in text.splitlines():
        entry = json.loads(line)
        digest = entry.pop("digest")
        assert entry["previous"] == previous
        canonical = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(canonical.encode()).hexdigest() == digest
        previous = digest
    assert f"5:{previous}" == store("verify")[1]["head"]


def test_an_export_goes_on_after_an_entry(store: Callable[..., Any]):
    whole = store("export", as_json=False)[1].splitlines()
    assert store("export", "--after", "3", as_json=False)[1].splitlines() == whole[3:]


def test_the_fhir_export_is_valid_audit_events_without_patients_ids(store: Callable[..., Any], tmp_path: Path):
    file = tmp_path / "audit.ndjson"
    assert store("export", "--fhir", "--out", str(file), as_json=False)[0] == 0
    lines = file.read_text().splitlines()
    assert len(lines) == 5
    for line in lines:
        check(json.loads(line))
    assert MRN not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli.run(["store", "export", "--out", str(file), "--data-dir", str(tmp_path / "data")]) == 1


@pytest.mark.parametrize("by_own_id", [True, False])
def test_an_erased_patient_is_unreadable_and_the_log_says_who_did_it(
    store: Callable[..., Any], data: Path, monkeypatch: pytest.MonkeyPatch, by_own_id: bool
):
    patient = opaque_id(data)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{MRN}\n"))
    status, told = store("erase", "-" if by_own_id else patient, "--yes")
    assert (status, told) == (0, {"patient": patient, "prognoses": 2})

    async def read(stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            with pytest.raises(RecordErased):
                await tx.predictions.get("b" * 32)

    at(data, read)
    last = json.loads(store("export", as_json=False)[1].splitlines()[-1])
    assert (last["action"], last["patient"]) == ("patient.erase", patient)
    assert last["subject"].startswith("operator")
    assert store("erased")[1] == {"erased": [patient]}
    assert store("verify")[0] == 0


def test_erasure_asks_first(store: Callable[..., Any], data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert cli.run(["store", "erase", opaque_id(data), "--data-dir", str(data)]) == cli.INTERRUPTED
    assert store("erased")[1] == {"erased": []}


@pytest.mark.parametrize("text", ["", "MRN-of-nobody"])
def test_nobody_is_erased_by_an_unknown_id(store: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    status, told = store("erase", "-", "--yes")
    assert status == 1
    assert told["error"]["code"] == ("PATIENT_NOT_FOUND" if text else "INVALID_INPUT")
    assert text not in told["error"]["message"] or not text


def test_retention_destroys_what_is_old_and_nothing_else(store: Callable[..., Any]):
    expected = {"prognoses": 1, "patients": 0, "idempotency_keys": 0}
    assert store("retain", "--days", "365") == (0, expected)
    assert store("retain", "--days", "365")[1]["prognoses"] == 0


def test_a_backup_brings_back_all_but_the_erased(store: Callable[..., Any], data: Path, tmp_path: Path):
    patient, copy = opaque_id(data), tmp_path / "backup.db"
    status, saved = store("backup", str(copy))
    assert (status, saved["head"]) == (0, store("verify")[1]["head"])
    assert copy.stat().st_mode & 0o777 == 0o600
    assert store("backup", str(copy))[1]["error"]["message"] == "The file is there already."
    store("erase", patient, "--yes")
    assert store("restore", str(copy), "--yes")[1]["erased_again"] == 1
    assert store("verify")[0] == 0
    assert store("erased")[1] == {"erased": [patient]}


def test_a_lost_database_comes_back_and_the_list_of_the_erased_is_applied(
    store: Callable[..., Any], data: Path, tmp_path: Path
):
    patient, copy, listed = opaque_id(data), tmp_path / "backup.db", tmp_path / "erased.txt"
    store("backup", str(copy))
    store("erase", patient, "--yes")
    listed.write_text(store("erased", as_json=False)[1])
    for file in data.glob("gateway.db*"):
        file.unlink()
    status, told = store("restore", str(copy), "--erased", str(listed), "--yes")
    assert (status, told["erased_again"]) == (0, 1)
    assert store("erased")[1] == {"erased": [patient]}


def test_patients_that_another_way_of_restoring_brought_back_are_erased_again(
    store: Callable[..., Any], data: Path, tmp_path: Path
):
    patient, listed = opaque_id(data), tmp_path / "erased.txt"
    listed.write_text(f"{patient}\n{'0' * 32}\n")
    assert store("erase-again", str(listed)) == (0, {"erased_again": 1})
    assert store("erase-again", str(listed)) == (0, {"erased_again": 0})
    assert store("erase-again", str(tmp_path / "none"))[1]["error"]["code"] == "INVALID_INPUT"


def test_a_backup_under_another_master_key_is_not_put_back(store: Callable[..., Any], data: Path, tmp_path: Path):
    copy = tmp_path / "backup.db"
    store("backup", str(copy))
    (data / "master.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
    assert store("restore", str(copy), "--yes")[1]["error"]["code"] == "STORE_UNAVAILABLE"


def test_a_new_master_key_opens_all_and_the_old_one_nothing(store: Callable[..., Any], data: Path):
    old = (data / "master.key").read_text()
    status, told = store("rotate-key")
    assert (status, told["rewrapped"]) == (0, 2)
    assert (data / "master.key").read_text() != old
    assert store("verify")[0] == 0
    (data / "master.key").write_text(old)
    assert store("verify")[1]["error"]["code"] == "STORE_UNAVAILABLE"


def test_migration_makes_a_database_and_then_finds_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["store", "migrate", "--data-dir", str(tmp_path / "new"), "--json"]
    assert cli.run(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["before"] is None
    assert cli.run(command) == 0
    assert json.loads(capsys.readouterr().out) == {"before": first["after"], "after": first["after"]}


@pytest.mark.parametrize("command", [["verify"], ["export"], ["erased"], ["retain", "--days", "1"], ["rotate-key"]])
def test_a_wrong_folder_is_told_and_nothing_is_made_in_it(tmp_path: Path, command: list[str]):
    assert cli.run(["store", *command, "--data-dir", str(tmp_path / "nowhere")]) == 1
    assert not (tmp_path / "nowhere").exists()


def test_a_url_that_is_none_or_shows_its_password_is_refused(capsys: pytest.CaptureFixture[str]):
    assert cli.run(["store", "verify", "--database-url", "mysql://me@db/x"]) == 1
    assert cli.run(["store", "verify", "--database-url", "postgresql://me:s3cret@db/x"]) == 1
    said = capsys.readouterr().err
    assert "s3cret" not in said
    assert "TUMORCAST_GATEWAY_DATABASE_URL" in said


def test_settings_that_are_off_are_told_without_their_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setenv("TUMORCAST_GATEWAY_MASTER_KEY", "s3cret")
    assert cli.run(["store", "verify", "--data-dir", str(tmp_path)]) == 1
    assert "s3cret" not in capsys.readouterr().err
