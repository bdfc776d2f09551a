"""What the headers of a series state of how it was acquired: MR timing and contrast medium.

Attributes of the MR image (PS3.3 C.8.3.1), the enhanced MR image (C.8.13) and the contrast/bolus module (C.7.6.4).
Free text is searched for a few fixed words and is never kept, so that nothing that names a patient can come out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from tumorcast_imaging.dicom.dataset import guarded, read_dataset
from tumorcast_imaging.dicom.header import Header, seconds
from tumorcast_imaging.dicom.limits import DEFAULT_LIMITS, Limits
from tumorcast_imaging.dicom.reasons import Refused
from tumorcast_imaging.dicom.values import Malformed, decimals

_GROUPS = {
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence", "RepetitionTime"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "InversionTime": ("MRModifierSequence", "InversionTimes"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "InPlanePhaseEncodingDirection": ("MRFOVGeometrySequence", "InPlanePhaseEncodingDirection"),
}
"""Where an enhanced image says in its functional groups (PS3.3 C.7.6.16) what a single-frame one says itself."""
_FUNCTIONAL = ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
_TAGS: list[int | str] = [
    *_GROUPS,
    *_FUNCTIONAL,
    *("ScanningSequence", "EchoPulseSequence", "AcquisitionContrast", "SeriesDescription", "ProtocolName"),
    *("ContrastBolusAgent", "ContrastBolusAgentSequence", "ContrastBolusRoute", "ContrastBolusStartTime"),
]
_WEIGHTING_WORDS = {
    "T1": "T1",
    "T1W": "T1",
    "T1WI": "T1",
    "T2": "T2",
    "T2W": "T2",
    "T2WI": "T2",
    "PD": "PD",
    "PDW": "PD",
    "STIR": "STIR",
    "TIRM": "STIR",
    "FLAIR": "FLAIR",
    "DWI": "diffusion",
    "ADC": "diffusion",
}
_CONTRASTS = {
    "T1": "T1",
    "T2": "T2",
    "PROTON_DENSITY": "PD",
    "STIR": "STIR",
    "FLUID_ATTENUATED": "FLAIR",
    "DIFFUSION": "diffusion",
    "T2_STAR": "T2*",
}
"""Acquisition Contrast (PS3.3 C.8.13.3.1)."""
_PHASE_WORDS = {
    "ARTERIAL": "arterial",
    "PORTAL": "portal venous",
    "PORTALVENOUS": "portal venous",
    "VENOUS": "portal venous",
    "DELAYED": "delayed",
    "EQUILIBRIUM": "delayed",
    "NATIVE": "native",
    "UNENHANCED": "native",
}
_NO_AGENT = re.compile(r"(NO|NONE|NIL|N|0|WITHOUT.*|W/O.*|NO CONTRAST.*|NATIVE?)", re.IGNORECASE)
_NOT_VENOUS = re.compile(r"\W*(ORAL|PO|PER OS|RECTAL|ORAL\W+RECTAL|INTRA-?ARTICULAR)\W*", re.IGNORECASE)
_DAY_S = 86400.0
_LONGEST_DELAY_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquisition:
    """What one series states of its acquisition; ``None`` or empty where it states nothing, or nothing usable.

    ``sequence`` is the kind of echo ("SE", "GR", "IR", "EP"). ``weighting`` is the word of Acquisition Contrast
    (enhanced MR) or, failing that, of the description ("T1", "T2", "T2*", "PD", "STIR", "FLAIR", "diffusion").
    ``intravenous_contrast`` says whether an agent is stated that is not given by another way. ``contrast_phase`` is the
    description's word ("native", "arterial", "portal venous", "delayed"), ``contrast_delay_s`` the time from bolus to
    the first image.
    """

    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_degrees: float | None = None
    sequence: tuple[str, ...] = ()
    weighting: str = ""
    phase_encoding: str = ""
    """"ROW" or "COL": the image axis along which phase was encoded (PS3.3 C.8.3.1)."""
    intravenous_contrast: bool | None = None
    contrast_phase: str = ""
    contrast_delay_s: float | None = None
    slice_thickness_mm: float | None = None


def acquisition(
    headers: Sequence[Header], sop_instance_uids: Sequence[str] = (), limits: Limits = DEFAULT_LIMITS
) -> Acquisition:
    """Read what the first image of a volume states; an unreadable header states nothing.

    ``sop_instance_uids`` are those of the volume, where a series holds several.
    """
    wanted = frozenset(sop_instance_uids)
    own = [h for h in headers if h.sop_instance_uid in wanted] or list(headers)
    if not own:
        return Acquisition()
    try:
        dataset = read_dataset(own[0].path, limits, _TAGS, pixels=False)
        with guarded("MALFORMED_HEADER"):
            return _stated(dataset, own)
    except Refused:
        return Acquisition(slice_thickness_mm=own[0].slice_thickness)


def _stated(dataset: Dataset, headers: Sequence[Header]) -> Acquisition:
    words = _words(_text(dataset.get("SeriesDescription")), _text(dataset.get("ProtocolName")))
    contrast = _CONTRASTS.get(_text(dataset.get("AcquisitionContrast")).upper(), "")
    return Acquisition(
        repetition_time_ms=_number(dataset, "RepetitionTime"),
        echo_time_ms=_number(dataset, "EchoTime"),
        inversion_time_ms=_number(dataset, "InversionTime"),
        flip_angle_degrees=_number(dataset, "FlipAngle"),
        sequence=_sequence(dataset),
        weighting=contrast or _only(words, _WEIGHTING_WORDS),
        phase_encoding=_phase_encoding(dataset),
        intravenous_contrast=_contrast(dataset),
        contrast_phase=_only(words, _PHASE_WORDS),
        contrast_delay_s=_delay(dataset, headers),
        slice_thickness_mm=headers[0].slice_thickness,
    )


def _value(dataset: Dataset, keyword: str) -> Any:
    """The attribute, else that of the functional group that says it."""
    value = dataset.get(keyword)
    if value is not None and value != "":
        return value
    group, own = _GROUPS[keyword]
    for functional in _FUNCTIONAL:
        for frame in (dataset.get(functional) or [])[:1]:
            items = frame.get(group)
            if items and items[0].get(own) is not None:
                return items[0].get(own)
    return None


def _number(dataset: Dataset, keyword: str) -> float | None:
    """One finite number of at least zero."""
    value = _value(dataset, keyword)
    if value is None:
        return None
    try:
        found = decimals(str(value if isinstance(value, str | int | float) else value[0]))
    except (Malformed, IndexError, TypeError):
        return None
    return found[0] if len(found) == 1 and found[0] >= 0 else None


def _text(value: Any) -> str:
    return value.strip(" \0") if isinstance(value, str) else ""


def _words(*texts: str) -> frozenset[str]:
    return frozenset(re.split(r"[^A-Z0-9]+", " ".join(texts).upper()))


def _only(words: frozenset[str], meanings: Mapping[str, str]) -> str:
    """What the words mean, if they agree."""
    found = {meaning for word, meaning in meanings.items() if word in words}
    return found.pop() if len(found) == 1 else ""


def _sequence(dataset: Dataset) -> tuple[str, ...]:
    value = dataset.get("ScanningSequence") or ()
    kinds = [value] if isinstance(value, str) else [str(kind) for kind in value]
    pulse = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["SE", "GR"]}
    kinds = kinds or pulse.get(_text(dataset.get("EchoPulseSequence")), [])
    return tuple(kind for kind in kinds if kind in ("SE", "IR", "GR", "EP", "RM"))


def _phase_encoding(dataset: Dataset) -> str:
    word = _text(_value(dataset, "InPlanePhaseEncodingDirection")).upper()
    return {"ROW": "ROW", "COL": "COL", "COLUMN": "COL"}.get(word, "")


def _contrast(dataset: Dataset) -> bool | None:
    """Whether a contrast agent is stated that reaches the blood; ``None`` where nothing is said."""
    agent = _text(dataset.get("ContrastBolusAgent"))
    if not agent and not dataset.get("ContrastBolusAgentSequence"):
        return None
    if agent and _NO_AGENT.fullmatch(agent):
        return False
    return _NOT_VENOUS.fullmatch(_text(dataset.get("ContrastBolusRoute"))) is None


def _delay(dataset: Dataset, headers: Sequence[Header]) -> float | None:
    begun = [h.acquired_s % _DAY_S for h in headers if h.acquired_s is not None]
    bolus = seconds("", _text(dataset.get("ContrastBolusStartTime")))
    if bolus is None or not begun:
        return None
    delay = min(begun) - bolus
    return delay if 0 <= delay <= _LONGEST_DELAY_S else None
