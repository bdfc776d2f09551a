"""Series as scanners, PACS and anonymizers write them, sound and unsound, with an analytic truth of every voxel."""

from support.adversarial import (
    company_cases,
    multiframe_cases,
    order_cases,
    pet_cases,
    pixel_cases,
    several_cases,
    subtle_cases,
    subtle_pixels,
    syntax_cases,
)
from support.adversarial.case import Case, Truth
from support.adversarial.judge import Found, judge

THEMES: dict[str, tuple[Case, ...]] = {
    "order": order_cases.ORDER,
    "geometry": order_cases.GEOMETRY,
    "identity": company_cases.IDENTITY,
    "company": company_cases.COMPANY,
    "several volumes": several_cases.CASES,
    "padding": pixel_cases.PADDING,
    "bits": pixel_cases.BITS,
    "values": pixel_cases.VALUES,
    "length": pixel_cases.LENGTH,
    "transfer syntax": syntax_cases.SYNTAXES,
    "broken streams": syntax_cases.BROKEN,
    "multi-frame": multiframe_cases.CASES,
    "PET": pet_cases.CASES,
    "strays": subtle_cases.STRAYS,
    "damage": subtle_cases.DAMAGE,
    "oddities": subtle_cases.ODDITIES,
    "streams": subtle_pixels.STREAMS,
    "numbers that are none": subtle_pixels.NUMBERS,
    "padding that misleads": subtle_pixels.PADDING,
    "frames": subtle_pixels.FRAMES,
}
CASES: tuple[Case, ...] = tuple(case for cases in THEMES.values() for case in cases)

__all__ = ["CASES", "THEMES", "Case", "Found", "Truth", "judge"]
