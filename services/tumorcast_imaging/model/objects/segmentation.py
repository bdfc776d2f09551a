"""Regions → a DICOM segmentation (SEG) on the images that they were drawn on, by highdicom.

PS3.3 A.51 (Segmentation) and A.90 (Label Map Segmentation). One segment a region, in the regions' order. The same
regions of the same images give the same UIDs and, made at the same moment, the same bytes.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, cast

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from tumorcast_core.snapshot import Coding, Issue
from tumorcast_imaging.dicom import Region
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.model.objects import references
from tumorcast_imaging.model.objects.algorithm import UNNAMED, Algorithm
from tumorcast_imaging.model.objects.coding import ABNORMAL_STRUCTURE, MASS, concept
from tumorcast_imaging.model.objects.equipment import EQUIPMENT, VERSION
from tumorcast_imaging.model.objects.source import Source
from tumorcast_imaging.model.objects.text import CHARACTER_SET, clean, long_string, short_text
from tumorcast_imaging.model.objects.uids import derived_uid

SegmentationType = Literal["BINARY", "FRACTIONAL", "LABELMAP"]
_BITS = {"BINARY": 1, "FRACTIONAL": 8, "LABELMAP": 16}
_MOST_EMPTY_BYTES = 64 << 20
"""Frames without a voxel are kept up to this size of the whole; OHIF's older readers expect one for every slice."""
MOST_BYTES = 2 << 30
"""What may be in memory at once while a segmentation is put together."""
_MOST_SEGMENTS = 65_535
_MAX_FRACTION = 255
_SERIES_NUMBER = 1_000


def segmentation_object(
    source: Source,
    regions: Sequence[Region],
    *,
    made: datetime.datetime,
    segmentation_type: SegmentationType = "BINARY",
    algorithms: Sequence[Algorithm] = (),
    keep_empty_frames: bool | None = None,
    most_bytes: int = MOST_BYTES,
) -> Dataset | Issue:
    """The SEG of ``regions``, which lie on the voxels of the source's volume; or why there is none.

    ``made`` is when the regions were put into the object, by which no UID changes. ``algorithms`` are in the order of
    the regions; a region without one counts as drawn by hand. FRACTIONAL holds ``occupancy`` in steps of 1/255 (the
    mask where a region has none), BINARY and LABELMAP the mask. ``keep_empty_frames``: a frame for every slice of every
    segment; ``None``: as long as that is small. ``most_bytes`` bounds what is in memory beside the regions. The
    source and the regions are not changed.
    """
    where = source.volume.series_instance_uid
    try:
        _check(regions, source)
        with guarded("OBJECT_NOT_MADE"), disable_value_validation():
            drawn_by = _each(algorithms, len(regions))
            return _make(source, regions, made, segmentation_type, drawn_by, keep_empty_frames, most_bytes)
    except Refused as refusal:
        return issue(refusal.code, where)


def tracking(source: Source, region: Region, number: int) -> tuple[str, str]:
    """Tracking UID and identifier of a region: its own, else made from where it was drawn and its label."""
    uid = region.tracking_uid or derived_uid("lesion", source.volume.study_instance_uid, region.source)
    return uid, clean(region.tracking_id) or label(region, number)


def label(region: Region, number: int) -> str:
    """The region's label as a Long String, or ``Lesion 1``."""
    return long_string(region.label, f"Lesion {number}")


def finding(region: Region) -> tuple[Any, Any]:
    """Category and type of the region as codes: its own, else an abnormal structure, a mass."""
    return concept(region.category) or ABNORMAL_STRUCTURE, concept(region.type) or MASS


def _check(regions: Sequence[Region], source: Source) -> None:
    if not regions:
        raise Refused("OBJECT_WITHOUT_REGIONS")
    if len(regions) > _MOST_SEGMENTS:
        raise Refused("OBJECT_TOO_LARGE")
    if any(region.mask.shape != source.volume.array.shape for region in regions):
        raise Refused("SEGMENTATION_GRID_DIFFERS")
    if not all(region.mask.any() for region in regions):
        raise Refused("EMPTY_SEGMENTATION")


def _each(algorithms: Sequence[Algorithm], count: int) -> list[Algorithm]:
    return list(itertools.islice(itertools.chain(algorithms, itertools.repeat(Algorithm())), count))


def _make(
    source: Source,
    regions: Sequence[Region],
    made: datetime.datetime,
    kind: SegmentationType,
    algorithms: Sequence[Algorithm],
    keep_empty: bool | None,
    most_bytes: int,
) -> Dataset:
    if keep_empty is None:
        frames = 1 if kind == "LABELMAP" else len(regions)
        keep_empty = source.volume.array.size * frames * _BITS[kind] <= 8 * _MOST_EMPTY_BYTES
    planes = list(range(len(source.slices))) if keep_empty else _occupied(regions)
    identity = _identity(source, regions, algorithms, kind, keep_empty)
    seg = hd.seg.Segmentation(
        source_images=[source.image(k) for k in planes],
        pixel_array=_pixels(regions, planes, kind, most_bytes),
        segmentation_type=kind,
        fractional_type="OCCUPANCY",
        max_fractional_value=_MAX_FRACTION,
        segment_descriptions=[
            _described(source, region, number, algorithm)
            for number, (region, algorithm) in enumerate(zip(regions, algorithms, strict=True), 1)
        ],
        series_instance_uid=derived_uid("segmentation series", *identity),
        series_number=_SERIES_NUMBER + source.series_number,
        series_description=f"Lesions on {source.volume.dicom_modality}",
        sop_instance_uid=derived_uid("segmentation", *identity),
        instance_number=1,
        content_label="LESIONS",
        content_description="Lesions",
        omit_empty_frames=not keep_empty,
        specific_character_set=CHARACTER_SET,
        content_date=made.date(),
        content_time=made.time(),
        **EQUIPMENT,
    )
    references.settle(seg, source, made, derived_uid("dimensions", *identity))
    return cast(Dataset, seg)


def _occupied(regions: Sequence[Region]) -> list[int]:
    """Slices in which any region has a voxel."""
    anywhere = np.zeros(regions[0].mask.shape[0], bool)
    for region in regions:
        anywhere |= _values(region).any(axis=(1, 2)) if region.occupancy is not None else region.mask.any(axis=(1, 2))
    return [int(k) for k in np.flatnonzero(anywhere)]


def _values(region: Region) -> NDArray[Any]:
    return region.mask if region.occupancy is None else region.occupancy


def _pixels(regions: Sequence[Region], planes: list[int], kind: SegmentationType, most_bytes: int) -> NDArray[Any]:
    """What highdicom takes: one map of segment numbers where regions stay apart, else one channel a segment."""
    shape = (len(planes), *regions[0].mask.shape[1:])
    if kind != "FRACTIONAL":
        _check_size(shape, 2, most_bytes)
        numbers = np.zeros(shape, np.uint8 if len(regions) < 256 else np.uint16)
        for number, region in enumerate(regions, 1):
            mask = region.mask[planes]
            if numbers[mask].any():
                break
            numbers[mask] = number
        else:
            return numbers
        if kind == "LABELMAP":
            raise Refused("OBJECT_SEGMENTS_OVERLAP")
    dtype = np.float32 if kind == "FRACTIONAL" else np.uint8
    _check_size((*shape, len(regions)), np.dtype(dtype).itemsize, most_bytes)
    channels = np.zeros((*shape, len(regions)), dtype)
    for number, region in enumerate(regions):
        channels[..., number] = (_values(region) if kind == "FRACTIONAL" else region.mask)[planes]
    return channels


def _check_size(shape: tuple[int, ...], itemsize: int, most_bytes: int) -> None:
    if math.prod(shape) * itemsize > most_bytes:
        raise Refused("OBJECT_TOO_LARGE")


def _described(source: Source, region: Region, number: int, algorithm: Algorithm) -> hd.seg.SegmentDescription:
    category, type_ = finding(region)
    tracking_uid, tracking_id = tracking(source, region, number)
    site = concept(region.site)
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label(region, number),
        segmented_property_category=category,
        segmented_property_type=type_,
        algorithm_type=algorithm.kind,
        algorithm_identification=_identified(algorithm),
        tracking_uid=tracking_uid,
        tracking_id=tracking_id,
        anatomic_regions=[site] if site else None,
    )
    if not algorithm.learned:  # highdicom asks for a family, which nobody stated; the name stays
        described.pop("SegmentationAlgorithmIdentificationSequence", None)
    if (whole := short_text(region.label)) != described.SegmentLabel and whole:
        described.SegmentDescription = whole
    return described


def _identified(algorithm: Algorithm) -> hd.AlgorithmIdentificationSequence | None:
    if algorithm.kind == "MANUAL":
        return None
    return hd.AlgorithmIdentificationSequence(
        name=long_string(algorithm.name, UNNAMED),
        family=codes.cid7162.ArtificialIntelligence,
        version=long_string(algorithm.version, UNNAMED),
    )


def _identity(
    source: Source, regions: Sequence[Region], algorithms: Sequence[Algorithm], kind: str, keep_empty: bool
) -> tuple[str, ...]:
    """Everything by which two segmentations are different objects."""
    volume = source.volume
    drawn: Iterable[tuple[str, ...]] = (
        (
            hashlib.sha256(_bits(region, kind).tobytes()).hexdigest(),
            *tracking(source, region, number),
            region.label,
            *(_written(coding) for coding in (region.category, region.type, region.site)),
            *(algorithm.kind, algorithm.name, algorithm.version, str(algorithm.learned)),
        )
        for number, (region, algorithm) in enumerate(zip(regions, algorithms, strict=True), 1)
    )
    slices = (f"{h.sop_instance_uid}/{h.frame}" for h in source.slices)
    about = (VERSION, volume.study_instance_uid, volume.series_instance_uid, kind, str(keep_empty))
    return (*about, *slices, *itertools.chain.from_iterable(drawn))


def _bits(region: Region, kind: str) -> NDArray[Any]:
    return _values(region) if kind == "FRACTIONAL" else np.packbits(region.mask)


def _written(coding: Coding | None) -> str:
    return "" if coding is None else f"{coding.system}|{coding.code}"
