"""Files that commands write: whole or not at all, and in one sentence what the disk says."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing() -> Iterator[None]:
    """Tell what the disk says in one safe sentence; a file that was begun is gone by then."""
    from tumorcast_core.errors import InvalidInput, ResourceExhausted

    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceExhausted("The disk is full; the files that are written are whole.") from e
        raise InvalidInput("The output cannot be made or written to.") from e


def make_folder(folder: Path) -> None:
    """Make the folder if needed; raises as ``writing``."""
    with writing():
        folder.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; what was there before is replaced. Raises as ``writing``."""
    make_folder(path.parent)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing():
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
