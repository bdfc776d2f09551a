"""Every volume of a study with the regions that were drawn on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from tumorcast_imaging.dicom.header import Header, read_header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.masks.reading import read_onto
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.references import source
from tumorcast_imaging.dicom.region import Segmentation
from tumorcast_imaging.dicom.volume import SegmentationFile, StudyVolumes, Volume

_SAME_PLACE = 0.1
"""Two readers who share more than a tenth of the smaller region have drawn the same thing."""
_OFF_GRID = {"SEGMENTATION_RESAMPLED", "CONTOUR_OFF_GRID"}
Pair = tuple[Volume, Segmentation]


def regions_of(study: StudyVolumes, segmentation_uid: str = "", limits: Limits = DEFAULT_LIMITS) -> tuple[Pair, ...]:
    """Each volume with each segmentation that was drawn on it, or of the one of that SOP instance UID only.

    A segmentation that names its series is read onto that; one that names none onto every volume on whose voxels it
    lies, since then only its place counts, or onto the only one that it can be resampled to. Several segmentations of
    one volume are all taken (SEVERAL_SEGMENTATIONS) where they mark different places. Where regions of two overlap,
    two readers may have drawn one lesion, which must not count twice: none is taken (AMBIGUOUS_SEGMENTATION) until one
    is named by its UID. A segmentation that fits no volume stands beside the first that it was tried on, with the
    reasons; a study without volumes gives nothing.
    """
    if not study.volumes:
        return ()
    wanted = [s for s in study.segmentations if segmentation_uid in ("", s.sop_instance_uid)]
    if not wanted:
        code = "SEGMENTATION_NOT_FOUND" if segmentation_uid else "SEGMENTATION_MISSING"
        location = segmentation_uid or study.volumes[0].study_instance_uid
        return ((study.volumes[0], Segmentation(issues=(issue(code, location),))),)
    pairs = [pair for file in wanted for pair in _pairs(file, study.volumes, limits)]
    of_volume: dict[int, list[Pair]] = defaultdict(list)
    for volume, segmentation in pairs:
        of_volume[id(volume)].append((volume, segmentation))
    return tuple(pair for volume in study.volumes for pair in _judged(of_volume[id(volume)]))


def _pairs(file: SegmentationFile, volumes: Sequence[Volume], limits: Limits) -> list[Pair]:
    """One file read onto the volumes that it belongs to."""
    try:
        header = read_header(file.path, limits)
    except Refused as refusal:
        return [(volumes[0], Segmentation((), file.sop_instance_uid, issues=(issue(refusal.code),)))]
    named = [v for v in volumes if v.series_instance_uid in file.referenced_series_uids]
    opened = source(header, limits)
    read = [(volume, read_onto(opened, volume)) for volume in named or volumes]
    fitting = [pair for pair in read if pair[1].regions]
    if not fitting:
        return [_told(read)]
    return fitting if named else _unnamed(fitting, header)


def _told(read: Sequence[Pair]) -> Pair:
    """The refusal that says most: of the volume that the segmentation came nearest to."""
    apart = {"SEGMENTATION_OF_ANOTHER_SERIES", "SEGMENTATION_OF_ANOTHER_PATIENT"}
    near = [pair for pair in read if not apart & {problem.code for problem in pair[1].issues}]
    return (near or read)[0]


def _unnamed(fitting: list[Pair], header: Header) -> list[Pair]:
    """Of a segmentation that names no series: the volumes on whose voxels it lies, or the only other one."""
    exact = [pair for pair in fitting if not _OFF_GRID & {problem.code for problem in pair[1].issues}]
    if exact or len(fitting) == 1:
        return exact or fitting
    volume, segmentation = fitting[0]
    said = issue("SEGMENTATION_SERIES_AMBIGUOUS", header.sop_instance_uid)
    return [(volume, replace(segmentation, regions=(), issues=(said,)))]


def _judged(pairs: Sequence[Pair]) -> list[Pair]:
    """All segmentations of one volume, unless two of them mark the same place."""
    drawn = [pair for pair in pairs if pair[1].regions]
    if len(drawn) < 2:
        return list(pairs)
    volume = drawn[0][0]
    if any(_overlap(one, other) for (_, one), (_, other) in combinations(drawn, 2)):
        said = issue("AMBIGUOUS_SEGMENTATION", volume.series_instance_uid)
        undrawn = [pair for pair in pairs if not pair[1].regions]
        return [(volume, Segmentation(issues=(said,))), *undrawn]
    said = issue("SEVERAL_SEGMENTATIONS", volume.series_instance_uid)
    return [(v, replace(s, issues=(*s.issues, said)) if s.regions else s) for v, s in pairs]


def _overlap(one: Segmentation, other: Segmentation) -> bool:
    for a in one.regions:
        for b in other.regions:
            shared = np.count_nonzero(a.mask & b.mask)
            if shared > _SAME_PLACE * min(np.count_nonzero(a.mask), np.count_nonzero(b.mask)):
                return True
    return False
