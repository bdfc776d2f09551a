"""The sub-command itself, and what its commands share."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import typer

from tumorcast_core.errors import InvalidInput

if TYPE_CHECKING:
    from tumorcast_gateway.stores import SqlStores, StorePlace

_Result = TypeVar("_Result")

store_app = typer.Typer(
    help="Look after the gateway's records: verify and export the audit log, erase, retain, back up, restore, migrate.",
    no_args_is_help=True,
)

DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database; else as the gateway's own settings say (TUMORCAST_GATEWAY_DATABASE_URL and DATA_DIR). "
        "A URL with a password is taken from there only.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Folder of gateway.db and master.key.", show_default=False),
]


def place(url: str, data_dir: Path | None, *, new: bool = False) -> StorePlace:
    """The database that is meant; raises ``InvalidInput``, ``StoreUnavailable``.

    A password on a command line can be read by everyone on the machine, and stays in the shell's history.
    """
    from tumorcast_gateway.stores import place_of

    if _has_password(url):
        variable = "TUMORCAST_GATEWAY_DATABASE_URL"
        raise InvalidInput(f"A URL with a password is taken from {variable} or the file in {variable}_FILE only.")

    return place_of(url, data_dir, new=new)


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return "@" in url


def opened(where: StorePlace, work: Callable[[SqlStores], Awaitable[_Result]]) -> _Result:
    """Open the database and work with it."""

    async def run() -> _Result:
        async with where.open() as stores:
            return await work(stores)

    return _told(run)


def done(work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Do work that opens the database by itself."""
    return _told(work)


def _told(work: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run; wrong use of the store is told as ``InvalidInput``."""
    try:
        return asyncio.run(_awaited(work))
    except FileExistsError as e:
        raise InvalidInput("The file is there already.") from e
    except (ValueError, OSError) as e:
        raise InvalidInput(str(e) if isinstance(e, ValueError) else "A file cannot be read or written.") from e


async def _awaited(work: Callable[[], Awaitable[_Result]]) -> _Result:
    return await work()


def operator() -> str:
    """Whom the audit log names for a command: the user of this machine."""
    try:
        return f"operator {getpass.getuser()}"
    except (OSError, KeyError, ImportError):
        return "operator"
