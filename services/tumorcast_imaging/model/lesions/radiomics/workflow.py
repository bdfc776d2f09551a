"""All radiomics of one lesion, from its volume and region."""

from __future__ import annotations

import numpy as np

from tumorcast_imaging.dicom import Region, Volume
from tumorcast_imaging.model.lesions.radiomics import library, morphology
from tumorcast_imaging.model.lesions.radiomics.peak import peaks
from tumorcast_imaging.model.lesions.radiomics.preparation import Prepared, prepare
from tumorcast_imaging.model.mask import bounding_box

NOT_OF_INTERVAL_SCALES = (
    "intensity_coefficient_of_variation",
    "intensity_quartile_coefficient_of_dispersion",
)
"""Ratios to a mean that says nothing where zero is a convention, as water is for HU."""


def radiomics(volume: Volume, region: Region) -> dict[str, float]:
    """IBSI radiomics of a region by name (``shape_sphericity``, ``glcm_joint_entropy``), all finite.

    What does not exist is not there: textures and skewness of a constant, flatness of a plane, intensities of a region
    with none within the bounds of tumor; nothing of a region that is too large for a lesion. Lengths are in mm, areas
    in mm2, volumes in mm3, intensities in the volume's unit. The same to the bit at every call.
    """
    prepared = prepare(volume, region)
    return measured(prepared) if prepared else {}


def measured(prepared: Prepared) -> dict[str, float]:
    """Radiomics of a lesion that stands on its grid."""
    found = _morphology(prepared)
    if prepared.segmented.any():
        found |= _intensities(prepared)
        found |= _textures(prepared)
    return found


def _morphology(prepared: Prepared) -> dict[str, float]:
    box = bounding_box(prepared.mask)
    mask = prepared.mask[box]
    found = library.shape(mask, prepared.spacing_mm) | morphology.axes(mask, prepared.spacing_mm)
    return found | morphology.densities(mask, prepared.spacing_mm, found)


def _intensities(prepared: Prepared) -> dict[str, float]:
    image, where = prepared.image, prepared.segmented
    found = library.statistics(image[bounding_box(where)], where[bounding_box(where)], prepared.spacing_mm)
    found |= peaks(image, where, prepared.inside, prepared.spacing_mm)
    if not found["intensity_variance"]:
        for name in ("intensity_skewness", "intensity_excess_kurtosis"):
            del found[name]
    if prepared.unit == "HU":
        for name in NOT_OF_INTERVAL_SCALES:
            found.pop(name, None)
    elif np.all(image[where] >= 0) and image[where].any():
        shift = morphology.center_of_mass_shift(image, prepared.mask, where, prepared.spacing_mm)
        found["shape_center_of_mass_shift"] = shift
    return found


def _textures(prepared: Prepared) -> dict[str, float]:
    box = bounding_box(prepared.mask)  # distances are to its border
    levels, mask, whole = prepared.levels[box], prepared.segmented[box], prepared.mask[box]
    if np.ptp(levels[mask]) == 0:
        return {}
    return {
        **library.histograms(levels, mask, prepared.spacing_mm),
        **library.textures(levels, mask, whole, prepared.spacing_mm),
    }
