"""From the rescaled values of a PET series to standardized uptake values by body weight (SUVbw), or a refusal.

SUVbw = activity concentration (Bq/ml) × body weight (g) ÷ dose (Bq), both activities at the same moment. The rules are
those of QIBA's vendor-neutral pseudo-code (D. Clunie, version of 2018-06-26, QIBA wiki, "Standardized Uptake Value
(SUV)"). Where QIBA goes on with an assumption, this module looks for a second witness in the header (the vendor's own
time, frame reference time, decay factor, Philips' scale factors) and refuses if they disagree: one hour after injection
of F-18 the SUV is wrong by a factor of 1.46 if decay is counted to the wrong end, after two hours by 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.dicom.decay import TOLERANCE, check_admin, check_frames, decay_s, scan_start
from tumorcast_imaging.dicom.pet import TAG_NUMBERS, TAGS, PetImage, read_pet, shared
from tumorcast_imaging.dicom.reasons import Refused

__all__ = ["TAGS", "TAG_NUMBERS", "PetImage", "SuvFactors", "read_pet", "suv_factors"]

_WEIGHT_KG = (0.5, 500.0)
_DOSE_BQ = (1e6, 1e10)
_SUV_SCALE = (1e-9, 1e3)
_ACTIVITY_SCALE = (1e-6, 1e9)
_HALF_LIFE_S = (10.0, 1e8)
_HALF_LIFE_TOLERANCE = 0.02

_NUCLIDES = {
    6584.0: "C-111A1 77004003",  # F-18
    1221.7: "C-105A1 40565003",  # C-11
    4069.8: "C-131A3 35337001",  # Ga-68
    282_300.0: "C-168A4 63360001",  # Zr-89
    360_800.0: "C-114A5 40937006",  # I-124
    45_721.0: "C-127A2 3932008",  # Cu-64
    75.9: "C-159A2 79197006",  # Rb-82
    598.0: "C-107A1 21576001",  # N-13
    122.5: "C-B1038 129504001",  # O-15
}
"""Half-life in seconds (evaluations differ by less than the tolerance): SRT and SCT codes (DICOM PS3.16 CID 4020)."""
_HALF_LIFE_OF = {code: half_life_s for half_life_s, codes in _NUCLIDES.items() for code in codes.split()}


@dataclass(frozen=True, slots=True)
class SuvFactors:
    """What turns rescaled values into SUVbw, and what stays in doubt."""

    factors: NDArray[np.float64]
    """One factor an image: SUVbw = (stored value × slope + intercept) × factor."""
    doubts: tuple[str, ...] = ()
    """Warning codes."""


def suv_factors(images: Sequence[PetImage]) -> SuvFactors:
    """The factor of every image of one series (at least one); raises ``Refused`` whenever it is not sure.

    >>> suv_factors([PetImage(units="GML", suv_type="BW")]).factors
    array([1.])
    """
    units = shared(images, lambda image: image.units)
    if units == "GML":
        if shared(images, lambda image: image.suv_type) not in ("", "BW"):
            raise Refused("SUV_TYPE_NOT_SUPPORTED")
        return SuvFactors(np.ones(len(images)))
    if units not in ("BQML", "CNTS"):
        raise Refused("SUV_UNITS_NOT_SUPPORTED")
    if not all(image.corrections >= {"ATTN", "DECY"} for image in images):
        raise Refused("SUV_NOT_CORRECTED")
    if shared(images, lambda image: image.decay_correction) not in ("START", "ADMIN"):
        raise Refused("SUV_DECAY_CORRECTION_UNKNOWN")
    if units == "BQML":
        factor, doubts = _from_dose(images)
        return SuvFactors(np.full(len(images), factor), doubts)
    return _from_counts(images)


def _from_counts(images: Sequence[PetImage]) -> SuvFactors:
    """Philips: a factor from counts to SUV if it is not zero, else one from counts to Bq/ml."""
    suv_scales = [image.philips_suv_scale for image in images]
    if any(suv_scales):
        return SuvFactors(_plausible(suv_scales, _SUV_SCALE))
    scales = _plausible([image.philips_activity_scale for image in images], _ACTIVITY_SCALE)
    factor, doubts = _from_dose(images)
    return SuvFactors(scales * factor, doubts)


def _plausible(scales: Sequence[float | None], limits: tuple[float, float]) -> NDArray[np.float64]:
    if not all(_within(scale, limits) for scale in scales):
        raise Refused("SUV_COUNTS_NOT_SCALED")
    return np.array(scales, dtype=np.float64)


def _from_dose(images: Sequence[PetImage]) -> tuple[float, tuple[str, ...]]:
    """The factor from Bq/ml, and warning codes."""
    if shared(images, lambda image: image.radiopharmaceuticals) != 1:
        raise Refused("SUV_RADIOPHARMACEUTICAL_UNSURE")
    weight_kg = shared(images, lambda image: image.weight_kg)
    if weight_kg is None or not _within(weight_kg, _WEIGHT_KG):
        raise Refused("SUV_WEIGHT_IMPLAUSIBLE")
    dose_bq = shared(images, lambda image: image.dose_bq)
    if dose_bq is None or not _within(dose_bq, _DOSE_BQ):
        raise Refused("SUV_DOSE_IMPLAUSIBLE")
    half_life_s = _half_life(images)
    undecayed = weight_kg * 1000 / dose_bq
    if images[0].decay_correction == "ADMIN":
        check_admin(images, half_life_s)
        return undecayed, ()
    start_s, sure, doubts = scan_start(images, half_life_s)
    factor = undecayed * 2 ** (decay_s(images, half_life_s, start_s) / half_life_s)
    if not _philips_agrees(images, factor):
        check_frames(images, half_life_s, start_s, sure=sure)
    return factor, doubts


def _philips_agrees(images: Sequence[PetImage], factor: float) -> bool:
    """Whether Philips' two scale factors confirm the factor from Bq/ml to SUV; ``False`` if they are not there."""
    scales = [(image.philips_suv_scale, image.philips_activity_scale) for image in images]
    ratios = [suv / activity for suv, activity in scales if suv and activity]
    if len(ratios) < len(images):
        return False
    if any(abs(ratio / factor - 1) > TOLERANCE for ratio in ratios):
        raise Refused("SUV_DECAY_CONTRADICTED")
    return True


def _half_life(images: Sequence[PetImage]) -> float:
    half_life_s = shared(images, lambda image: image.half_life_s)
    expected_s = _HALF_LIFE_OF.get(shared(images, lambda image: image.nuclide_code), half_life_s)
    if half_life_s is None or expected_s is None or not _within(half_life_s, _HALF_LIFE_S):
        raise Refused("SUV_HALF_LIFE_IMPLAUSIBLE")
    if abs(half_life_s / expected_s - 1) > _HALF_LIFE_TOLERANCE:
        raise Refused("SUV_HALF_LIFE_IMPLAUSIBLE")
    return half_life_s


def _within(value: float | None, limits: tuple[float, float]) -> bool:
    return value is not None and limits[0] <= value <= limits[1]
