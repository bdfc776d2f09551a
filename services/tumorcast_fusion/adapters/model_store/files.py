"""The few things that a model store does with files, on whatever file system fsspec knows."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tumorcast_core.errors import (
    InvalidInput,
    ModelConflict,
    ModelStoreUnavailable,
    NotFound,
    ResourceExhausted,
    TumorcastError,
)

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
"""What file systems without hard links say, some network shares among them."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What is said of the place that is written to: the fault is not the store's."""


class StoreFiles:
    """Files below one place; names are relative, with ``/``. Raises ``ModelStoreUnavailable`` where it does not answer.

    Messages never hold the place: an address may hold credentials.
    """

    def __init__(self, place: str | Path) -> None:
        import fsspec  # slow to import

        try:
            self._fs, root = fsspec.core.url_to_fs(str(place))
        except ImportError as e:
            scheme = urlsplit(str(place)).scheme
            raise ModelStoreUnavailable(f"A package for {scheme}:// is needed beside fsspec, and not installed.") from e
        except ValueError as e:
            raise InvalidInput("The model store is neither a folder nor an address that fsspec knows.") from e
        self._root = root.rstrip("/")
        self.is_folder = "file" in _protocols(self._fs)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            yield
        except TumorcastError:
            raise
        except FileNotFoundError as e:
            raise NotFound("The model store has no such file.") from e
        except Exception as e:  # the boundary: every file system has errors of its own
            raise ModelStoreUnavailable from e

    def check(self) -> None:
        """Raise ``ModelStoreUnavailable`` where a folder is not there; elsewhere an empty place is one like any."""
        if self.is_folder and not os.path.isdir(self._root):
            raise ModelStoreUnavailable("The folder of the model store is not there.")

    def listed(self, name: str = "") -> dict[str, bool]:
        """What stands directly below: name → whether it is a folder; empty where nothing does."""
        with self._asked():
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._at(name), detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return {}
            entries = ((str(one["name"]).rstrip("/").rsplit("/", 1)[-1], one["type"] == "directory") for one in found)
            return {entry: folder for entry, folder in entries if entry and not entry.startswith(".")}

    def size(self, name: str) -> int:
        """Bytes of a file; raises ``NotFound``."""
        with self._asked():
            return int(self._fs.info(self._at(name))["size"])

    def read(self, name: str, limit: int) -> bytes:
        """A small file; raises ``NotFound``, or ``InvalidInput`` where it is longer than ``limit`` bytes."""
        if self.size(name) > limit:
            raise InvalidInput("A file of the model store is longer than it can be.")
        with self._asked():
            content: bytes = self._fs.cat_file(self._at(name), start=0, end=limit)
            return content

    def fetch(self, name: str, into: Path) -> None:
        """Copy a file out of the store; raises ``ResourceExhausted`` where the copy finds no room."""
        with self._asked():
            try:
                into.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(self._at(name), str(into))
            except OSError as e:
                if e.errno in _NO_ROOM:
                    raise ResourceExhausted("There is no room for a copy of the model.") from e
                raise

    def put(self, file: Path, name: str) -> None:
        """Copy a file into the store, over one that is there."""
        with self._asked():
            self._fs.makedirs(self._at(name).rsplit("/", 1)[0], exist_ok=True)
            self._fs.put_file(str(file), self._at(name))

    def create(self, name: str, content: bytes) -> None:
        """Write a file that must not be there, whole or not at all; raises ``ModelConflict`` where it is.

        In a folder the file is linked to its name when it is complete. Elsewhere the file system's own exclusive
        writing is used; as not every one has it, what was written is read again: who reads something else has lost.
        """
        with self._asked():
            path = self._at(name)
            self._fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            try:
                if self.is_folder:
                    _linked(path, content)
                else:
                    self._fs.pipe_file(path, content, mode="create")
            except FileExistsError as e:
                raise ModelConflict from e
            self._fs.invalidate_cache()
            if self._fs.cat_file(path) != content:
                raise ModelConflict


def _linked(path: str, content: bytes) -> None:
    unfinished = f"{path.rsplit('/', 1)[0]}/.{uuid.uuid4().hex}"
    try:
        with open(unfinished, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except OSError as e:
        if e.errno not in _NO_LINKS:
            raise
        with open(path, "xb") as file:
            file.write(content)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unfinished)


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
