"""Versions of models and the records of which one answers."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tumorcast_core.errors import InvalidInput, ModelConflict, NotFound, UnknownModel, UnsoundModel
from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.adapters.model_store.files import StoreFiles
from tumorcast_fusion.adapters.model_store.versions import (
    MAX_FILES,
    MAX_MODEL_BYTES,
    MAX_SUMS_BYTES,
    LoadedVersion,
    identified,
    load_version,
    verified,
)
from tumorcast_fusion.model import SHA256SUMS, read_sums
from tumorcast_fusion.model.generation import (
    LAST_NUMBER,
    MAX_RECORD_BYTES,
    NAME,
    Generation,
    is_published,
    read_generation,
)

GENERATIONS = "generations"
_RECORD = re.compile(r"(\d{8})\.json")


@dataclass(frozen=True, slots=True)
class History:
    """The records of a model that can be read, oldest first, and the numbers of those that cannot."""

    records: tuple[Generation, ...] = ()
    unreadable: tuple[int, ...] = ()

    @property
    def newest(self) -> Generation | None:
        """The record that counts."""
        return self.records[-1] if self.records else None

    @property
    def next_number(self) -> int:
        """The number of the next record."""
        return max([0, *self.unreadable, *(record.number for record in self.records)]) + 1


class VersionStore:
    """A model store. Every method may raise ``ModelStoreUnavailable``."""

    def __init__(self, place: str | Path) -> None:
        self._files = StoreFiles(place)

    def names(self) -> tuple[str, ...]:
        """Names of the models, sorted."""
        self._files.check()
        return tuple(sorted(n for n, folder in self._files.listed().items() if folder and re.fullmatch(NAME, n)))

    def versions(self, name: str) -> tuple[str, ...]:
        """Versions that were pushed to the end, by name."""
        found = (v for v, folder in self._files.listed(_checked(name)).items() if folder and is_published(v))
        return tuple(sorted(v for v in found if SHA256SUMS in self._files.listed(f"{name}/{v}")))

    def push(self, folder: Path) -> LoadedVersion:
        """Verify and load a model's folder, copy it into the store, then read it back and verify it there.

        Raises ``UnsoundModel``, and ``ModelConflict`` where other files stand there under the version's name. A push
        that was broken off goes on; one of what is there does nothing.
        """
        pushed = load_version(folder)
        place = f"{pushed.model.ref.name}/{pushed.version}"
        if self._there(pushed.model.ref.name, pushed.version, folder):
            return pushed
        for name in (*sorted(read_sums(folder)), SHA256SUMS):  # last, as what has it is complete
            self._files.put(folder / name, f"{place}/{name}")
        with tempfile.TemporaryDirectory(prefix="tumorcast-push-") as temporary:
            self.fetch(pushed.model.ref.name, pushed.version, Path(temporary) / "read-back")
        return pushed

    def _there(self, name: str, version: str, folder: Path) -> bool:
        try:
            sums = self._files.read(f"{name}/{version}/{SHA256SUMS}", MAX_SUMS_BYTES)
        except NotFound:
            return False
        if sums != (folder / SHA256SUMS).read_bytes():
            raise ModelConflict("Other files stand in the store under this version; give the model another version.")
        with tempfile.TemporaryDirectory(prefix="tumorcast-push-") as temporary:
            try:
                self.fetch(name, version, Path(temporary) / "read-back")
            except UnsoundModel:
                return False  # copied once more
        return True

    def reference(self, name: str, version: str) -> ModelRef:
        """Identity of a version, from its files, which are verified; raises as ``fetch``."""
        with tempfile.TemporaryDirectory(prefix="tumorcast-verify-") as temporary:
            folder = Path(temporary) / "model"
            self.fetch(name, version, folder)
            return identified(folder, name, version)

    def fetch(self, name: str, version: str, into: Path) -> None:
        """Copy a version to the folder ``into``, and verify it: whole, or not at all.

        Raises ``UnknownModel`` where it was not pushed, ``UnsoundModel`` where its files are not those published.
        """
        place = f"{_checked(name)}/{_checked_version(version)}"
        into.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".", dir=into.parent))
        try:
            self._copy(place, unfinished)
            verified(unfinished)
            unfinished.chmod(0o755)
            if not into.is_dir():  # else another process was faster
                unfinished.rename(into)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _copy(self, place: str, into: Path) -> None:
        try:
            (into / SHA256SUMS).write_bytes(self._files.read(f"{place}/{SHA256SUMS}", MAX_SUMS_BYTES))
        except NotFound as e:
            raise UnknownModel("There is no such version of the model in the store, or its push was broken off.") from e
        try:
            names = sorted(read_sums(into))
            sizes = [self._files.size(f"{place}/{name}") for name in names]
            if len(names) > MAX_FILES or sum(sizes) > MAX_MODEL_BYTES:
                raise UnsoundModel("The model has more or larger files than a model can have.")
            for name in names:
                self._files.fetch(f"{place}/{name}", into / name)
        except (NotFound, InvalidInput) as e:
            raise UnsoundModel(e.message) from e

    def history(self, name: str) -> History:
        """All records of a model; empty where there are none."""
        records, unreadable = [], []
        for number in self._numbers(name):
            try:
                records.append(self._record(name, number))
            except (InvalidInput, NotFound):
                unreadable.append(number)
        return History(tuple(records), tuple(unreadable))

    def newest(self, name: str) -> tuple[Generation | None, bool]:
        """The newest record that can be read, and whether a newer one cannot."""
        damaged = False
        for number in reversed(self._numbers(name)):
            try:
                return self._record(name, number), damaged
            except (InvalidInput, NotFound):
                damaged = True
        return None, damaged

    def _numbers(self, name: str) -> list[int]:
        found = map(_RECORD.fullmatch, self._files.listed(f"{_checked(name)}/{GENERATIONS}"))
        return sorted(int(match[1]) for match in found if match)

    def _record(self, name: str, number: int) -> Generation:
        place = f"{name}/{GENERATIONS}/{number:08d}.json"
        return read_generation(self._files.read(place, MAX_RECORD_BYTES), name, number)

    def append(self, name: str, make: Callable[[History, int], Generation]) -> Generation:
        """Write the next record; ``make`` gets the history and its number.

        Raises ``ModelConflict`` where somebody wrote one meanwhile: then look again before deciding again; and where a
        file has the last number that there is.
        """
        history = self.history(name)
        if history.next_number > LAST_NUMBER:
            raise ModelConflict(f"Record {LAST_NUMBER} of the model leaves no number for another: take that file away.")
        record = make(history, history.next_number)
        self._files.create(f"{name}/{GENERATIONS}/{record.number:08d}.json", record.written())
        return record


def _checked(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise UnknownModel("That is no name of a model.")
    return name


def _checked_version(version: str) -> str:
    if not is_published(version):
        raise UnknownModel("That is no version in a model store.")
    return version
