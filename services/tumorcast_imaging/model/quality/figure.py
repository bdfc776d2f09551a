"""One figure of quality: a number or a word, its unit, its definition, and what it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """What a figure rests on."""

    MEASURED = "measured"
    """Computed from the voxels."""
    STATED = "stated"
    """Said by the headers."""
    INFERRED = "inferred"
    """Concluded from the voxels or from headers that say something else."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; ``value`` is ``None`` where it is unknown or cannot be measured."""

    name: str
    value: float | str | None
    unit: str
    definition: str
    basis: Basis


_VOLUME = "{volume}"
_TABLE: dict[str, tuple[str, str]] = {
    "noise_sd": (
        _VOLUME,
        "Mode of the standard deviation within square blocks of at least 6 mm (and 5 pixels) of one slice, in soft "
        "tissue: CT with a mean of 0 to 100 HU, PET with a mean of 0.2 to 2 SUV, MR inside the body. Noise that is "
        "correlated over more than a block is underestimated.",
    ),
    "noise_background_sd": (
        _VOLUME,
        "Median of the air around the body divided by 1.1774: the noise of the complex signal if the magnitude in air "
        "follows a Rayleigh distribution (one coil). Given only where its mean is 1.5 to 2.4 standard deviations "
        "(1.91 for Rayleigh).",
    ),
    "noise_coefficient": ("1", "noise_sd divided by the median of the blocks that it was measured in."),
    "background_mean_to_sd": (
        "1",
        "Mean of the air around the body divided by its standard deviation (Rayleigh: 1.91).",
    ),
    "slices": ("1", "Number of slices."),
    "slice_spacing": ("mm", "Distance between the centers of neighboring slices."),
    "slice_gap": (
        "mm",
        "Slice spacing less the stated slice thickness: tissue that no slice shows; below zero: overlap.",
    ),
    "cut_share": (
        "%",
        "Share of the sides of the field of view (not its upper and lower end), or its circle, that the body reaches.",
    ),
    "saturated_voxels": ("1", "Voxels of the largest connected plateau at the greatest value of the volume."),
    "slice_jump": (
        "%",
        "Greatest step of one slice against the mean of its neighbors: median over the body of the difference, divided "
        "by the body's median (above -1000 HU in a CT).",
    ),
    "slice_interleave": (
        "%",
        "Mean difference between odd and even slices, measured as slice_jump with alternating sign: interleaved "
        "acquisitions that differ in signal.",
    ),
    "ghost_ratio": (
        "%",
        "Difference of the mean air beside the body along rows and along columns, divided by twice the body's mean "
        "(percent signal ghosting, as in the ACR MRI phantom test; 2.5 % is its limit).",
    ),
    "contrast": (
        "",
        "Whether a contrast medium was given into the blood: stated by the headers, else inferred from CT.",
    ),
    "contrast_phase": (
        "",
        "Phase of contrast: stated by the description or by the delay from bolus to scan (to 50 s arterial, to 110 s "
        "portal venous, then delayed), else inferred in CT from bright_blood (above 200 HU arterial).",
    ),
    "bright_blood": (
        _VOLUME,
        "Median of the blocks of 110 to 450 HU that are as smooth as blood (no noisier than 1.25 times noise_sd), if "
        "they are at least 2 ml and 2 % of the smooth blocks.",
    ),
    "mr_weighting": (
        "",
        "T1, T2, T2*, PD, STIR, FLAIR or diffusion: stated by the headers' words, else inferred from their repetition, "
        "echo and inversion times.",
    ),
    "lesion_margin": ("mm", "Smallest distance from the lesion to a face of the volume; 0: it touches, and may go on."),
    "lesion_slices": ("1", "Number of slices that show the lesion."),
    "lesion_to_slice": ("1", "Longest diameter of the lesion divided by the slice spacing or thickness, the larger."),
    "lesion_snr": ("1", "Mean of the lesion divided by the noise (MR in air where it is given, else noise_sd)."),
    "lesion_cnr": (
        "1",
        "Difference of the means of the lesion and of the body 3 to 10 mm around it, divided by the same noise.",
    ),
    "lesion_saturated": ("%", "Share of the lesion at the greatest value of the volume, if saturated."),
}
"""Unit and definition of every figure; a unit of ``{volume}`` is that of the volume's values."""

NAMES = tuple(_TABLE)


def figure(name: str, value: float | str | None, *, unit: str = "", basis: Basis = Basis.MEASURED) -> Figure:
    """The figure of that name; ``unit`` is the volume's.

    >>> figure("noise_sd", 12.5, unit="HU").unit
    'HU'
    >>> figure("noise_sd", None, unit="HU").basis.value
    'unknown'
    """
    own, definition = _TABLE[name]
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        value, basis = None, Basis.UNKNOWN
    return Figure(name, value, unit if own == _VOLUME else own, definition, basis)
