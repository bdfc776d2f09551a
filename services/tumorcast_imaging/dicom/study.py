"""Files under a path → every series of it, read or refused."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tumorcast_core.errors import StudyNotFound
from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import reasons
from tumorcast_imaging.dicom.choice import READ
from tumorcast_imaging.dicom.header import Header, read_header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.dicom.references import RTSTRUCT, SEGMENTATION_CLASSES, references, source
from tumorcast_imaging.dicom.series import read_series
from tumorcast_imaging.dicom.volume import IgnoredFile, RefusedSeries, SegmentationFile, StudyVolumes, Volume

Paths = str | Path | Sequence[str | Path]
"""A file, a folder (read with everything below it), or several of these."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series whose headers were read; ``read`` brings its pixels."""

    headers: tuple[Header, ...] = field(repr=False)
    limits: Limits
    repair: bool

    @property
    def series_instance_uid(self) -> str:
        return self.headers[0].series_instance_uid

    def read(self) -> tuple[Volume | RefusedSeries, ...]:
        """Its volume, its parts where it holds several, or why it is refused."""
        return read_series(self.headers, self.limits, repair=self.repair)


@dataclass(frozen=True, slots=True)
class Study:
    """What lies under a path as far as headers tell, so that a caller may hold one series at a time."""

    series: tuple[Series, ...] = ()
    segmentations: tuple[SegmentationFile, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()
    issues: tuple[Issue, ...] = ()
    """Of the study as a whole, before any series is read."""

    def read(self) -> StudyVolumes:
        """Read every series."""
        read = [one for series in self.series for one in series.read()]
        volumes = tuple(v for v in read if isinstance(v, Volume))
        return StudyVolumes(
            volumes=volumes,
            refused=tuple(r for r in read if isinstance(r, RefusedSeries)),
            segmentations=self.segmentations,
            ignored=self.ignored,
            study_issues=self.issues_when_read(accepted=bool(volumes)),
        )

    def issues_when_read(self, *, accepted: bool) -> tuple[Issue, ...]:
        """Issues of the study as a whole, once it is known whether any series was accepted."""
        nothing_there = any(issue.code in ("NO_DICOM", "TOO_MANY_FILES") for issue in self.issues)
        return self.issues if accepted or nothing_there else (*self.issues, reasons.issue("NO_VOLUME"))


def read_study(paths: Paths, limits: Limits = DEFAULT_LIMITS, *, repair: bool = False) -> StudyVolumes:
    """Read every series under ``paths``: each is right or refused with a reason code.

    A bad file never sinks a good series beside it, and a wrong one never slips into a good volume. ``repair``
    straightens gantry tilt and evens gaps, and says so. Raises ``StudyNotFound`` if there is no such path; whatever is
    wrong with the content stands in the answer's issues.
    """
    return open_study(paths, limits, repair=repair).read()


def open_study(paths: Paths, limits: Limits = DEFAULT_LIMITS, *, repair: bool = False) -> Study:
    """Read the headers under ``paths`` and sort them into series; as ``read_study``, without the pixels."""
    files = list_files(paths, limits)
    if files is None:
        return Study(issues=(reasons.issue("TOO_MANY_FILES"),))
    headers, ignored = scan(files, limits)
    series: dict[str, list[Header]] = defaultdict(list)
    segmentations: list[Header] = []
    for header in headers:
        if header.sop_class_uid in SEGMENTATION_CLASSES:
            segmentations.append(header)
        elif header.sop_class_uid in READ or header.damaged or (header.rows and header.columns):
            series[header.series_instance_uid].append(header)
        else:
            ignored.append(IgnoredFile(header.path, "NOT_AN_IMAGE"))
    return Study(
        series=tuple(Series(tuple(series[uid]), limits, repair) for uid in sorted(series)),
        segmentations=segmentation_files(segmentations, limits),
        ignored=tuple(ignored),
        issues=_study_issues(headers),
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


def segmentation_files(headers: Sequence[Header], limits: Limits) -> tuple[SegmentationFile, ...]:
    """The segmentations among ``headers``, one per SOP instance UID."""
    by_uid = {h.sop_instance_uid: h for h in headers if h.sop_class_uid in SEGMENTATION_CLASSES}
    return tuple(
        SegmentationFile(
            h.path,
            h.sop_instance_uid,
            h.series_instance_uid,
            references(source(h, limits)).series,
            "RTSTRUCT" if h.sop_class_uid == RTSTRUCT else "SEG",
        )
        for h in by_uid.values()
    )


def _study_issues(headers: Sequence[Header]) -> tuple[Issue, ...]:
    patients_of_study: dict[str, set[str]] = defaultdict(set)
    for header in headers:
        patients_of_study[header.study_instance_uid].add(header.patient_id)
    mixed = [reasons.issue("MIXED_PATIENTS", study) for study, ids in patients_of_study.items() if len(ids) > 1]
    return tuple(mixed) if headers else (reasons.issue("NO_DICOM"),)
