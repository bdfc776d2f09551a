"""Enhanced multi-frame CT and MR → one header per frame.

DICOM PS3.3 A.38 (Enhanced CT), A.36 (Enhanced MR), A.70 and A.71 (Legacy Converted): what single-frame images say of
each file stands in functional groups (C.7.6.16), shared by all frames or per frame; a frame's own group wins.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydicom import uid as uids
from pydicom.dataset import Dataset

from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.header import Header, seconds
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.dicom.values import Malformed, decimals

SOP_CLASSES = {
    uids.EnhancedCTImageStorage: "CT",
    uids.LegacyConvertedEnhancedCTImageStorage: "CT",
    uids.EnhancedMRImageStorage: "MR",
    uids.LegacyConvertedEnhancedMRImageStorage: "MR",
}
_TAGS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
_TECHNIQUE = (
    ("FrameContentSequence", "StackID"),
    ("FrameContentSequence", "TemporalPositionIndex"),
    ("MREchoSequence", "EffectiveEchoTime"),
    ("MRDiffusionSequence", "DiffusionBValue"),
    ("CTReconstructionSequence", "ConvolutionKernel"),
    ("CTXRayDetailsSequence", "KVP"),
    ("MRModifierSequence", "InversionTimes"),
    ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    ("MRImageFrameTypeSequence", "ComplexImageComponent"),
)
_PHASE = (
    ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    ("MRDiffusionSequence", "DiffusionGradientDirectionSequence"),
)
"""Functional groups and attributes by which one file may hold several volumes."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """Functional groups of one frame."""

    own: Dataset
    shared: Dataset

    def get(self, group: str, keyword: str) -> Any:
        for groups in (self.own, self.shared):
            items = groups.get(group)
            if items and (value := items[0].get(keyword)) is not None:
                return value
        return None

    def floats(self, group: str, keyword: str) -> tuple[float, ...]:
        value = self.get(group, keyword)
        if value is None or value == "":
            return ()
        return decimals("\\".join(map(str, [value] if isinstance(value, str | int | float) else value)))

    def float(self, group: str, keyword: str) -> float | None:
        values = self.floats(group, keyword)
        if len(values) > 1:
            raise Malformed
        return values[0] if values else None


def frames(h: Header, limits: Limits) -> list[Header]:
    """One header per frame of an enhanced file; raises ``Refused``."""
    if not 1 <= h.frames <= limits.max_frames:
        raise Refused("TOO_MANY_FRAMES")
    dataset = read_dataset(h.path, limits, _TAGS, pixels=False)
    with guarded("MALFORMED_HEADER"):
        shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
        per_frame: Sequence[Dataset] = dataset.get("PerFrameFunctionalGroupsSequence") or []
        if len(per_frame) != h.frames:
            raise Refused("HEADER_INCOMPLETE")
        return [_frame(h, k, _Groups(own, shared[0])) for k, own in enumerate(per_frame)]


def _frame(h: Header, number: int, groups: _Groups) -> Header:
    frame_type = groups.get(f"{SOP_CLASSES[uids.UID(h.sop_class_uid)]}ImageFrameTypeSequence", "FrameType")
    when = str(groups.get("FrameContentSequence", "FrameAcquisitionDateTime") or "")
    rescale = "PixelValueTransformationSequence"
    return replace(
        h,
        frame=number,
        image_type=tuple(str(word).upper() for word in frame_type) if frame_type else h.image_type,
        date=f"{when[:4]}-{when[4:6]}-{when[6:8]}" if when[:8].isdecimal() and len(when) >= 8 else h.date,
        acquired_s=seconds(when[:8], when[8:]),
        written_s=None,
        technique=tuple(_key(groups.get(*place)) for place in _TECHNIQUE),
        acquisition=_key(groups.get("FrameContentSequence", "FrameAcquisitionNumber")),
        phase=(*(_key(groups.get(*place)) for place in _PHASE), h.sop_instance_uid),
        pixel_spacing=groups.floats("PixelMeasuresSequence", "PixelSpacing"),
        orientation=groups.floats("PlaneOrientationSequence", "ImageOrientationPatient"),
        position=groups.floats("PlanePositionSequence", "ImagePositionPatient"),
        slice_thickness=groups.float("PixelMeasuresSequence", "SliceThickness"),
        slope=groups.float(rescale, "RescaleSlope"),
        intercept=groups.float(rescale, "RescaleIntercept"),
        rescale_type=str(groups.get(rescale, "RescaleType") or "").upper(),
    )


def _key(value: Any) -> Hashable:
    return "" if value is None else str(value)
