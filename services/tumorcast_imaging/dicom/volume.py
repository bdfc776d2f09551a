"""What reading gives: volumes that are right, and an account of everything else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom import reasons


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One sound series as a volume.

    ``array`` is float32, slices × rows × columns, in ``unit`` ("HU", "SUVbw" or "arbitrary"). ``affine_lps`` is 4 × 4,
    from (slice, row, column) of a voxel's center to millimeters in LPS (DICOM PS3.3 C.7.6.2.1.1). ``spacing_mm`` is
    the distance between slices, rows and columns. ``sop_instance_uids`` stand in the order of the slices.
    """

    array: NDArray[np.float32]
    affine_lps: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    unit: str
    dicom_modality: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str
    patient_id: str = field(repr=False)
    date: str = field(repr=False)
    sop_instance_uids: tuple[str, ...] = field(repr=False)
    problems: tuple[Issue, ...] = ()
    part: int = 0
    """0: the whole series; from 1: one of several volumes that the series holds."""


@dataclass(frozen=True, slots=True)
class RefusedSeries:
    """A series, or a part of one, that is not used; ``problems`` say why."""

    series_instance_uid: str
    dicom_modality: str
    problems: tuple[Issue, ...]
    part: int = 0


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that is no part of any series; ``path`` is for the local user and never goes over the wire."""

    path: Path = field(repr=False)
    code: str


@dataclass(frozen=True, slots=True)
class SegmentationFile:
    """A SEG or an RTSTRUCT beside the series, not yet decoded."""

    path: Path = field(repr=False)
    sop_instance_uid: str
    series_instance_uid: str
    referenced_series_uids: tuple[str, ...]
    kind: Literal["SEG", "RTSTRUCT"] = "SEG"


@dataclass(frozen=True, slots=True, eq=False)
class StudyVolumes:
    """Everything found under one path: accepted volumes, refused series, segmentations and ignored files."""

    volumes: tuple[Volume, ...] = ()
    refused: tuple[RefusedSeries, ...] = ()
    segmentations: tuple[SegmentationFile, ...] = ()
    ignored: tuple[IgnoredFile, ...] = ()
    study_issues: tuple[Issue, ...] = ()

    @property
    def problems(self) -> tuple[Issue, ...]:
        """What is wrong or doubtful with the series, accepted or not; each is located at a series."""
        found: tuple[RefusedSeries | Volume, ...] = (*self.refused, *self.volumes)
        return tuple(problem for series in found for problem in series.problems)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Everything a reader should know: of the study, of the series, and one line per kind of ignored file."""
        kinds = Counter(file.code for file in self.ignored)
        return (*self.study_issues, *self.problems, *(reasons.issue(code) for code in sorted(kinds)))
