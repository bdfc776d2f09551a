"""What drew a region: a hand, an algorithm, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tumorcast_imaging.dicom import Region
from tumorcast_imaging.model.objects.text import long_string

Kind = Literal["MANUAL", "SEMIAUTOMATIC", "AUTOMATIC"]
UNNAMED = "not stated"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What drew a region (PS3.3 C.8.20.4); one that is not ``MANUAL`` has a name, and a version where it is learned."""

    kind: Kind = "MANUAL"
    name: str = ""
    version: str = ""
    learned: bool = False
    """Whether it is a trained network (artificial intelligence, CID 7162)."""


def algorithm_of(region: Region) -> Algorithm:
    """What drew the region, as its own file says; a hand where it says nothing."""
    if region.drawn_by == "" or region.drawn_by == "MANUAL":
        return Algorithm()
    return Algorithm(region.drawn_by, long_string(region.algorithm_name, UNNAMED))
