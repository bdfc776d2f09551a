"""When a PET series was injected, and to which moment its values were corrected for decay; witnesses must agree.

QIBA's order for the start of the scan: series date and time unless they are after the first acquisition, else the
vendor's own time, else counted back from the frames. Frame reference time and decay factor (DICOM PS3.3 C.8.9.4) then
bear witness. In headers of the three vendors the frame reference time points to the beginning of the frame (GE), to its
average count rate (Siemens) or to its middle (Philips, whose decay factor is always 1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from tumorcast_imaging.dicom.pet import DAY_S, PetImage, shared
from tumorcast_imaging.dicom.reasons import Refused

TOLERANCE = 0.01
"""By how much two statements of one header may differ, as a part of the SUV."""
_CLOCK_S = 1.0
"""Times are often rounded to seconds."""
_INJECTION_S = 60.0
"""The time of injection is often written to the minute, by hand."""
_MAX_HALF_LIVES = 10
_MAX_UNDATED_HALF_LIVES = 3
"""No protocol waits longer; of F-18 it is five and a half hours."""


def decay_s(images: Sequence[PetImage], half_life_s: float, start_s: float) -> float:
    """Seconds from injection to ``start_s``; raises ``Refused`` if unsure, negative or longer than 10 half-lives."""
    seconds = start_s - _injection(images, half_life_s, start_s)
    if not 0 <= seconds <= _MAX_HALF_LIVES * half_life_s:
        raise Refused("SUV_TIMES_UNSURE")
    return seconds


def _injection(images: Sequence[PetImage], half_life_s: float, start_s: float) -> float:
    """When it was injected: with its date, or within the 24 hours before the scan."""
    stated_s = shared(images, lambda image: image.injection_s)
    time_s = shared(images, lambda image: image.injection_time_s)
    if stated_s is not None:
        apart_s = 0.0 if time_s is None else abs(stated_s % DAY_S - time_s)
        if min(apart_s, DAY_S - apart_s) > _INJECTION_S:
            raise Refused("SUV_TIMES_UNSURE")
        return stated_s
    if time_s is None or not _one_day_only(half_life_s):
        raise Refused("SUV_TIMES_UNSURE")
    today_s = start_s - start_s % DAY_S + time_s
    injected_s = today_s if today_s <= start_s else today_s - DAY_S
    if start_s - injected_s > _MAX_UNDATED_HALF_LIVES * half_life_s:  # rather a time of another zone
        raise Refused("SUV_TIMES_UNSURE")
    return injected_s


def _one_day_only(half_life_s: float) -> bool:
    """Whether an injection a day earlier would be too long ago, so that a time without date is enough."""
    return _MAX_HALF_LIVES * half_life_s < DAY_S


def scan_start(images: Sequence[PetImage], half_life_s: float) -> tuple[float, bool, tuple[str, ...]]:
    """The start of the scan, whether a second witness was already heard, and warning codes."""
    shared(images, lambda image: image.zone_s)
    series_s = shared(images, lambda image: image.series_s)
    begun_s = _acquisitions(images)
    if series_s is None or not begun_s:
        raise Refused("SUV_TIMES_UNSURE")
    first_s = min(begun_s)
    vendor_s = shared(images, lambda image: image.siemens_decay_s if image.ge_scan_s is None else image.ge_scan_s)
    if series_s <= first_s + _CLOCK_S:
        if vendor_s is not None and abs(vendor_s - series_s) > _tolerance(half_life_s):
            raise Refused("SUV_DECAY_CONTRADICTED")
        return series_s, vendor_s is not None, ()
    if vendor_s is None:
        return _counted_back(images, half_life_s, begun_s), True, ("SUV_SCAN_START_INFERRED",)
    if vendor_s > first_s + _CLOCK_S:
        raise Refused("SUV_TIMES_UNSURE")
    return vendor_s, True, ()


def _counted_back(images: Sequence[PetImage], half_life_s: float, begun_s: list[float]) -> float:
    """The series time is that of a later processing: the scan's start from every frame, or from the only one."""
    offsets_s = [_frame_offset(image, half_life_s) for image in images]
    unstated = not any(image.frame_reference_s or _factor_reach(image, half_life_s) for image in images)
    if unstated and _at_once(begun_s):
        return min(begun_s)
    starts_s = [begun - offset for begun, offset in zip(begun_s, offsets_s, strict=True) if offset is not None]
    if len(starts_s) < len(images) or max(starts_s) - min(starts_s) > _tolerance(half_life_s):
        raise Refused("SUV_TIMES_UNSURE")
    return median(starts_s)


def _frame_offset(image: PetImage, half_life_s: float) -> float | None:
    """From the scan's start to the frame's: by its decay factor, else (QIBA) by its frame reference time."""
    duration_s, reference_s = image.frame_duration_s or 0, image.frame_reference_s or 0
    reach_s = _factor_reach(image, half_life_s) or reference_s
    if duration_s <= 0 or reach_s <= 0:
        return None
    return reach_s - _average_s(duration_s, half_life_s)


def check_frames(images: Sequence[PetImage], half_life_s: float, start_s: float, *, sure: bool) -> None:
    """Raise ``Refused`` if the frames say that decay was corrected to another moment than ``start_s``.

    Where they say nothing and nobody else confirmed the start, it may not lie noticeably before the first frame.
    """
    references = list(_reaches(images, [image.frame_reference_s or None for image in images]))
    factors = list(_reaches(images, [_factor_reach(image, half_life_s) for image in images]))
    tolerance_s = _tolerance(half_life_s)
    for image, reach_s in (*references, *factors):
        _agree(image, half_life_s, start_s, reach_s, tolerance_s)
    if not (references or factors or sure) and min(_acquisitions(images)) - start_s > tolerance_s:
        raise Refused("SUV_TIMES_UNSURE")


def check_admin(images: Sequence[PetImage], half_life_s: float) -> None:
    """Raise ``Refused`` if values said to be corrected to the injection carry another decay factor.

    GE's headers with ADMIN may hold a factor that reaches to the start of the scan only.
    """
    shared(images, lambda image: image.zone_s)
    dated = shared(images, lambda image: image.injection_s) is not None
    timed = shared(images, lambda image: image.injection_time_s) is not None
    begun_s = _acquisitions(images)
    if not begun_s or not (dated or (timed and _one_day_only(half_life_s))):
        return  # the factor needs none of them
    injected_s = min(begun_s) - decay_s(images, half_life_s, min(begun_s))
    tolerance_s = max(_INJECTION_S, _tolerance(half_life_s))
    for image, reach_s in _reaches(images, [_factor_reach(image, half_life_s) for image in images]):
        _agree(image, half_life_s, injected_s, reach_s, tolerance_s)


def _reaches(images: Sequence[PetImage], reaches_s: list[float | None]) -> Iterator[tuple[PetImage, float]]:
    """The images with what they state; of images with one time for all beds (Philips) only the first bed's."""
    stated = [(image, reach) for image, reach in zip(images, reaches_s, strict=True) if reach is not None]
    if _at_once(_acquisitions(images)):
        stated = sorted(stated, key=lambda pair: pair[1])[:1]
    yield from stated


def _agree(image: PetImage, half_life_s: float, start_s: float, reach_s: float, tolerance_s: float) -> None:
    """``reach_s`` must end at the frame's beginning, its average count rate or its middle."""
    begun_s = (image.acquisition_s or 0) - start_s
    duration_s = max(image.frame_duration_s or 0, 0)
    ends = (begun_s, begun_s + _average_s(duration_s, half_life_s), begun_s + duration_s / 2)
    if not any(abs(reach_s - end_s) <= tolerance_s for end_s in ends):
        raise Refused("SUV_DECAY_CONTRADICTED")


def _factor_reach(image: PetImage, half_life_s: float) -> float | None:
    """The time over which the decay factor corrects; ``None`` where there is none (1 is what Philips always writes)."""
    factor = image.decay_factor
    if factor is None or factor == 1:
        return None
    if factor <= 0:
        raise Refused("SUV_DECAY_CONTRADICTED")
    return math.log2(factor) * half_life_s


def _average_s(duration_s: float, half_life_s: float) -> float:
    """From a frame's beginning to when the count rate is its average over the frame (QIBA; C.8.9.4.1.5)."""
    x = math.log(2) / half_life_s * duration_s
    return math.log(x / -math.expm1(-x)) / x * duration_s if x > 1e-6 else duration_s / 2


def _acquisitions(images: Sequence[PetImage]) -> list[float]:
    """When every frame began; empty unless all say so."""
    begun_s = [image.acquisition_s for image in images if image.acquisition_s is not None]
    return begun_s if len(begun_s) == len(images) else []


def _at_once(begun_s: list[float]) -> bool:
    return bool(begun_s) and max(begun_s) - min(begun_s) <= _CLOCK_S


def _tolerance(half_life_s: float) -> float:
    return max(_CLOCK_S, TOLERANCE * half_life_s / math.log(2))
