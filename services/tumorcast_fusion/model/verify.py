"""Whether a model's files are those that were published: held against the ``SHA256SUMS`` in its folder.

The file is as ``sha256sum`` of GNU coreutils writes and checks it: 64 hexadecimal digits, a blank, a blank or ``*``,
and the file's name relative to the folder. Names that sha256sum would have to escape are not allowed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from tumorcast_core.errors import InvalidInput, NotFound

SHA256SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


class FileStatus(StrEnum):
    """How a file of a model stands to what was published."""

    INTACT = "intact"
    DIFFERS = "differs"
    MISSING = "missing"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file of the folder, or one that ``SHA256SUMS`` lists."""

    name: str
    status: FileStatus


def verify_files(folder: Path) -> tuple[FileCheck, ...]:
    """Check every file that is listed and find those that are not, by name.

    Raises ``NotFound`` where there is no ``SHA256SUMS``, ``InvalidInput`` where it cannot be read as one.
    """
    expected = read_sums(folder)
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {SHA256SUMS}
    return tuple(FileCheck(name, _status(folder, name, expected, present)) for name in sorted(present | set(expected)))


def read_sums(folder: Path) -> Mapping[str, str]:
    """The digest of each file that ``SHA256SUMS`` lists, in lower case; raises as ``verify_files``."""
    try:
        text = (folder / SHA256SUMS).read_text(encoding="utf-8")
    except OSError as e:
        raise NotFound("The model has no SHA256SUMS that could be read: nothing to verify its files against.") from e
    except UnicodeDecodeError as e:
        raise _malformed() from e
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match or match[2] in found or not _inside(match[2]):
            raise _malformed()
        found[match[2]] = match[1].lower()
    if not found:
        raise _malformed()
    return found


def _malformed() -> InvalidInput:
    return InvalidInput("The model's SHA256SUMS is not a list of its files as sha256sum writes it.")


def _inside(name: str) -> bool:
    """Whether the name is that of a file below the folder, spelled in the one way that a listing of it gives."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == name and "\\" not in name


def _status(folder: Path, name: str, expected: Mapping[str, str], present: set[str]) -> FileStatus:
    if name not in expected:
        return FileStatus.UNLISTED
    if name not in present or not (folder / name).is_file():
        return FileStatus.MISSING
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileStatus.INTACT if digest == expected[name] else FileStatus.DIFFERS
