"""Verified copies of what this replica took from the model store: it goes on with them where that does not answer."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tumorcast_core.errors import InvalidInput, ResourceExhausted, UnsoundModel
from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.adapters.model_store import VersionStore, load_version
from tumorcast_fusion.adapters.model_store.versions import LoadedVersion, identified
from tumorcast_fusion.model.generation import MAX_RECORD_BYTES, NAME, Generation, read_generation

log = logging.getLogger(__name__)
RECORD = "generation.json"
_FETCH_S = 3600.0


class ModelCache:
    """A folder of ``<name>/<version>/`` and, beside them, the record that the replica followed last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, store: VersionStore | None, name: str, version: str, sha256: str) -> LoadedVersion:
        """Load a version, fetched if it is not here or no longer as it was; without a store, only what is here.

        Raises ``UnsoundModel`` where what was published does not answer or is not whole, what the store raises
        otherwise.
        """
        _, folder = self.obtain(store, name, version, sha256)
        try:
            return load_version(folder, name=name, version=version, sha256=sha256)
        except UnsoundModel:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def obtain(self, store: VersionStore | None, name: str, version: str, sha256: str) -> tuple[ModelRef, Path]:
        """The same without loading it: its identity and the folder of its verified copy."""
        folder = self._folder / name / version
        if folder.is_dir():
            try:
                return identified(folder, name, version, sha256), folder
            except UnsoundModel:
                if store is None:
                    raise
                log.warning("a cached copy of %s %s is damaged; it is fetched again", name, version)
                shutil.rmtree(folder, ignore_errors=True)
        if store is None:
            raise UnsoundModel("The version is not in this replica's cache.")
        try:
            store.fetch(name, version, folder)
        except OSError as e:
            raise ResourceExhausted("The cache of models cannot be written.") from e
        try:
            return identified(folder, name, version, sha256), folder
        except UnsoundModel:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def remember(self, record: Generation) -> None:
        """Keep the record that is followed; a cache that cannot be written costs the memory of it only."""
        folder = self._folder / record.model
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
                file.write(record.written())
            os.replace(file.name, folder / RECORD)
        except OSError:
            log.warning("the cache of models cannot be written")

    def remembered(self) -> tuple[Generation, ...]:
        """The records that were followed last, by model; unreadable ones are left out."""
        try:
            folders = sorted(path for path in self._folder.iterdir() if re.fullmatch(NAME, path.name))
        except OSError:
            return ()
        return tuple(record for record in map(_record_in, folders) if record)

    def prune(self, name: str, keep: Iterable[str]) -> None:
        """Remove copies of all other versions of a model, and what a broken fetch left."""
        kept = {RECORD, *keep}
        with contextlib.suppress(OSError):
            for path in (self._folder / name).iterdir():
                if path.name not in kept and path.is_dir() and not (path.name.startswith(".") and _is_new(path)):
                    shutil.rmtree(path, ignore_errors=True)


def _is_new(path: Path) -> bool:
    """Whether another process may still be fetching into it."""
    return time.time() - path.stat().st_mtime < _FETCH_S


def _record_in(folder: Path) -> Generation | None:
    try:
        with (folder / RECORD).open("rb") as file:
            content = file.read(MAX_RECORD_BYTES + 1)
        number = int(re.search(rb'"number":\s*(\d{1,8})', content)[1])  # type: ignore[index]
        return read_generation(content, folder.name, number)
    except (OSError, TypeError, InvalidInput):
        return None
