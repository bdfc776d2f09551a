"""A region that was drawn on one series, carried to another of the same frame of reference."""

from __future__ import annotations

from dataclasses import replace

from tumorcast_core.snapshot import Issue
from tumorcast_imaging.dicom.masks.grid import Placed, halved, resample
from tumorcast_imaging.dicom.reasons import Refused, issue
from tumorcast_imaging.dicom.region import Region
from tumorcast_imaging.dicom.volume import Volume


def transfer(region: Region, volume_from: Volume, volume_to: Volume) -> Region | Issue:
    """The region on the voxels of ``volume_to``, with the name and the enclosed volume that it has; or why not.

    Both volumes must be of one patient and of one frame of reference that they state. The region keeps its place in
    space; whether the patient kept still between the two series is for the reader to judge.
    """
    shared = volume_from.frame_of_reference_uid
    if volume_from.patient_id != volume_to.patient_id:
        return issue("SEGMENTATION_OF_ANOTHER_PATIENT", region.source)
    if not shared or shared != volume_to.frame_of_reference_uid:
        return issue("SEGMENTATION_FRAME_OF_REFERENCE_DIFFERS", region.source)
    drawn = region.mask if region.occupancy is None else region.occupancy
    try:
        carried = resample(Placed(drawn, volume_from.affine_lps), volume_to.array.shape, volume_to.affine_lps)
        mask, occupancy = halved(carried)
    except Refused as refusal:
        return issue(refusal.code, region.source)
    return replace(region, mask=mask, occupancy=occupancy)
