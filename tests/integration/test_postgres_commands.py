"""``tumorcast store`` on PostgreSQL: from an empty database to an erased patient who stays so after pg_restore."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from support.postgres import running_postgres
from support.store_records import PATIENT_ID, kept
from tumorcast_gateway.stores import place_of
from tumorcast_platform import cli

pytestmark = pytest.mark.debian


@pytest.mark.timeout(180)
def test_the_commands_work_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def store(*arguments: str) -> tuple[int, Any]:
        monkeypatch.setenv("TUMORCAST_GATEWAY_DATABASE_URL", url)
        status = cli.run(["store", *arguments, "--data-dir", str(tmp_path), "--json"])
        return status, json.loads(capsys.readouterr().out)

    async def fill() -> None:
        async with place_of(url, tmp_path).open() as stores:
            await kept(stores)

    with running_postgres() as postgres:
        url = postgres.new_database()
        assert store("migrate")[1]["before"] is None
        asyncio.run(fill())
        dump = postgres.folder / "saved.dump"
        postgres.run("pg_dump", "--format=custom", f"--file={dump}", url)
        monkeypatch.setattr("sys.stdin", io.StringIO(PATIENT_ID))
        status, told = store("erase", "-", "--yes")
        assert (status, told["prognoses"]) == (0, 1)
        erased = tmp_path / "erased.txt"
        erased.write_text("\n".join(store("erased")[1]["erased"]))
        head = store("verify")[1]["head"]
        assert store("verify", "--expect", head)[0] == 0
        assert store("backup", str(tmp_path / "x"))[1]["error"]["code"] == "INVALID_INPUT"
        url = postgres.new_database()
        postgres.run("pg_restore", "--dbname", url, dump)
        assert store("erased")[1]["erased"] == []
        assert store("erase-again", str(erased)) == (0, {"erased_again": 1})
        assert store("erased")[1]["erased"] == [told["patient"]]
        assert store("rotate-key")[1]["rewrapped"] == 1
        assert store("verify")[0] == 0
        assert store("verify", "--expect", head)[0] == 1
