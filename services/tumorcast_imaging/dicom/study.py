"""Files under a path → every series of it, read or refused."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom import uid as uids

from tumorcast_core.errors import StudyNotFound
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import reasons
from tumorcast_imaging.dicom.header import Header, read_header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.dicom.series import READ, read_series
from tumorcast_imaging.dicom.volume import IgnoredFile, RefusedSeries, SegmentationFile, StudyVolumes, Volume

Paths = str | Path | Sequence[str | Path]
"""A file, a folder (read with everything below it), or several of these."""


def read_study(paths: Paths, limits: Limits = DEFAULT_LIMITS) -> StudyVolumes:
    """Read every series under ``paths``: each is right or refused with a reason code.

    A bad file never sinks a good series beside it, and a wrong one never slips into a good volume. Raises
    ``StudyNotFound`` if there is no such path; whatever is wrong with the content stands in the answer's issues.
    """
    files = list_files(paths, limits)
    if files is None:
        return StudyVolumes(study_issues=(reasons.issue("TOO_MANY_FILES"),))
    headers, ignored = scan(files, limits)
    series: dict[str, list[Header]] = defaultdict(list)
    segmentations: list[Header] = []
    for header in headers:
        if header.sop_class_uid == uids.SegmentationStorage:
            segmentations.append(header)
        elif header.sop_class_uid in READ or (header.rows and header.columns):
            series[header.series_instance_uid].append(header)
        else:
            ignored.append(IgnoredFile(header.path, "NOT_AN_IMAGE"))
    read = [read_series(series[uid], limits) for uid in sorted(series)]
    volumes = tuple(v for v in read if isinstance(v, Volume))
    return StudyVolumes(
        volumes=volumes,
        refused=tuple(r for r in read if isinstance(r, RefusedSeries)),
        segmentations=segmentation_files(segmentations),
        ignored=tuple(ignored),
        study_issues=_study_issues(headers, volumes),
    )


def list_files(paths: Paths, limits: Limits) -> list[Path] | None:
    """All regular and irregular files under ``paths``, sorted; ``None`` if there are more than the limit."""
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        for file in _walk(Path(path)):
            found.append(file)
            if len(found) > limits.max_files:
                return None
    return sorted(found)


def _walk(path: Path) -> Iterator[Path]:
    """Every file, and every folder that is not entered (linked or unreadable), so that it is told as no file."""
    closed: list[Path] = []
    if not _exists(path):
        raise StudyNotFound("There is no file or folder at the given path.")
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=lambda e: closed.append(Path(e.filename))):
        yield from (Path(folder, name) for name in names)
        yield from (link for name in folders if (link := Path(folder, name)).is_symlink())
    yield from closed


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # not allowed to look, or no possible name
        return False


def scan(files: Sequence[Path], limits: Limits) -> tuple[list[Header], list[IgnoredFile]]:
    """Headers of the DICOM files among ``files``, and the rest with its reason codes."""
    headers: list[Header] = []
    ignored: list[IgnoredFile] = []
    for path in files:
        try:
            headers.append(read_header(path, limits))
        except Refused as refusal:
            ignored.append(IgnoredFile(path, refusal.code))
    return headers, ignored


def segmentation_files(headers: Sequence[Header]) -> tuple[SegmentationFile, ...]:
    """The segmentations among ``headers``, one per SOP instance UID."""
    by_uid = {h.sop_instance_uid: h for h in headers if h.sop_class_uid == uids.SegmentationStorage}
    return tuple(
        SegmentationFile(h.path, h.sop_instance_uid, h.series_instance_uid, h.referenced_series_uids)
        for h in by_uid.values()
    )


def _study_issues(headers: Sequence[Header], volumes: Sequence[Volume]) -> tuple[Issue, ...]:
    patients_of_study: dict[str, set[str]] = defaultdict(set)
    for header in headers:
        patients_of_study[header.study_instance_uid].add(header.patient_id)
    issues = [reasons.issue("MIXED_PATIENTS", study) for study, ids in patients_of_study.items() if len(ids) > 1]
    if not headers:
        issues.append(reasons.issue("NO_DICOM"))
    elif not volumes:
        issues.append(reasons.issue("NO_VOLUME"))
    return tuple(issues)
