"""How two lesions of different studies lie to one another, once one study is laid over the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumorcast_imaging.model.change.alignment import Alignment
from tumorcast_imaging.model.change.place import Place

_SHAPE_SHARE = 0.1
"""Outlines of one lesion by two readers move its center by about this share of its radius."""
_LARGEST_DILATION = 0.3
"""A lesion is never widened by more than this share of its radius to see what lies within it."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two lesions of two studies.

    ``distance_mm`` between their centers; ``spread_mm`` the standard deviation expected of it along an axis if they are
    one; ``share`` of the smaller one that lies in the other; ``later_within`` and ``earlier_within``: share of the one
    within the other, which is widened by the uncertainty, but by no more than 0.3 of its radius; ``touches``: half of
    either lies so close to the other that the alignment cannot tell them apart; ``volume_ratio`` later to earlier.
    """

    distance_mm: float
    spread_mm: float
    share: float
    later_within: float
    earlier_within: float
    touches: bool
    volume_ratio: float


def overlap(earlier: Place, later: Place, alignment: Alignment) -> Overlap:
    """Compare a lesion of the earlier study with one of the later."""
    moved = alignment.forward(earlier.points)
    back = alignment.backward(later.points)
    distance = float(np.linalg.norm(alignment.forward(earlier.center[None])[0] - later.center))
    slack = alignment.uncertainty_mm
    small = min(earlier.radius_mm, later.radius_mm)
    spread = float(
        np.sqrt(
            slack**2
            + ((earlier.radius_mm - later.radius_mm) / 2) ** 2
            + (_SHAPE_SHARE * (earlier.radius_mm + later.radius_mm) / 2) ** 2
        )
    )
    inside_later, inside_earlier = later.share_inside(moved), earlier.share_inside(back)
    return Overlap(
        distance_mm=distance,
        spread_mm=spread,
        share=max(inside_later, inside_earlier),
        later_within=earlier.share_inside(back, min(slack, _LARGEST_DILATION * earlier.radius_mm)),
        earlier_within=later.share_inside(moved, min(slack, _LARGEST_DILATION * later.radius_mm)),
        touches=small > 0 and max(earlier.share_inside(back, slack), later.share_inside(moved, slack)) >= 0.5,
        volume_ratio=later.volume_ml / earlier.volume_ml,
    )
