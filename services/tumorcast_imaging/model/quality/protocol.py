"""With what a volume was acquired: contrast phase and MR weighting, stated by the headers or inferred."""

from __future__ import annotations

import numpy as np

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.dicom.acquisition import Acquisition
from tumorcast_imaging.model.quality.figure import Basis, Figure, figure
from tumorcast_imaging.model.quality.noise import Blocks

_BLOOD_HU = (110.0, 450.0)
_SMOOTH = 1.25
_LEAST_BLOOD_ML = 2.0
_LEAST_BLOOD_SHARE = 0.02
_ARTERIAL_HU = 200.0
_ARTERIAL_S, _PORTAL_VENOUS_S = 50.0, 110.0
"""Delays from the bolus (Bae, Radiology 2010;256:32: late arterial about 35 s, portal venous about 70 s)."""


def contrast(
    volume: Volume, acquisition: Acquisition, found: Blocks, noise: float | None
) -> tuple[Figure, Figure, Figure | None]:
    """Whether contrast was given, its phase, and in CT the density of what may be blood."""
    blood = bright_blood(found, noise) if volume.dicom_modality == "CT" else None
    given, phase = _stated(acquisition)
    given_basis = phase_basis = Basis.STATED
    if not given and blood is not None:
        given, given_basis = "yes", Basis.INFERRED
    if given == "yes" and not phase and blood is not None:
        phase, phase_basis = ("arterial" if blood > _ARTERIAL_HU else "portal venous or later"), Basis.INFERRED
    density = figure("bright_blood", blood, unit=volume.unit) if volume.dicom_modality == "CT" else None
    return (
        figure("contrast", given or None, basis=given_basis),
        figure("contrast_phase", phase or None, basis=phase_basis),
        density,
    )


def _stated(acquisition: Acquisition) -> tuple[str, str]:
    """Whether contrast was given and its phase, by the headers; empty where they do not say, or contradict it."""
    given = {True: "yes", False: "no", None: ""}[acquisition.intravenous_contrast]
    word, delay = acquisition.contrast_phase, acquisition.contrast_delay_s
    if not word and delay is not None and given == "yes":
        word = "arterial" if delay <= _ARTERIAL_S else "portal venous" if delay <= _PORTAL_VENOUS_S else "delayed"
    if given == "no":
        word = word or "native"
    if not given and word:
        given = "no" if word == "native" else "yes"
    return ("", "") if (word == "native") != (given == "no") else (given, word)


def bright_blood(found: Blocks, noise: float | None) -> float | None:
    """The median density of blocks as bright as enhanced vessels and as smooth as blood; ``None`` if there are few."""
    if not noise:
        return None
    smooth = found.deviations <= _SMOOTH * noise
    bright = smooth & (found.means >= _BLOOD_HU[0]) & (found.means <= _BLOOD_HU[1])
    count = int(np.count_nonzero(bright))
    if count * found.block_ml < _LEAST_BLOOD_ML or count < _LEAST_BLOOD_SHARE * np.count_nonzero(smooth):
        return None
    return float(np.median(found.means[bright]))


def mr_weighting(acquisition: Acquisition) -> Figure:
    """The weighting that the headers name, else the one that their times make.

    >>> mr_weighting(Acquisition(sequence=("SE",), repetition_time_ms=550.0, echo_time_ms=12.0)).value
    'T1'
    """
    if acquisition.weighting:
        return figure("mr_weighting", acquisition.weighting, basis=Basis.STATED)
    return figure("mr_weighting", _from_times(acquisition), basis=Basis.INFERRED)


def contradicts_its_times(acquisition: Acquisition) -> bool:
    """Whether T1, T2 or PD is named while the times make another of the three."""
    times = _from_times(acquisition)
    plain = ("T1", "T2", "PD")
    return times in plain and acquisition.weighting in plain and times != acquisition.weighting


def _from_times(acquisition: Acquisition) -> str | None:
    """Weighting by TR, TE and TI in ms (Bitar et al., RadioGraphics 2006;26:513); ``None`` between the usual ranges."""
    tr, te, ti = acquisition.repetition_time_ms, acquisition.echo_time_ms, acquisition.inversion_time_ms
    if not tr or not te:
        return None
    if "SE" in acquisition.sequence or ("IR" in acquisition.sequence and "GR" not in acquisition.sequence):
        return _spin_echo(tr, te, ti)
    if acquisition.sequence == ("GR",):
        return _gradient_echo(tr, te, acquisition.flip_angle_degrees)
    return None


def _spin_echo(tr: float, te: float, ti: float | None) -> str | None:
    if ti and tr > 2000:
        return "STIR" if 80 <= ti <= 300 else "FLAIR" if 1500 <= ti <= 3000 else None
    if te <= 30:
        return "T1" if tr <= 900 else "PD" if tr >= 1500 else None
    return "T2" if te >= 60 and tr >= 1500 else None


def _gradient_echo(tr: float, te: float, flip: float | None) -> str | None:
    if te >= 15:
        return "T2*"
    return "T1" if te <= 10 and tr <= 500 and flip is not None and flip >= 8 else None
