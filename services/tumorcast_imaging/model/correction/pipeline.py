"""Corrections by name, one after the other, with an account of what was done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.correction.bias import N4BiasField
from tumorcast_imaging.model.correction.correction import Correction
from tumorcast_imaging.model.correction.denoising import CurvatureDiffusion
from tumorcast_imaging.model.correction.standardization import BodyZScore, ClipHu

CORRECTIONS: Mapping[str, type[Correction]] = {
    kind.name: kind for kind in (N4BiasField, CurvatureDiffusion, ClipHu, BodyZScore)
}
"""Every correction that needs nothing but its name; ``NyulScale`` must be learned and is given as it is."""
STANDARD: Mapping[str, tuple[str, ...]] = {
    "CT": (ClipHu.name,),
    "MR": (N4BiasField.name, BodyZScore.name),
    "PT": (),
}
"""What brings a series of each DICOM modality to a common scale."""
_TEXT = re.compile(
    r"(?P<name>[a-z0-9-]{1,40})(@(?P<version>\d{1,4}))?(\((?P<parameters>[a-z_0-9=.,+-]*)\))?( by .{1,60})?"
)


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """A volume with a new array, and what was done to it, in order."""

    volume: Volume
    preparation: tuple[str, ...] = ()


def apply(volume: Volume, corrections: Sequence[str | Correction]) -> Corrected:
    """Apply corrections in order; a text names one, with parameters if they are not the usual ones.

    Raises ``InvalidInput`` for one that does not exist or is not for this DICOM modality, ``UnsoundSeries`` where the
    volume gives no hold. The volume given is left as it is.

    >>> str(correction("clip-hu(low=-200,high=300)"))
    'clip-hu@1(low=-200,high=300)'
    """
    chosen = [correction(one) if isinstance(one, str) else one for one in corrections]
    for one in chosen:
        one.check(volume)
    account = []
    for one in chosen:
        volume = replace(volume, array=one.array(volume))
        account.append(str(one))
    return Corrected(volume, tuple(account))


def correction(text: str) -> Correction:
    """The correction that a name, or the text of an account, says; raises ``InvalidInput``."""
    match = _TEXT.fullmatch(text)
    kind = CORRECTIONS.get(match["name"]) if match else None
    if match is None or kind is None:
        raise InvalidInput(f"There is no such correction; there are {', '.join(CORRECTIONS)}.")
    if match["version"] and int(match["version"]) != kind.version:
        raise InvalidInput(f"The correction {kind.name} is of another version here.")
    return kind(**_parameters(kind, match["parameters"] or ""))


def _parameters(kind: type[Correction], text: str) -> dict[str, Any]:
    known = {one.name: {"int": int, "float": float}[str(one.type)] for one in fields(kind)}
    found: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in known or name in found:
            raise InvalidInput(
                f"The correction {kind.name} has the parameters {', '.join(known) or 'none'}, each once."
            )
        try:
            found[name] = known[name](value)
        except ValueError as e:
            raise InvalidInput(f"A parameter of the correction {kind.name} is not a number.") from e
    return found
