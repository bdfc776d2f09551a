"""How a region was drawn: by hand, by an algorithm, or by both; as its own file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.model.objects.text import long_string

Kind = Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"]
UNNAMED = "not stated"
_KINDS: tuple[Kind, ...] = ("MANUAL", "SEMIAUTOMATIC", "AUTOMATIC")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What drew a region (PS3.3 C.8.20.4); one that is not ``MANUAL`` has a name, and a version where it is learned."""

    kind: Kind = "MANUAL"
    name: str = ""
    version: str = ""
    learned: bool = False
    """Whether it is a trained network (artificial intelligence, CID 7162)."""


def how_drawn(path: Path, limits: Limits = DEFAULT_LIMITS) -> dict[int, Algorithm]:
    """Segment or ROI number → what the SEG or RTSTRUCT at ``path`` says of its making, where it says it."""
    try:
        dataset = read_dataset(path, limits, ["SegmentSequence", "StructureSetROISequence"], pixels=False)
        with guarded("MALFORMED_SEGMENTATION"):
            return dict((*_segments(dataset), *_rois(dataset)))
    except Refused:
        return {}


def _segments(dataset: Any) -> Iterator[tuple[int, Algorithm]]:
    for segment in dataset.get("SegmentSequence") or ():
        if kind := _kind(segment.get("SegmentAlgorithmType")):
            yield int(segment.SegmentNumber), _named(kind, str(segment.get("SegmentAlgorithmName") or ""))


def _rois(dataset: Any) -> Iterator[tuple[int, Algorithm]]:
    for roi in dataset.get("StructureSetROISequence") or ():
        if kind := _kind(roi.get("ROIGenerationAlgorithm")):
            yield int(roi.ROINumber), _named(kind, "")


def _named(kind: Kind, name: str) -> Algorithm:
    return Algorithm() if kind == "MANUAL" else Algorithm(kind, long_string(name, UNNAMED))


def _kind(stated: Any) -> Kind | None:
    word = str(stated or "").strip().upper()
    return next((kind for kind in _KINDS if kind == word), None)
