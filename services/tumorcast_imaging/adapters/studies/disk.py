"""Files that appear whole or not at all, and a full disk told as what it is."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tumorcast_core.errors import ResourceExhausted

_CHUNK = 1 << 20
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""What a file system without hard links answers."""


@contextmanager
def disk_errors() -> Iterator[None]:
    """Tell a full disk as ``ResourceExhausted``."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceExhausted("The study store is full.") from e
        raise


def publish(source: Path, target: Path, *, link: Callable[[Path, Path], Any] = os.link) -> bool:
    """Give the complete file ``source`` the name ``target`` as well; false if a file has that name already.

    Of two that publish at once exactly one succeeds: the kernel refuses the second link. Where there are no hard links,
    a lock in the folder decides.
    """
    try:
        link(source, target)
    except FileExistsError:
        return False
    except OSError as e:
        if e.errno not in _NO_LINKS:
            raise
        return _publish_under_lock(source, target)
    return True


def _publish_under_lock(source: Path, target: Path) -> bool:
    with (target.parent / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return False
        source.rename(target)
    return True


def same_content(a: Path, b: Path) -> bool:
    """Whether two files hold the same bytes."""
    with a.open("rb") as one, b.open("rb") as other:
        if os.fstat(one.fileno()).st_size != os.fstat(other.fileno()).st_size:
            return False
        while chunk := one.read(_CHUNK):
            if chunk != other.read(_CHUNK):
                return False
    return True


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
