"""Intensities of different scans on one scale.

CT is in HU and PET in SUV, which are absolute: a CT is clipped, a PET left alone. MR has no unit; it is scaled by its
own body, or onto landmarks learned from a cohort (Nyúl and Udupa, Magn Reson Med 1999;42:1072).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput, UnsoundSeries
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.correction.correction import Array, Correction, bounded
from tumorcast_imaging.model.quality.body import signal_threshold

_PERCENTILES = (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 99.0)
_SCALE = (0.0, 100.0)


def _body(volume: Volume) -> NDArray[np.float64]:
    """The values of the body; raises ``UnsoundSeries`` if they are all one."""
    values = volume.array[volume.array > signal_threshold(volume.array)].astype(np.float64)
    if not values.size or values.max() == values.min():
        raise UnsoundSeries("The volume holds too few different values to bring them to a scale.")
    return values


@dataclass(frozen=True)
class ClipHu(Correction):
    """Values below ``low`` and above ``high`` HU become these: the scale itself is absolute."""

    name: ClassVar[str] = "clip-hu"
    dicom_modalities: ClassVar[frozenset[str]] = frozenset({"CT"})
    low: float = -1024.0
    high: float = 3071.0

    def __post_init__(self) -> None:
        bounded("low", self.low, -32768, 32767)
        bounded("high", self.high, -32768, 32767)
        if not self.low < self.high:
            raise InvalidInput("clip-hu needs its low below its high.")

    def array(self, volume: Volume) -> Array:
        clipped: Array = np.clip(volume.array, self.low, self.high).astype(np.float32)
        return clipped


@dataclass(frozen=True)
class BodyZScore(Correction):
    """Mean 0 and standard deviation 1 over the body."""

    name: ClassVar[str] = "body-z-score"
    dicom_modalities: ClassVar[frozenset[str]] = frozenset({"MR"})

    def array(self, volume: Volume) -> Array:
        values = _body(volume)
        scaled: Array = ((volume.array - values.mean()) / values.std()).astype(np.float32)
        return scaled


@dataclass(frozen=True)
class NyulScale(Correction):
    """Percentiles of the body moved onto the mean ones of a cohort, linear between them and beyond."""

    name: ClassVar[str] = "nyul-scale"
    dicom_modalities: ClassVar[frozenset[str]] = frozenset({"MR"})
    percentiles: tuple[float, ...]
    landmarks: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(bool(np.all(np.diff(x) > 0)) for x in (self.percentiles, self.landmarks))
        if not (1 < len(self.percentiles) == len(self.landmarks) and rising and np.isfinite(self.landmarks).all()):
            raise InvalidInput("The landmarks of nyul-scale are not rising, or not as many as its percentiles.")
        if not 0 <= self.percentiles[0] < self.percentiles[-1] <= 100:
            raise InvalidInput("The percentiles of nyul-scale do not lie between 0 and 100.")

    @classmethod
    def learned(cls, volumes: Iterable[Volume]) -> NyulScale:
        """Learn the scale from a cohort: the training rows, and no others."""
        mapped = []
        for volume in volumes:
            own = _rising(np.percentile(_body(volume), _PERCENTILES))
            mapped.append(np.interp(own, own[[0, -1]], _SCALE))
        if not mapped:
            raise InvalidInput("nyul-scale needs at least one volume to learn from.")
        return cls(_PERCENTILES, tuple(map(float, np.mean(mapped, axis=0))))

    def __str__(self) -> str:
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()[:12]
        return f"{self.name}@{self.version}(landmarks=sha256:{digest})"

    def to_json(self) -> str:
        """The learned scale as JSON."""
        return json.dumps({"percentiles": self.percentiles, "landmarks": self.landmarks})

    @classmethod
    def from_json(cls, text: str) -> NyulScale:
        """Read ``to_json`` back; raises ``InvalidInput``."""
        try:
            content = json.loads(text)
            return cls(*(tuple(map(float, content[key])) for key in ("percentiles", "landmarks")))
        except (ValueError, TypeError, KeyError) as e:
            raise InvalidInput("The file holds no landmarks of nyul-scale.") from e

    def array(self, volume: Volume) -> Array:
        own = _rising(np.percentile(_body(volume), self.percentiles))
        new = np.array(self.landmarks)
        x = volume.array.astype(np.float64)
        inside = np.interp(x, own, new)
        below = new[0] + (x - own[0]) * (new[1] - new[0]) / (own[1] - own[0])
        above = new[-1] + (x - own[-1]) * (new[-1] - new[-2]) / (own[-1] - own[-2])
        moved: Array = np.where(x < own[0], below, np.where(x > own[-1], above, inside)).astype(np.float32)
        return moved


def _rising(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks that rise strictly, so that no two values of a volume become one; raises ``UnsoundSeries``."""
    if np.any(np.diff(landmarks) <= 0):
        raise UnsoundSeries("The volume holds too few different values to bring them to a scale.")
    return landmarks
