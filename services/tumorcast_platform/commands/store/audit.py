"""``tumorcast store verify`` and ``export``: whether the audit log is whole, and what is in it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from tumorcast_core.errors import InvalidInput
from tumorcast_platform import console
from tumorcast_platform.commands.store.app import DatabaseUrl, DataDir, opened, place, store_app
from tumorcast_platform.console import AsJson
from tumorcast_platform.render.store import verdict_page

if TYPE_CHECKING:
    from tumorcast_gateway.stores import ChainedEntry, Head, SqlStores

Expected = Annotated[
    list[str] | None,
    typer.Option("--expect", metavar="HEAD", help="A head noted before; it must still stand in the chain."),
]


@store_app.command("verify")
def verify(
    expect: Expected = None, database_url: DatabaseUrl = "", data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Walk the audit log from its beginning and say whether an entry was changed, removed or put in.

    Note the head that it prints elsewhere: given back with --expect, it also shows an older state that was put back.
    Exit status: 0 if the log is whole, 1 if not.
    """
    from tumorcast_gateway.stores import verify as walk

    heads = [_head(text) for text in expect or ()]
    verdict = opened(place(database_url, data_dir), lambda stores: walk(stores, heads))
    document = {
        "ok": verdict.is_whole,
        "entries": verdict.head.sequence,
        "head": str(verdict.head),
        "broken_at": verdict.broken_at,
        "fault": verdict.fault or None,
    }
    console.answer(document, verdict_page(document), as_json=as_json)
    if not verdict.is_whole:
        raise typer.Exit(1)


def _head(text: str) -> Head:
    from tumorcast_gateway.stores import Head

    try:
        return Head.parse(text)
    except ValueError as e:
        raise InvalidInput("A head is <number>:<64 hexadecimal digits>, as `tumorcast store verify` prints it.") from e


@store_app.command("export")
def export(
    fhir: Annotated[bool, typer.Option("--fhir", help="FHIR R4 AuditEvent, one in a line.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file, for its owner only.")] = None,
    after: Annotated[int, typer.Option("--after", metavar="N", min=0, help="Entries after this number.")] = 0,
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
) -> None:
    """Write the audit log as NDJSON, to standard output or a new file: entries with their digests, or AuditEvents.

    The digest of an entry is the SHA-256 of its other fields, with that of the entry before as "previous" and without
    white space, keys in order: whoever has an export from 0 on can verify it without this program.
    """
    where = place(database_url, data_dir)
    with _output(out) as output:
        opened(where, lambda stores: _write(stores, output, after, fhir=fhir))


async def _write(stores: SqlStores, output: TextIO, after: int, *, fhir: bool) -> None:
    from tumorcast_gateway.fhir.audit_event import audit_event
    from tumorcast_gateway.stores import entries

    previous = bytes(32)
    async for chained in entries(stores, max(after - 1, 0)):
        if chained.sequence > after:
            document = (
                audit_event(chained.sequence, chained.digest, chained.entry) if fhir else _plain(chained, previous)
            )
            output.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")
        previous = chained.digest


def _plain(chained: ChainedEntry, previous: bytes) -> dict[str, Any]:
    """The fields that the digest is over, in the order that it takes them, and the digest."""
    fields = asdict(chained.entry)
    fields["at"] = chained.entry.at and chained.entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields |= {"sequence": chained.sequence, "previous": previous.hex()}
    return dict(sorted(fields.items())) | {"digest": chained.digest.hex()}


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as e:
        raise InvalidInput("The file is there already, or cannot be written.") from e
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yield file
