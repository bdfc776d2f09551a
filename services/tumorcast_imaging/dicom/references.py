"""On which series and instances a segmentation says that it was drawn."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.nested import Item, Source
from tumorcast_imaging.dicom.reasons import Refused

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage."""
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATION_CLASSES = frozenset({SEG, LABELMAP, RTSTRUCT})
"""SOP classes of objects that mark regions (PS3.4 B.5)."""
_SEQUENCES = (
    "ReferencedSeriesSequence",
    "ReferencedInstanceSequence",
    "ReferencedFrameOfReferenceSequence",
    "RTReferencedStudySequence",
    "RTReferencedSeriesSequence",
    "ContourImageSequence",
)
_OF_CONTOURS = ("ROIContourSequence", "ContourSequence")
_LEAVES = ("SeriesInstanceUID", "ReferencedSOPInstanceUID")


@dataclass(frozen=True, slots=True)
class References:
    """UIDs; a segmentation may state series, instances, both or neither."""

    series: tuple[str, ...] = ()
    instances: frozenset[str] = frozenset()


def source(h: Header, limits: Limits) -> Source:
    """A segmentation to be read under the limits of its kind."""
    return Source(h, limits, limits.max_contour_bytes if h.sop_class_uid == RTSTRUCT else limits.max_header_bytes)


def references(of: Source) -> References:
    """What a segmentation refers to; nothing if it does not say, or cannot be understood.

    A SEG by its Common Instance Reference (PS3.3 C.12.2), a structure set by its Referenced Frame of Reference
    Sequence (C.8.8.5) or, where that names no series, by the images of its contours (C.8.8.6).
    """
    try:
        root = of.read(_SEQUENCES, _LEAVES)
        if of.header.sop_class_uid != RTSTRUCT:
            return _of_items(root.items("ReferencedSeriesSequence"))
        found = _of_structure_set(root)
        if found.series:
            return found
        root = of.read((*_SEQUENCES, *_OF_CONTOURS), _LEAVES)
        return References((), found.instances | _images_of_contours(root))
    except Refused:
        return References()


def _of_items(series: list[Item], of_instances: str = "ReferencedInstanceSequence") -> References:
    uids = [item.uid("SeriesInstanceUID") for item in series]
    instances = {i.uid("ReferencedSOPInstanceUID") for item in series for i in item.items(of_instances)}
    return References(tuple(dict.fromkeys(filter(None, uids))), frozenset(filter(None, instances)))


def _of_structure_set(root: Item) -> References:
    frames = root.items("ReferencedFrameOfReferenceSequence")
    studies = [study for frame in frames for study in frame.items("RTReferencedStudySequence")]
    series = [one for study in studies for one in study.items("RTReferencedSeriesSequence")]
    return _of_items(series, "ContourImageSequence")


def _images_of_contours(root: Item) -> frozenset[str]:
    contours = [c for roi in root.items("ROIContourSequence") for c in roi.items("ContourSequence")]
    images = (image.uid("ReferencedSOPInstanceUID") for c in contours for image in c.items("ContourImageSequence"))
    return frozenset(filter(None, images))
