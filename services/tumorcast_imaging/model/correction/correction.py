"""What a correction is: a name, a version, parameters, and a new array from a volume's.

Its text, ``name@version(parameter=value,…)``, says all of that, is kept with whatever is made of the corrected volume,
and can be read again: the same text on the same volume gives the same array, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.dicom import Volume

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Correction:
    """One correction; its parameters are the fields of its class.

    ``version`` grows when the same parameters give another array. ``dicom_modalities`` are the kinds of image that it
    may be used on, ``library`` what computes it.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    dicom_modalities: ClassVar[frozenset[str]]

    def __str__(self) -> str:
        parameters = ",".join(f"{one.name}={_text(getattr(self, one.name))}" for one in fields(self))
        return f"{self.name}@{self.version}({parameters}){self.by()}"

    def by(self) -> str:
        """`` by <library> <version>``, where another release of a library may give another array."""
        return ""

    def check(self, volume: Volume) -> None:
        """Raise ``InvalidInput`` if the volume is of a kind that must not be corrected so."""
        if volume.dicom_modality not in self.dicom_modalities:
            kinds = " and ".join(sorted(self.dicom_modalities))
            raise InvalidInput(f"The correction {self.name} is for {kinds} only.")

    def array(self, volume: Volume) -> Array:
        """The corrected array: float32, of the same shape; raises ``UnsoundSeries`` if the volume gives no hold."""
        raise NotImplementedError


def bounded(name: str, value: float, low: float, high: float) -> None:
    """Raise ``InvalidInput`` unless a parameter lies between its bounds; what is no number does not."""
    if not low <= value <= high:
        raise InvalidInput(f"The parameter {name} lies between {low:g} and {high:g}.")


def _text(value: object) -> str:
    """A parameter so that it can be read again exactly, whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
