"""Studies on a DICOMweb server: listed anew for every use, fetched once, stored by STOW-RS."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from tumorcast_core.errors import InstanceConflict, NotDicom, ServiceUnavailable, StudyNotFound
from tumorcast_imaging.adapters.studies.dicomweb_client import DicomwebClient
from tumorcast_imaging.adapters.studies.folder_store import INCOMING, MIN_FREE_BYTES
from tumorcast_imaging.adapters.studies.same_instance import same_instance
from tumorcast_imaging.adapters.studies.spool import Incoming, Keep, Spool, add
from tumorcast_imaging.adapters.studies.study_cache import StudyCache
from tumorcast_imaging.dicom.header import UID
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.model.ports import Instance, StoredInstance

_WRONG = "The DICOMweb server sent something else than what was asked for."
_LOCKS = 64


class DicomwebStudyStore:
    """Studies of one PACS behind a bounded cache in ``folder``.

    The PACS says which instances a study has; only those that are missing here are fetched, and those that it no longer
    lists are not used. An upload is acknowledged when the PACS gives the same instance back.
    """

    def __init__(
        self,
        client: DicomwebClient,
        folder: str | Path,
        *,
        max_cache_bytes: int = 20 << 30,
        limits: Limits = DEFAULT_LIMITS,
        min_free_bytes: int = MIN_FREE_BYTES,
    ) -> None:
        self._client, self._limits = client, limits
        self._cache = StudyCache(Path(folder), max_bytes=max_cache_bytes)
        self._spool = Spool(Path(folder) / INCOMING, limits, min_free_bytes)
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:
        """Every file of the study, sorted; raises ``StudyNotFound``, ``ServiceUnavailable`` or ``PayloadTooLarge``."""
        if not UID.fullmatch(study_instance_uid):
            raise StudyNotFound
        listed = self._client.instances(study_instance_uid, self._limits.max_files)
        with self._locked(study_instance_uid):  # two that want the same study fetch it once
            missing = self._cache.missing(study_instance_uid, listed)
            if missing:
                self._fetch(study_instance_uid, listed, missing)
        return tuple(sorted(self._cache.path(study_instance_uid, uid) for uid in listed))

    def add(self, source: str | Path | bytes | BinaryIO) -> StoredInstance:
        """Store one DICOM file on the PACS, given by path, content or open file."""
        return add(self, source)

    def receive(self, expected_bytes: int = 0) -> Incoming:
        """Start to receive one file in pieces; it lies here until ``commit`` sends it to the PACS."""
        return self._spool.receive(self._send, expected_bytes)

    def _fetch(self, study: str, listed: dict[str, str], missing: set[str]) -> None:
        """Fetch a series at a time where all of it is missing, else single instances."""
        room_bytes = self._cache.make_room()
        of_series: dict[str, set[str]] = defaultdict(set)
        for uid, series in listed.items():
            of_series[series].add(uid)
        for series, uids in sorted(of_series.items()):
            if uids <= missing:
                room_bytes -= self._take(study, uids, room_bytes, "series", series)
            else:
                for uid in sorted(uids & missing):
                    room_bytes -= self._take(study, {uid}, room_bytes, "series", series, "instances", uid)

    def _take(self, study: str, wanted: Collection[str], room_bytes: int, *path: str) -> int:
        """Put the wanted instances of one answer into the cache, file by file as they arrive; returns their bytes."""
        came: set[str] = set()

        def keep(file: Path, instance: Instance) -> bool:
            if instance.study_instance_uid != study or instance.sop_instance_uid not in wanted:
                raise ServiceUnavailable(_WRONG)
            self._cache.put(file, instance)
            came.add(instance.sop_instance_uid)
            return True

        size_bytes = self._receive_all((study, *path), keep, room_bytes)
        if came != set(wanted):
            raise ServiceUnavailable(_WRONG)
        return size_bytes

    def _receive_all(self, path: tuple[str, ...], keep: Keep, room_bytes: int) -> int:
        size_bytes, file = 0, None
        try:
            with closing(self._client.retrieve(*path)) as pieces:
                for piece in pieces:
                    if piece is None:
                        _complete(file)
                        file = self._spool.receive(keep)
                    elif file is not None:
                        size_bytes += file.write(piece)
                        if size_bytes > room_bytes:
                            room_bytes = size_bytes + self._cache.make_room(len(piece))
            _complete(file)
        finally:
            if file is not None:
                file.abort()
        return size_bytes

    def _send(self, path: Path, instance: Instance) -> bool:
        """Store on the PACS what is not there yet, and compare what it then gives back."""
        with self._locked(instance.sop_instance_uid):
            try:
                self._compare(path, instance)
            except StudyNotFound:
                self._client.store(path)
            else:
                return False
            try:
                self._compare(path, instance)
            except StudyNotFound as e:
                raise ServiceUnavailable("The DICOMweb server does not give back what it stored.") from e
        return True

    def _compare(self, path: Path, instance: Instance) -> None:
        """Raise ``StudyNotFound`` if the PACS has no such instance, ``InstanceConflict`` if it has another."""

        def compare(file: Path, theirs: Instance) -> bool:
            if theirs.uids != instance.uids or not same_instance(path, file):
                raise InstanceConflict
            return True

        study, series, _, sop = instance.uids
        self._receive_all((study, "series", series, "instances", sop), compare, self._limits.max_file_bytes)

    @contextmanager
    def _locked(self, uid: str) -> Iterator[None]:
        with self._locks[hash(uid) % _LOCKS]:
            yield


def _complete(file: Incoming | None) -> None:
    """The part that was under way, if any, ended."""
    if file is None:
        return
    try:
        file.commit()
    except NotDicom as e:
        raise ServiceUnavailable(_WRONG) from e
    finally:
        file.abort()
