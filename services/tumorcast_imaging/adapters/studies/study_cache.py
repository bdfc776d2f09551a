"""A bounded folder of files that can be fetched again: the studies that were used longest ago go first."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from tumorcast_core.errors import PayloadTooLarge, ResourceExhausted
from tumorcast_imaging.adapters.studies.disk import disk_errors
from tumorcast_imaging.model.ports import Instance


class StudyCache:
    """Files as ``root/<study instance UID>/<SOP instance UID>.dcm``, at most ``max_bytes`` in all.

    A study that was asked for in the last ``in_use_s`` may be read right now and stays. A file older than ``max_age_s``
    counts as missing: whatever was corrected at its origin is then seen.
    """

    def __init__(self, root: Path, *, max_bytes: int, max_age_s: float = 24 * 3600, in_use_s: float = 900) -> None:
        self._root, self._max_bytes, self._max_age_s, self._in_use_s = root, max_bytes, max_age_s, in_use_s
        root.mkdir(parents=True, exist_ok=True)

    def path(self, study: str, instance: str) -> Path:
        """Where the instance lies if it is here."""
        return self._root / study / f"{instance}.dcm"

    def missing(self, study: str, instances: Collection[str]) -> set[str]:
        """Those of the study's instances that are not here, or too old; the study counts as in use from now on."""
        folder = self._root / study
        with disk_errors():
            folder.mkdir(exist_ok=True)
            os.utime(folder)
        oldest = time.time() - self._max_age_s
        fresh = {entry.name for entry in os.scandir(folder) if entry.stat().st_mtime >= oldest}
        return {instance for instance in instances if f"{instance}.dcm" not in fresh}

    def put(self, path: Path, instance: Instance) -> None:
        """Take over a complete file in place of any other of its UID; whoever reads that one reads on."""
        with disk_errors():
            os.replace(path, self.path(instance.study_instance_uid, instance.sop_instance_uid))

    def make_room(self, wanted_bytes: int = 0) -> int:
        """Drop studies that are not in use until ``wanted_bytes`` fit; returns how many bytes fit now."""
        studies = sorted((folder for folder in self._root.iterdir() if folder.name[:1] != "."), key=_used)
        sizes = {folder: _size_bytes(folder) for folder in studies}
        free_bytes = self._max_bytes - sum(sizes.values())
        for folder in studies:
            if free_bytes >= wanted_bytes or time.time() - _used(folder) < self._in_use_s:
                break
            shutil.rmtree(folder, ignore_errors=True)
            free_bytes += sizes[folder]
        if free_bytes < max(1, wanted_bytes):
            if max(sizes.values(), default=0) > self._max_bytes // 2:
                raise PayloadTooLarge("The study is too large for the cache of studies.")
            raise ResourceExhausted("The cache of studies is full of studies in use; try again later.")
        return free_bytes


def _used(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return 0.0


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.dcm"))
