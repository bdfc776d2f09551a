"""Vectors computed before, in a folder: the same pixels through the same network are the same vector."""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.model import Crop, Encoded

_VERSION = b"tumorcast embedding 1"
_HEAD = struct.Struct("<HI")  # bytes of the space's name, elements of the vector


def key_of(crop: Crop, weights_sha256: str, embedding_space: str, device: str) -> str:
    """Digest of everything that decides a crop's vector: pixels, shape, network, precision, kind of device."""
    array = np.ascontiguousarray(crop.array)
    digest = hashlib.sha256(_VERSION)
    for text in (weights_sha256, embedding_space, device, array.dtype.str, repr(array.shape)):
        digest.update(f"{len(text)}:{text}".encode())
    digest.update(array.data)
    return digest.hexdigest()


class EmbeddingCache:
    """Vectors in ``files``, by ``key_of``."""

    def __init__(self, files: KeptFiles) -> None:
        self._files = files

    def get(self, key: str) -> Encoded | None:
        """The vector kept under ``key``, if there is one and it is sound."""
        content = self._files.get(key)
        encoded = _unpacked(content) if content is not None else None
        if content is not None and encoded is None:
            self._files.drop(key)
        return encoded

    def put(self, key: str, encoded: Encoded) -> None:
        """Keep a vector, if it can be kept."""
        self._files.put(key, _packed(encoded))


def _packed(encoded: Encoded) -> bytes:
    space = encoded.embedding_space.encode()
    vector = np.ascontiguousarray(encoded.vector, "<f4")
    return _HEAD.pack(len(space), vector.size) + space + vector.tobytes()


def _unpacked(content: bytes) -> Encoded | None:
    if len(content) < _HEAD.size:
        return None
    of_space, elements = _HEAD.unpack_from(content)
    if len(content) != _HEAD.size + of_space + 4 * elements:
        return None
    space = content[_HEAD.size : _HEAD.size + of_space].decode()
    vector = np.frombuffer(content, "<f4", elements, _HEAD.size + of_space).astype(np.float32)
    return Encoded(space, vector)
