"""What highdicom cannot know is put right in the object that it made: whose it is, when, and what stands for what.

Frames of a multi-frame image went in as images of their own; here they become references to that image and the frame.
Where the images state no frame of reference, the one that stood for it is taken out again.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.valuerep import DA, DT, TM

from tumorcast_imaging.dicom.header import Header
from tumorcast_imaging.model.objects.source import Source


def settle(seg: Dataset, source: Source, made: datetime.datetime, dimensions_uid: str) -> None:
    """Put right a segmentation of ``source`` in place."""
    stamp(seg, source, made)
    seg.ContentCreatorName = ""  # type 2, and nobody is named
    for item in (*seg.DimensionOrganizationSequence, *seg.get("DimensionIndexSequence", ())):
        item.DimensionOrganizationUID = dimensions_uid
    if not source.volume.frame_of_reference_uid:
        del seg.FrameOfReferenceUID
        seg.pop("PositionReferenceIndicator", None)
    if source.enhanced:
        _refer_to_frames(seg, source)


def stamp(dataset: Dataset, source: Source, made: datetime.datetime) -> None:
    """Whose the object is, and when it was made in place of when highdicom ran."""
    dataset.update(copy.deepcopy(source.patient))
    dataset.InstanceCreationDate = DA(made.date())
    dataset.InstanceCreationTime = TM(made.time())
    for equipment in dataset.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = DT(made)


def _refer_to_frames(seg: Dataset, source: Source) -> None:
    meant = {source.alone_uid(k): h for k, h in enumerate(source.slices)}
    whole = list({h.sop_instance_uid: h for h in meant.values()}.values())
    seg.SourceImageSequence = [_reference(h) for h in whole]
    for series in seg.ReferencedSeriesSequence:
        series.ReferencedInstanceSequence = [_reference(h) for h in whole]
    for item in _derivations(seg):
        h = meant[item.ReferencedSOPInstanceUID]
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = h.sop_class_uid, h.sop_instance_uid
        item.ReferencedFrameNumber = h.frame + 1


def _derivations(seg: Dataset) -> Sequence[Dataset]:
    groups = (*seg.SharedFunctionalGroupsSequence, *seg.PerFrameFunctionalGroupsSequence)
    derived = [item for group in groups for item in group.get("DerivationImageSequence", ())]
    images = [image for item in derived for image in item.get("SourceImageSequence", ())]
    return list({id(image): image for image in images}.values())  # segments share the items of one slice


def _reference(h: Header) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = h.sop_class_uid, h.sop_instance_uid
    return item
