"""A segmentation file → its regions on one volume, or the reasons why not."""

from __future__ import annotations

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.dataset import guarded
from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.masks.seg import read_seg
from tumorcast_imaging.dicom.masks.structure_set import read_structure_set
from tumorcast_imaging.dicom.nested import Source
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.references import RTSTRUCT, SEGMENTATION_CLASSES, references, source
from tumorcast_imaging.dicom.region import Segmentation
from tumorcast_imaging.dicom.study import Paths, list_files, scan
from tumorcast_imaging.dicom.volume import Volume


def read_segmentation(
    paths: Paths, volume: Volume, segmentation_uid: str = "", limits: Limits = DEFAULT_LIMITS
) -> Segmentation:
    """Read the only SEG or RTSTRUCT under ``paths``, or the one of that SOP instance UID, onto ``volume``.

    Never raises for what the files hold: where it is missing, ambiguous or unsound there is no region, but an issue;
    where one of its regions is, the others stand.
    """
    headers, _ = scan(list_files(paths, limits) or [], limits)
    found = {h.sop_instance_uid: h for h in headers if h.sop_class_uid in SEGMENTATION_CLASSES}
    try:
        header = _pick(found, segmentation_uid)
    except Refused as refusal:
        return Segmentation(issues=(issue(refusal.code, segmentation_uid or volume.series_instance_uid),))
    return read_onto(source(header, limits), volume)


def _pick(found: dict[str, Header], segmentation_uid: str) -> Header:
    if segmentation_uid:
        if segmentation_uid not in found:
            raise Refused("SEGMENTATION_NOT_FOUND")
        return found[segmentation_uid]
    if not found:
        raise Refused("SEGMENTATION_MISSING")
    if len(found) > 1:
        raise Refused("AMBIGUOUS_SEGMENTATION")
    return next(iter(found.values()))


def read_onto(file: Source, volume: Volume) -> Segmentation:
    """Every region of one file on ``volume``; never raises for what it holds."""
    header = file.header
    uids = header.sop_instance_uid, header.series_instance_uid
    try:
        with guarded("MALFORMED_SEGMENTATION"):
            doubts = _check_belongs(file, volume)
            read = read_structure_set if header.sop_class_uid == RTSTRUCT else read_seg
            regions, issues = read(file, volume)
            if not regions and not issues:
                raise Refused("EMPTY_SEGMENTATION")
    except Refused as refusal:
        return Segmentation((), *uids, (issue(refusal.code, header.sop_instance_uid),))
    return Segmentation(tuple(regions), *uids, (*doubts, *issues))


def _check_belongs(file: Source, volume: Volume) -> tuple[Issue, ...]:
    """Refuse a segmentation of another patient, study, series or frame of reference.

    A structure set names its frame of reference for each region of interest, not for itself.
    """
    header = file.header
    if (header.patient_id, header.study_instance_uid) != (volume.patient_id, volume.study_instance_uid):
        raise Refused("SEGMENTATION_OF_ANOTHER_PATIENT")
    drawn_on = references(file)
    elsewhere = drawn_on.instances.isdisjoint(volume.sop_instance_uids)
    if drawn_on.series:
        part_of_it = not (volume.part and drawn_on.instances and elsewhere)
        belongs = volume.series_instance_uid in drawn_on.series and part_of_it
    else:
        belongs = not drawn_on.instances or not elsewhere
    if not belongs:
        raise Refused("SEGMENTATION_OF_ANOTHER_SERIES")
    if header.sop_class_uid != RTSTRUCT and header.frame_of_reference_uid != volume.frame_of_reference_uid:
        raise Refused("SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS")
    stated = drawn_on.series or drawn_on.instances
    return () if stated else (issue("SEGMENTATION_SERIES_UNSTATED", header.sop_instance_uid),)
