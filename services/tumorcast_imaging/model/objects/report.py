"""Measures of lesions → a structured report (SR) that refers to their segmentations, by highdicom.

PS3.16 TID 1500 in a Comprehensive 3D SR (PS3.3 A.35.13). Each lesion has a volumetric group (TID 1411), which refers to
its segment, and a group of linear measures (TID 1501) whose end points lie on the image; both under its tracking UID.
The observer is this software; no person is named, and the report is not verified.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from highdicom import sr
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.model.lesions.lesion import Lesion
from tumorcast_imaging.model.lesions.size import Axis
from tumorcast_imaging.model.objects import references
from tumorcast_imaging.model.objects.coding import concept
from tumorcast_imaging.model.objects.equipment import DEVICE_UID, EQUIPMENT, NAME, VERSION
from tumorcast_imaging.model.objects.measures import MILLIMETER, Measure, algorithm, measures_of
from tumorcast_imaging.model.objects.segmentation import finding, tracking
from tumorcast_imaging.model.objects.source import Source
from tumorcast_imaging.model.objects.text import CHARACTER_SET, clean
from tumorcast_imaging.model.objects.uids import derived_uid

_PROCEDURES: dict[str, Code] = {
    "CT": codes.LN.CTUnspecifiedBodyRegion,
    "MR": codes.LN.MRIUnspecifiedBodyRegion,
    "PT": codes.LN.PETUnspecifiedBodyRegion,
}
"""CID 100, Quantitative Diagnostic Imaging Procedures."""
_TIME_POINTS: dict[str, Code] = {"baseline": codes.cid6146.Baseline, "nadir": codes.cid6146.Nadir}
_SERIES_NUMBER = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Lesions measured on one volume, in the order of the segments of their segmentation."""

    source: Source
    segmentation: Dataset
    lesions: tuple[Lesion, ...]


def measurement_report(
    measured: Sequence[Measured], *, made: datetime.datetime, timepoint: str = ""
) -> Dataset | Issue:
    """The SR of lesions on one or several volumes of one study, or why there is none.

    ``made`` is when the report was made, by which no UID changes; ``timepoint`` is the role of the study in a course,
    such as ``baseline``. What is given is not changed.
    """
    where = measured[0].source.volume.study_instance_uid if measured else ""
    try:
        if not any(one.lesions for one in measured):
            raise Refused("OBJECT_WITHOUT_REGIONS")
        if len({(one.source.volume.study_instance_uid, one.source.volume.patient_id) for one in measured}) > 1:
            raise Refused("MIXED_STUDIES")
        with guarded("OBJECT_NOT_MADE"), disable_value_validation():
            return _make(measured, made, clean(timepoint))
    except Refused as refusal:
        return issue(refusal.code, where)


def _make(measured: Sequence[Measured], made: datetime.datetime, timepoint: str) -> Dataset:
    groups = [group for one in measured for group in _groups(one, timepoint)]
    modalities = dict.fromkeys(one.source.volume.dicom_modality for one in measured)
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer()),
        procedure_reported=[_PROCEDURES[modality] for modality in modalities],
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=[image for one in measured for image in _library(one)] or None,
    )
    identity = _identity(measured, timepoint)
    report = sr.Comprehensive3DSR(
        evidence=[image for one in measured for image in (*_images(one.source), one.segmentation)],
        content=content,
        series_instance_uid=derived_uid("report series", *identity),
        series_number=_SERIES_NUMBER + measured[0].source.series_number,
        series_description="Lesion measures",
        sop_instance_uid=derived_uid("report", *identity),
        instance_number=1,
        is_complete=True,
        specific_character_set=CHARACTER_SET,
        content_date=made.date(),
        content_time=made.time(),
        **EQUIPMENT,
    )
    references.stamp(report, measured[0].source, made)
    return cast(Dataset, report)


def _observer() -> sr.ObserverContext:
    attributes = sr.DeviceObserverIdentifyingAttributes(
        uid=DEVICE_UID, name=NAME, manufacturer_name=NAME, model_name=NAME, serial_number=VERSION
    )
    return sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=attributes)


def _groups(one: Measured, timepoint: str) -> Iterator[Any]:
    for number, lesion in enumerate(one.lesions, 1):
        about = _about(one.source, lesion, number, timepoint)
        yield sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=sr.ReferencedSegment(
                sop_class_uid=one.segmentation.SOPClassUID,
                sop_instance_uid=one.segmentation.SOPInstanceUID,
                segment_number=number,
                source_series=sr.SourceSeriesForSegmentation(one.source.volume.series_instance_uid),
            ),
            measurements=[measure.content() for measure in measures_of(lesion)],
            **about,
        )
        axes = (
            _length(codes.SCT.LongAxis, lesion.size.longest_diameter_mm, lesion.size.long_axis, one.source, lesion),
            _length(codes.SCT.ShortAxis, lesion.size.short_axis_mm, lesion.size.short_axis, one.source, lesion),
        )
        yield sr.MeasurementsAndQualitativeEvaluations(measurements=axes, **about)


def _about(source: Source, lesion: Lesion, number: int, timepoint: str) -> dict[str, Any]:
    """What both groups of a lesion say of it; made anew for each, for content belongs to one parent."""
    uid, identifier = tracking(source, lesion.region, number)
    category, type_ = finding(lesion.region)
    site = concept(lesion.region.site)
    context = sr.TimePointContext(timepoint, _TIME_POINTS.get(timepoint.lower())) if timepoint else None
    return {
        "tracking_identifier": sr.TrackingIdentifier(uid, identifier),
        "finding_category": category,
        "finding_type": type_,
        "finding_sites": [sr.FindingSite(site)] if site else None,
        "algorithm_id": algorithm(),
        "time_point_context": context,
    }


def _length(name: Code, millimeters: float, axis: Axis, source: Source, lesion: Lesion) -> sr.Measurement:
    """A length in the plane of one image, with its end points there."""
    h = source.slices[lesion.size.slice_index]
    image = sr.SourceImageForRegion(h.sop_class_uid, h.sop_instance_uid, [h.frame + 1] if source.enhanced else None)
    ends = sr.CoordinatesForMeasurement("POLYLINE", on_image(source, axis), image)
    return sr.Measurement(name=name, value=float(millimeters), unit=MILLIMETER, referenced_coordinates=[ends])


def on_image(source: Source, axis: Axis) -> NDArray[np.float64]:
    """Points in mm LPS as (column, row) on their image, whose first pixel's corner is 0, 0 (PS3.3 C.18.6.1.2)."""
    points = np.column_stack([np.array(axis), np.ones(len(axis))])
    index = (np.linalg.inv(source.volume.affine_lps) @ points.T).T
    rows, columns = source.volume.array.shape[1:]
    on: NDArray[np.float64] = np.clip(index[:, [2, 1]] + 0.5, 0, (columns, rows))
    return on


def _library(one: Measured) -> list[Dataset]:
    """The images that end points lie on (TID 1600); none of a multi-frame image, which is one for all of them.

    All images are evidence; an entry for each would be most of the report.
    """
    if one.source.enhanced:
        return []
    images = [one.source.image(k) for k in sorted({lesion.size.slice_index for lesion in one.lesions})]
    if not one.source.volume.frame_of_reference_uid:
        for image in images:
            del image.FrameOfReferenceUID
    return images


def _images(source: Source) -> Iterator[Dataset]:
    """The images that the volume was read from, each once, as evidence."""
    seen = set()
    for k, h in enumerate(source.slices):
        if h.sop_instance_uid not in seen:
            seen.add(h.sop_instance_uid)
            image = source.image(k)
            image.SOPClassUID, image.SOPInstanceUID = h.sop_class_uid, h.sop_instance_uid
            yield image


def _identity(measured: Sequence[Measured], timepoint: str) -> tuple[str, ...]:
    """Everything by which two reports are different objects."""
    numbers = [
        repr(value)
        for one in measured
        for lesion in one.lesions
        for value in (*_told(lesion), lesion.size.long_axis, lesion.size.short_axis)
    ]
    return (VERSION, timepoint, *(str(one.segmentation.SOPInstanceUID) for one in measured), *numbers)


def _told(lesion: Lesion) -> list[float]:
    measures: list[Measure] = measures_of(lesion)
    size = lesion.size
    return [size.longest_diameter_mm, size.short_axis_mm, *(float(measure.value) for measure in measures)]
