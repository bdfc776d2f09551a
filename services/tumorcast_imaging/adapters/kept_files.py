"""A bounded folder of small files that can be made again: what was used longest ago goes first.

An entry's name is a digest of all that decides its content. The file carries a digest over name and content, so that
a truncated, damaged or misplaced file is no entry, and is removed. Several processes may share the folder: a file
appears whole (temporary file, rename) and losing a race loses an entry, never more. Nothing here raises: a disk that is
full or forbidden is a folder that does not hit. Only the user of this process can read it (files 0600, folders 0700).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import time
from pathlib import Path

log = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size
_BLOCK_BYTES = 4096
_KEEP = 7 / 8
_CHECK_EVERY = 1 / 16
_STALE_S = 3600
MOST_BYTES = 4 << 20
"""Larger contents are not kept."""
_OURS = re.compile(r"[0-9a-f]{64}|tmp\w+\.part")


class KeptFiles:
    """Keeps at most ``most_bytes`` on disk, the entries used last.

    Each process that shares the folder looks after every sixteenth of that it has written, and leaves an eighth free:
    two of them stay within the bound, each further one may exceed it by a sixteenth.
    """

    def __init__(self, root: str | Path, most_bytes: int) -> None:
        self._root = Path(root)
        self._most_bytes = most_bytes
        self._unchecked_bytes: float = most_bytes  # what other processes left here is not known yet
        self._warned = False

    def get(self, key: str) -> bytes | None:
        """The content kept under ``key``, if there is one and it is sound."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                packed = file.read(_DIGEST_BYTES + MOST_BYTES + 1)
        except OSError:
            return None
        digest, content = packed[:_DIGEST_BYTES], packed[_DIGEST_BYTES:]
        if digest != _digest(key, content):
            self.drop(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep ``content``; what cannot be kept is told in the log once, and forgotten."""
        if len(content) > MOST_BYTES:
            return
        path = self._path(key)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._write(path, _digest(key, content) + content)
            self._unchecked_bytes += _on_disk(_DIGEST_BYTES + len(content))
            if self._unchecked_bytes > _CHECK_EVERY * self._most_bytes:
                self._unchecked_bytes = 0
                self.trim()
        except OSError as e:
            if not self._warned:
                self._warned = True
                log.warning("embeddings and answers cannot be kept: %s", os.strerror(e.errno or 0))

    def drop(self, key: str) -> None:
        """Remove an entry that is unsound."""
        with contextlib.suppress(OSError):
            self._path(key).unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove the entries used longest ago until the rest fits, and what crashed processes left."""
        entries, total = [], 0
        for path in self._root.glob("[0-9a-f][0-9a-f]/*"):
            if not _OURS.fullmatch(path.name):
                continue
            with contextlib.suppress(OSError):
                about = path.stat()
                if path.suffix and time.time() - about.st_mtime > _STALE_S:
                    path.unlink()
                    continue
                size = _on_disk(about.st_size)
                entries.append((about.st_mtime, path, size))
                total += size
        if total <= _KEEP * self._most_bytes:
            return
        for _, path, size in sorted(entries):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
            if total <= _KEEP * self._most_bytes:
                return

    def _path(self, key: str) -> Path:
        return self._root / key[:2] / key

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix="tmp", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _on_disk(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()
