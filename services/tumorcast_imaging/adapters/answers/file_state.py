"""Which files a study has and in which state they are, without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SETTLED_S = 2.0
"""A file changed longer ago than this cannot change again at the same time: no file system ticks more slowly."""

FileState = tuple[str, int, int, int, int]
"""Name, bytes, inode, and the times of the last change of content and of inode, in ns."""


def states_of(paths: Sequence[Path]) -> tuple[FileState, ...] | None:
    """Sorted states; ``None`` where a file has gone. ``st_ctime_ns`` is the kernel's: no program sets it back."""
    try:
        about = [(path.name, path.stat()) for path in paths]
    except OSError:
        return None
    return tuple(sorted((name, s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for name, s in about))


def settled(states: Sequence[FileState], now_ns: int) -> bool:
    """Whether every later change will be seen: none of the files changed just now, or in the future."""
    return all(max(mtime, ctime) < now_ns - SETTLED_S * 1e9 for *_, mtime, ctime in states)
