"""A click in a PET, CT or MR → the lesion under it. Brings torch, so it is imported only where a click is answered."""

from __future__ import annotations

from pathlib import Path

from tumorcast_imaging.model.clicking.bundle import is_bundle, load_bundle
from tumorcast_imaging.model.clicking.looking import LookingSegmenter
from tumorcast_imaging.model.clicking.network import ClickNetwork, SegmenterManifest
from tumorcast_imaging.model.clicking.rules import RegionGrowing, Threshold
from tumorcast_imaging.model.clicking.segmenting import Account, Clicked, Seen, Segmenter, holds, segment

SHIPPED = Path(__file__).resolve().parents[2] / "segmenters" / "click"
"""The click network that comes with the package."""

__all__ = [
    "SHIPPED",
    "Account",
    "ClickNetwork",
    "Clicked",
    "LookingSegmenter",
    "RegionGrowing",
    "Seen",
    "Segmenter",
    "SegmenterManifest",
    "Threshold",
    "holds",
    "load_bundle",
    "named_segmenter",
    "segment",
]


def named_segmenter(name: str = "") -> Segmenter:
    """The shipped network; the rule ``threshold`` or ``region-growing``; or what lies at a path.

    A path holds a MONAI bundle (it has ``configs/``) or a segmenter as ``tumorcast train click`` writes it.
    """
    if name in ("threshold", "region-growing"):
        return Threshold() if name == "threshold" else RegionGrowing()
    folder = Path(name) if name else SHIPPED
    return load_bundle(folder) if is_bundle(folder) else LookingSegmenter(ClickNetwork.load(folder))
