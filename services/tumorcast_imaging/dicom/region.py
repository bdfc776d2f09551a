"""What a reader drew: regions of interest on the voxels of one volume."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.snapshot import Coding, Issue

DrawnBy = Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC", ""]
"""Segment Algorithm Type (0062,0008) and ROI Generation Algorithm (3006,0036); empty: not said."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One segment of a SEG or one ROI of an RTSTRUCT, on the voxels of a volume.

    ``mask`` (slices × rows × columns) has at least one voxel. ``occupancy`` (same shape, float32 in [0, 1]) is there
    where the source is fractional; ``mask`` is then where it is at least one half. ``volume_ml`` is what the source
    itself encloses, which for contours is finer than voxels. ``category``, ``type`` and ``site`` are the codes of a
    segment's property and anatomic region (PS3.3 C.8.20.4); ``interpreted_type`` is what an RTSTRUCT says of an ROI
    instead: GTV, ORGAN, EXTERNAL (PS3.3 C.8.8.8). ``drawn_by`` a hand or an algorithm, which has a name in a SEG.
    """

    mask: NDArray[np.bool_]
    number: int
    kind: Literal["segment", "roi"] = "segment"
    source_uid: str = ""
    label: str = field(default="", repr=False)
    tracking_uid: str = ""
    tracking_id: str = field(default="", repr=False)
    occupancy: NDArray[np.float32] | None = None
    volume_ml: float = 0.0
    category: Coding | None = None
    type: Coding | None = None
    site: Coding | None = None
    interpreted_type: str = ""
    drawn_by: DrawnBy = ""
    algorithm_name: str = field(default="", repr=False)

    @property
    def source(self) -> str:
        """Where it was drawn: ``<SOP instance UID>#segment=1`` or ``…#roi=1``."""
        return f"{self.source_uid}#{self.kind}={self.number}"


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """The regions of one SEG or RTSTRUCT on the voxels of one volume; ``issues`` say why one or all are missing."""

    regions: tuple[Region, ...] = ()
    sop_instance_uid: str = ""
    series_instance_uid: str = ""
    issues: tuple[Issue, ...] = ()


def drawn_by(stated: str) -> DrawnBy:
    """The word for what drew a region, as a file states it; empty where it states none of them.

    >>> drawn_by("Manual"), drawn_by("by eye")
    ('MANUAL', '')
    """
    words: tuple[DrawnBy, ...] = get_args(DrawnBy)
    return next((word for word in words if word == stated.strip().upper()), "")
