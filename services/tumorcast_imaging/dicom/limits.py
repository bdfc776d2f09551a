"""How much is read before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from tumorcast_imaging.dicom.decoding.job import DecoderLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for one study; whatever lies above is refused by name, not tried."""

    max_files: int = 20_000
    max_file_bytes: int = 2 << 30
    """An enhanced file of 2,000 frames of 512 × 512 takes one GiB."""
    max_header_bytes: int = 64 << 20
    max_elements: int = 500_000
    """Elements in one header: 10 MB of empty ones would take half a minute to parse."""
    max_frames: int = 10_000
    max_voxels: int = 400_000_000
    """Rows × columns × slices of one volume; a float32 volume takes four bytes each."""
    max_regions: int = 1000
    """Segments or regions of interest of one segmentation."""
    max_region_voxels: int = 2_000_000_000
    """Voxels in the bounding boxes of all regions of one segmentation together: what may be written to."""
    max_contour_bytes: int = 512 << 20
    """Of a structure set, whose contours are decimal text."""
    max_contours: int = 50_000
    max_contour_points: int = 10_000_000
    max_contour_crossings: int = 50_000_000
    """Crossings of contours with rows of pixels, and with the lines through their own points."""
    decoder: DecoderLimits = field(default_factory=DecoderLimits)


DEFAULT_LIMITS = Limits()
