"""Vectors computed before, in a folder: the same pixels through the same network are the same vector.

An entry's name is a digest of all that decides the vector. Its content carries a digest over name and content, so that
a truncated, damaged or misplaced file is no entry, and is removed. Several processes may share the folder: a file
appears whole (temporary file, rename) and losing a race loses an entry, never more. Nothing here raises: a disk that is
full or forbidden is a cache that does not hit.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import struct
import tempfile
import time
from pathlib import Path

import numpy as np

from tumorcast_imaging.model import Crop, Encoded

log = logging.getLogger(__name__)

_VERSION = b"tumorcast embedding 1"
_HEAD = struct.Struct("<HI")  # bytes of the space's name, elements of the vector
_DIGEST_BYTES = hashlib.sha256().digest_size
_BLOCK_BYTES = 4096
_KEEP = 7 / 8
_CHECK_EVERY = 1 / 16
_STALE_S = 3600
_MOST_BYTES = 1 << 20
_OURS = re.compile(r"[0-9a-f]{64}|tmp\w+\.part")


def key_of(crop: Crop, weights_sha256: str, embedding_space: str, device: str) -> str:
    """Digest of everything that decides a crop's vector: pixels, shape, network, precision, kind of device."""
    array = np.ascontiguousarray(crop.array)
    digest = hashlib.sha256(_VERSION)
    for text in (weights_sha256, embedding_space, device, array.dtype.str, repr(array.shape)):
        digest.update(f"{len(text)}:{text}".encode())
    digest.update(array.data)
    return digest.hexdigest()


class EmbeddingCache:
    """Keeps at most ``most_bytes`` on disk, the entries used last.

    Each process that shares the folder looks after every sixteenth of that it has written, and leaves an eighth free:
    two of them stay within the bound, each further one may exceed it by a sixteenth.
    """

    def __init__(self, root: str | Path, most_bytes: int) -> None:
        self._root = Path(root)
        self._most_bytes = most_bytes
        self._unchecked_bytes: float = most_bytes  # what other processes left here is not known yet
        self._warned = False

    def get(self, key: str) -> Encoded | None:
        """The vector kept under ``key``, if there is one and it is sound."""
        path = self._path(key)
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES)
        except OSError:
            return None
        encoded = _unpacked(key, content)
        with contextlib.suppress(OSError):
            if encoded is None:
                path.unlink(missing_ok=True)
            else:
                os.utime(path)
        return encoded

    def put(self, key: str, encoded: Encoded) -> None:
        """Keep a vector; one that cannot be kept is told in the log once, and forgotten."""
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(path, _packed(key, encoded))
            self._unchecked_bytes += _BLOCK_BYTES
            if self._unchecked_bytes > _CHECK_EVERY * self._most_bytes:
                self._unchecked_bytes = 0
                self.trim()
        except OSError as e:
            if not self._warned:
                self._warned = True
                log.warning("embeddings cannot be kept: %s", os.strerror(e.errno or 0))

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
                size = -(-about.st_size // _BLOCK_BYTES) * _BLOCK_BYTES
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


def _packed(key: str, encoded: Encoded) -> bytes:
    space = encoded.embedding_space.encode()
    vector = np.ascontiguousarray(encoded.vector, "<f4")
    content = _HEAD.pack(len(space), vector.size) + space + vector.tobytes()
    return _digest(key, content) + content


def _unpacked(key: str, packed: bytes) -> Encoded | None:
    digest, content = packed[:_DIGEST_BYTES], packed[_DIGEST_BYTES:]
    if len(content) < _HEAD.size or digest != _digest(key, content):
        return None
    of_space, elements = _HEAD.unpack_from(content)
    if len(content) != _HEAD.size + of_space + 4 * elements:
        return None
    space = content[_HEAD.size : _HEAD.size + of_space].decode()
    vector = np.frombuffer(content, "<f4", elements, _HEAD.size + of_space).astype(np.float32)
    return Encoded(space, vector)


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()
