"""``tumorcast store backup``, ``restore``, ``migrate`` and ``rotate-key``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.store.app import DatabaseUrl, DataDir, done, opened, operator, place, store_app
from tumorcast_platform.commands.store.erasing import ids_in
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style

if TYPE_CHECKING:
    from tumorcast_gateway.stores import SqlStores


@store_app.command("backup")
def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new file.")],
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy a SQLite database as it is at one moment, while the gateway goes on (PostgreSQL: pg_dump).

    The copy is sealed: without the master key, which is not in it and is to be kept elsewhere, nobody can read it.
    """
    from tumorcast_gateway.stores import backup as copy
    from tumorcast_gateway.stores import head

    where = place(database_url, data_dir)
    done(lambda: copy(where.url, out))
    noted = str(opened(where, head))
    lines = [Line(f"Saved: {out}", Style.GOOD), Line(f"Head of the audit log, to be noted elsewhere: {noted}")]
    console.answer({"file": str(out), "head": noted}, lines, as_json=as_json)


@store_app.command("restore")
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` wrote.", show_default=False)],
    erased: Annotated[
        Path | None,
        typer.Option("--erased", metavar="FILE", help="What `erased` listed: these patients are erased again."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of a SQLite database; end the gateway before (PostgreSQL: pg_restore).

    Patients who were erased in the database that is replaced, or stand in --erased, are erased again.
    """
    from tumorcast_gateway.stores import restore as put_back

    where = place(database_url, data_dir, new=True)
    ids = ids_in(erased) if erased else []
    if not yes and not typer.confirm("Replace the database by the backup?", err=True):
        raise typer.Abort
    again = done(lambda: put_back(where.url, where.secrets, source, operator()))
    again += opened(where, lambda stores: _reapply(stores, ids))
    noted = {"erased_again": again, "head": str(opened(where, _head))}
    lines = [
        Line(f"Restored; {again} patients erased again.", Style.GOOD),
        Line(f"Head of the audit log: {noted['head']}"),
    ]
    console.answer(noted, lines, as_json=as_json)


async def _reapply(stores: SqlStores, ids: list[str]) -> int:
    from tumorcast_gateway.stores import reapply_erasures

    return await reapply_erasures(stores, ids, operator())


async def _head(stores: SqlStores) -> object:
    from tumorcast_gateway.stores import head

    return await head(stores)


@store_app.command("migrate")
def migrate(database_url: DatabaseUrl = "", data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring a database to the schema of this version; make it where there is none. Back up before.

    The gateway does so by itself with SQLite; of PostgreSQL it only looks whether it was done.
    """
    from tumorcast_gateway.stores import migration

    where = place(database_url, data_dir, new=True)
    found = done(lambda: migration(where.url))
    document = {"before": found.before or None, "after": found.after}
    console.answer(document, [Line(str(found), Style.GOOD)], as_json=as_json)


@store_app.command("rotate-key")
def rotate_key(database_url: DatabaseUrl = "", data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Put a new master key in the place of the old one and rewrap every data key; end the gateway before.

    Where the keys are set (TUMORCAST_GATEWAY_MASTER_KEY), put a new one before the old ones, run this, then take the
    old ones away. Backups made before open with the old key only.
    """
    from tumorcast_gateway.stores import rotate_key_file, rotate_keys

    where = place(database_url, data_dir)
    if where.key_file is None:
        rewrapped = opened(where, lambda stores: rotate_keys(stores, operator()))
    else:
        file = where.key_file
        rewrapped = done(lambda: rotate_key_file(where.url, file, operator()))
    document = {"rewrapped": rewrapped, "key_file": str(where.key_file) if where.key_file else None}
    console.answer(document, [Line(f"Rewrapped: {rewrapped} keys.", Style.GOOD)], as_json=as_json)
