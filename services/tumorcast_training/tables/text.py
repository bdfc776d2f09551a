"""A CSV file → columns of text: which separator, which encoding, and every way in which it is no table.

UTF-8 with or without a byte order mark; fields quoted as RFC 4180 has it; separated by comma, semicolon or tab,
whichever splits the header into most of the names that are expected (a comma, where two do equally well).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tumorcast_core.errors import InvalidInput, PayloadTooLarge
from tumorcast_training.tables.cells import plain

SEPARATORS = (",", ";", "\t")
_LONGEST_FIELD = 10_000
_LONGEST_HEADER = 1 << 20
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a table may be, and how many columns it may have."""

    rows: int = 1_000_000
    bytes: int = 512 * 2**20
    columns: int = 20_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class TextTable:
    """The columns asked for, by their plain names, each ``rows`` texts; ``not_read`` are the others' names."""

    rows: int
    columns: Mapping[str, Sequence[str]]
    not_read: tuple[str, ...]


def read_text(file: Path, expected: Collection[str], limits: Limits = DEFAULT_LIMITS) -> TextTable:
    """Read the columns named in ``expected`` (compared by ``plain``).

    Raises ``InvalidInput`` where the file is missing, not UTF-8, a workbook, not CSV, ragged, has two columns of one
    name or none that is expected; ``PayloadTooLarge`` over the limits. Messages quote nothing of the file.
    """
    _look_at_bytes(file, limits)
    wanted = {plain(name) for name in expected}
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return _read(stream, wanted, limits)
    except UnicodeDecodeError as e:
        raise InvalidInput("The table is not text in UTF-8; save it as CSV UTF-8.") from e
    except csv.Error as e:
        raise InvalidInput("The table is not CSV: a quotation mark is not closed, or a field is too long.") from e
    except OSError as e:
        raise InvalidInput("The table cannot be read.") from e


def _look_at_bytes(file: Path, limits: Limits) -> None:
    try:
        if not file.is_file():
            raise InvalidInput("There is no such table.")
        if file.stat().st_size > limits.bytes:
            raise PayloadTooLarge(f"The table is larger than {limits.bytes // 2**20} MiB.")
        with file.open("rb") as stream:
            start = stream.read(8)
    except OSError as e:
        raise InvalidInput("The table cannot be read.") from e
    if start.startswith(_WORKBOOKS):
        raise InvalidInput("The table is a workbook, not text; save it as CSV UTF-8.")
    if start.startswith(_UTF16):
        raise InvalidInput("The table is UTF-16; save it as CSV UTF-8.")
    if not start:
        raise InvalidInput("The table is empty.")


def _read(stream: TextIO, wanted: Collection[str], limits: Limits) -> TextTable:
    separator = _separator(stream, wanted)
    csv.field_size_limit(_LONGEST_FIELD)
    lines = csv.reader(_without_nul(stream), delimiter=separator, strict=True)
    header = [name.strip() for name in next(_filled(lines), [])]
    if len(header) > limits.columns:
        raise PayloadTooLarge(f"The table has more than {limits.columns} columns.")
    places = _places(header, wanted)
    kept: dict[str, list[str]] = {name: [] for name in places}
    appenders = [(kept[name].append, place) for name, place in places.items()]
    rows = _fill(appenders, _filled(lines), len(header), limits)
    unread = tuple(
        name or f"(column {i + 1} has no name)" for i, name in enumerate(header) if plain(name) not in places
    )
    return TextTable(rows, kept, unread)


def _fill(
    appenders: Sequence[tuple[Callable[[str], None], int]], lines: Iterable[list[str]], width: int, limits: Limits
) -> int:
    """Hand each row's texts to its columns; equal texts are kept once."""
    known: dict[str, str] = {}
    rows = 0
    for line in lines:
        rows += 1
        if len(line) != width:
            raise InvalidInput(f"Row {rows} of the table has {len(line)} fields, its header {width}.")
        if rows > limits.rows:
            raise PayloadTooLarge(f"The table has more than {limits.rows} rows.")
        for append, place in appenders:
            text = line[place]
            append(known.setdefault(text, text) if len(known) < limits.rows else text)
    if not rows:
        raise InvalidInput("The table has no rows below its header.")
    return rows


def _separator(stream: TextIO, wanted: Collection[str]) -> str:
    """The separator that splits the header into most of the wanted names; the stream is at its start again."""
    header = ""
    while not header.strip():
        header = stream.readline(_LONGEST_HEADER)
        if not header:
            raise InvalidInput("The table is empty.")
    stream.seek(0)
    if len(header) >= _LONGEST_HEADER:
        raise InvalidInput("The first line of the table is too long for a header.")
    if "\0" in header:
        raise InvalidInput("The table has NUL bytes; it is not text.")
    return max(SEPARATORS, key=lambda separator: _found(header, separator, wanted))


def _found(header: str, separator: str, wanted: Collection[str]) -> int:
    try:
        names = next(csv.reader([header], delimiter=separator), [])
    except csv.Error:
        return 0
    return sum(plain(name) in wanted for name in names)


def _places(header: Sequence[str], wanted: Collection[str]) -> dict[str, int]:
    """Where each wanted column stands."""
    given = [name for name in header if name]
    places: dict[str, int] = {}
    twice = len(set(given)) < len(given)
    for place, name in enumerate(header):
        if plain(name) in wanted:
            twice |= plain(name) in places
            places[plain(name)] = place
    if twice:
        raise InvalidInput("Two columns of the table have the same name.")
    if not places:
        raise InvalidInput("The table has none of the expected columns in its first line.")
    return places


def _without_nul(stream: TextIO) -> Iterator[str]:
    for line in stream:
        if "\0" in line:
            raise InvalidInput("The table has NUL bytes; it is not text.")
        yield line


def _filled(lines: Iterable[list[str]]) -> Iterator[list[str]]:
    """Lines that are not blank."""
    return (line for line in lines if line)
