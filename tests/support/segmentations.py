"""SEG objects of every kind, written by highdicom on a phantom's series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from support.dicom_factory import Phantom, save


def written(
    folder: Path,
    masks: NDArray[Any],
    kind: str,
    *,
    phantom: Phantom | None = None,
    numbers: Sequence[int] = (),
    uid: str = "1.2.826.0.1.3680043.8.498.8",
    edit: Callable[[Dataset], None] = lambda _: None,
    **more: Any,
) -> Dataset:
    """Write masks (segments × slices × rows × columns), shares in [0, 1], or labels (slices × rows × columns)."""
    import highdicom as hd
    from pydicom.sr.codedict import codes

    phantom = phantom or Phantom()
    if kind == "FRACTIONAL":
        more = {"fractional_type": "OCCUPANCY"} | more
    numbers = numbers or range(1, len(masks) + 1)
    seg = hd.seg.Segmentation(
        source_images=phantom.slices(),
        pixel_array=_pixels(masks, kind),
        segmentation_type=kind,
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=f"Lesion {number}",
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=codes.SCT.NeoplasmPrimary,
                algorithm_type="MANUAL",
                tracking_uid=f"1.2.3.{number}",
                tracking_id=f"L{number}",
                anatomic_regions=[codes.SCT.Liver],
            )
            for number in numbers
        ],
        series_instance_uid=f"{phantom.series}.903",
        series_number=3,
        sop_instance_uid=uid,
        instance_number=1,
        manufacturer="Phantom",
        manufacturer_model_name="Phantom",
        software_versions="1",
        device_serial_number="1",
        **more,
    )
    edit(seg)
    folder.mkdir(parents=True, exist_ok=True)
    save(seg, folder / f"seg-{uid}.dcm")
    return seg


def _pixels(masks: NDArray[Any], kind: str) -> NDArray[Any]:
    """As highdicom wants them: segments last, or labels."""
    if masks.ndim == 3:
        return masks
    if kind == "LABELMAP":
        return np.asarray(sum(number * mask.astype(np.uint8) for number, mask in enumerate(masks, 1)))
    moved = np.moveaxis(masks, 0, -1)
    return np.asarray(moved.astype(float) if kind == "FRACTIONAL" else moved.astype(np.uint8))
