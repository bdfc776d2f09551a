"""Backup and restore of a SQLite database; PostgreSQL has ``pg_dump`` and ``pg_restore``.

A backup holds no master key: without it nobody can read one, and it is to be kept apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.stores.database import parse_url, sqlite_file
from tumorcast_gateway.stores.keys import SYSTEM_KEY_PLACE, Secrets, private_folder
from tumorcast_gateway.stores.sql_stores import SqlStores
from tumorcast_gateway.stores.upkeep import reapply_erasures

BUSY_TIMEOUT_S = 30.0


async def backup(url: str, target: Path) -> None:
    """Copy a SQLite database as it is at one moment, while others write to it; only the owner can read the file.

    Raises ``ValueError`` for another database, ``FileExistsError`` for a file that is there, ``StoreUnavailable``.
    """
    source = _file(url)
    if not source.is_file():
        raise StoreUnavailable("There is no database to back up.")
    await asyncio.to_thread(_back_up, source, target)


async def restore(url: str, secrets: Secrets, source: Path, subject: str = "") -> int:
    """Put a backup in the place of a SQLite database; end the gateway before.

    Patients erased since the backup are erased again; returns how many. Raises ``ValueError`` for another database,
    ``StoreUnavailable`` where the backup is damaged or was written under another master key: then nothing is done.
    """
    target = _file(url)
    await asyncio.to_thread(_check, source, secrets)
    erased = await asyncio.to_thread(_erased, target)
    await asyncio.to_thread(_put_back, source, target)
    async with SqlStores(url, secrets) as stores:
        return await reapply_erasures(stores, erased, subject)


def _file(url: str) -> Path:
    file = sqlite_file(parse_url(url))
    if file is None:
        raise ValueError("A PostgreSQL database is backed up by pg_dump and restored by pg_restore.")
    return file


def _back_up(source: Path, target: Path) -> None:
    private_folder(target.parent)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with _open(source) as from_, _open(target, writable=True) as to:
            from_.backup(to)
            to.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself
    except BaseException:
        target.unlink()
        raise


def _check(source: Path, secrets: Secrets) -> None:
    if not source.is_file():
        raise StoreUnavailable("There is no such backup.")
    with _open(source) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        row = connection.execute("SELECT wrapped_key FROM system_keys").fetchone()
    if verdict != "ok" or row is None:
        raise StoreUnavailable("The backup is damaged.")
    secrets.unwrap(row[0], SYSTEM_KEY_PLACE)


def _erased(target: Path) -> Sequence[str]:
    """Whom the database that is replaced has erased; none where it is not there."""
    if not target.exists():
        return []
    with _open(target) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'patients'").fetchone()
        if not tables[0]:
            return []
        return [row[0] for row in connection.execute("SELECT id FROM patients WHERE wrapped_key IS NULL")]


def _put_back(source: Path, target: Path) -> None:
    private_folder(target.parent)
    os.close(os.open(target, os.O_RDWR | os.O_CREAT, 0o600))
    with _open(source) as from_, _open(target, writable=True) as to:
        from_.backup(to)


@contextlib.contextmanager
def _open(path: Path, *, writable: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a file; what SQLite raises is told as ``StoreUnavailable``."""
    mode = "rw" if writable else "ro"
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as e:
        raise StoreUnavailable("The file is no database, is damaged, or is in use.") from e
