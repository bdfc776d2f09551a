"""SIMULATED whole-body FDG-PET: healthy uptake of organs, noise, a scanner's blur, and lesions of known place.

Nothing here is a patient. Organs are ellipsoids and tubes of textbook place, size and SUV, each drawn anew; a PET of a
person is harder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Volume

STEP_MM = 4.0
SHAPE = (245, 68, 104)
_PSF_MM = 6.0
_NOISE = 0.16
_FWHM = 2.3548
Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedPet:
    """A volume and the masks of the lesions that were put in it."""

    volume: Volume
    lesions: tuple[NDArray[np.bool_], ...]
    diameters_mm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Site:
    """Where lesions may lie: a box in body coordinates (x left, y back, z up, mm), and how often."""

    share: float
    low: Point
    high: Point


_SITES = (
    _Site(0.16, (-130, -50, 560), (-40, 60, 710)),  # right lung
    _Site(0.16, (55, 0, 560), (130, 60, 710)),  # left lung
    _Site(0.15, (-130, -50, 420), (-20, 40, 530)),  # liver
    _Site(0.12, (-30, -20, 640), (30, 30, 720)),  # mediastinum
    _Site(0.08, (-50, -30, 750), (50, 20, 790)),  # neck
    _Site(0.08, (-20, 20, 280), (20, 45, 420)),  # retroperitoneum
    _Site(0.08, (60, -60, 165), (95, -30, 220)),  # left groin
    _Site(0.12, (-12, 58, 220), (12, 82, 740)),  # spine
    _Site(0.05, (-120, 30, 20), (-60, 60, 120)),  # thigh
)


def simulate(seed: int, lesions: int | None = None) -> SimulatedPet:
    """One simulated patient, the same for the same seed; 0 to 8 lesions unless their number is given."""
    rng = np.random.default_rng(seed)
    canvas = _Canvas(rng)
    _body(canvas)
    _organs(canvas)
    _tracts(canvas)
    number = int(rng.integers(0, 9)) if lesions is None else lesions
    drawn = [canvas.lesion(*_lesion_of(rng)) for _ in range(number)]
    array = _scanned(canvas.array, rng)
    return SimulatedPet(_volume(array, seed), tuple(mask for mask, _ in drawn), tuple(d for _, d in drawn))


class _Canvas:
    """Uptake on a grid; places are in body millimeters: x to the left, y to the back, z up from mid-thigh."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.scale = rng.normal(1, 0.04, 3).clip(0.9, 1.1)
        self.array = np.full(SHAPE, 0.02, np.float32)
        z, y, x = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
        self.z = (z * STEP_MM / self.scale[2]).astype(np.float32)
        self.y = ((y - (SHAPE[1] - 1) / 2) * STEP_MM / self.scale[1]).astype(np.float32)
        self.x = ((x - (SHAPE[2] - 1) / 2) * STEP_MM / self.scale[0]).astype(np.float32)

    def radius(self, center: Sequence[float] | Floats, axes: Sequence[float] | Floats) -> Array:
        """1 on the surface of an ellipsoid."""
        parts = zip((self.x, self.y, self.z), center, axes, strict=True)
        squared: Array = sum(((grid - c) / a) ** 2 for grid, c, a in parts)
        return np.sqrt(squared)

    def ellipsoid(self, center: Sequence[float], axes: Sequence[float], suv: float, hollow: float = 0.0) -> None:
        """Fill an ellipsoid, or the shell of it beyond a share of its radius; place and size vary by 5 %."""
        place = np.asarray(center, float) + self.rng.normal(0, 4, 3)
        radius = self.radius(place, np.asarray(axes, float) * self.rng.normal(1, 0.05, 3))
        self.array[(radius <= 1) & (radius >= hollow)] = suv

    def tube(self, points: Sequence[Sequence[float]], radius_mm: float, suv: float) -> None:
        """Balls along a line."""
        for point in points:
            lines = (
                np.abs(g.ravel() - c) <= radius_mm for g, c in zip((self.z, self.y, self.x), point[::-1], strict=True)
            )
            near = np.ix_(*lines)
            z, y, x = (
                g.ravel()[i.ravel()] - c for g, i, c in zip((self.z, self.y, self.x), near, point[::-1], strict=True)
            )
            ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius_mm**2
            self.array[near] = np.where(ball, suv, self.array[near])

    def lesion(self, center: Sequence[float], diameter_mm: float, suv: float) -> tuple[NDArray[np.bool_], float]:
        """A slightly irregular ball; at least the voxel at its center."""
        axes = diameter_mm / 2 * self.rng.uniform(0.8, 1.2, 3)
        radius = self.radius(center, axes)
        mask = radius <= max(1.0, float(radius.min()) + 1e-6)
        self.array[mask] = np.maximum(self.array[mask], suv)
        return mask, diameter_mm


def _lesion_of(rng: np.random.Generator) -> tuple[Point, float, float]:
    site = _SITES[int(rng.choice(len(_SITES), p=np.array([s.share for s in _SITES])))]
    x, y, z = rng.uniform(site.low, site.high)
    diameter = float(np.clip(rng.lognormal(np.log(16), 0.5), 6, 60))
    return (float(x), float(y), float(z)), diameter, float(np.clip(rng.lognormal(np.log(7), 0.5), 2.5, 25))


def _body(canvas: _Canvas) -> None:
    muscle = 0.6
    trunk = ((canvas.x / 175) ** 2 + (canvas.y / 115) ** 2 <= 1) & (canvas.z >= 150) & (canvas.z <= 745)
    for side in (-90, 90):
        canvas.array[(((canvas.x - side) / 82) ** 2 + (canvas.y / 90) ** 2 <= 1) & (canvas.z < 170)] = muscle
    canvas.array[trunk] = muscle
    canvas.array[((canvas.x / 60) ** 2 + (canvas.y / 62) ** 2 <= 1) & (canvas.z > 735) & (canvas.z < 830)] = muscle
    canvas.array[canvas.radius((0, 0, 872), (78, 96, 92)) <= 1] = muscle


def _organs(canvas: _Canvas) -> None:
    rng = canvas.rng
    for side in (-1, 1):
        canvas.ellipsoid((85 * side, 0, 630), (60, 80, 112), 0.4)
    canvas.ellipsoid((0, -10, 640), (32, 35, 90), 1.6)
    canvas.ellipsoid((-75, -10, 472), (90, 80, 72), float(rng.normal(2.2, 0.25)))
    canvas.ellipsoid((112, 40, 490), (28, 42, 48), float(rng.normal(1.9, 0.2)))
    canvas.ellipsoid((58, -45, 490), (36, 30, 36), float(rng.uniform(1.5, 4)), hollow=0.7)
    canvas.tube([(0, 70, z) for z in range(190, 790, 6)], 16, float(rng.normal(1.7, 0.3)))
    heart = float(rng.uniform(4, 14)) if rng.random() < 0.6 else 1.8
    canvas.ellipsoid((45, -38, 590), (40, 38, 44), heart, hollow=0.62)
    brain = float(rng.uniform(6, 13))
    canvas.ellipsoid((0, 0, 888), (64, 80, 60), 0.65 * brain)
    canvas.ellipsoid((0, 0, 888), (64, 80, 60), brain, hollow=0.75)
    for side in (-1, 1):
        canvas.ellipsoid((18 * side, -12, 806), (8, 8, 12), float(rng.uniform(2, 5)))
        canvas.ellipsoid((48 * side, 4, 800), (12, 14, 18), float(rng.uniform(1.5, 3)))


def _tracts(canvas: _Canvas) -> None:
    """What is excreted, and bowel: the usual false alarms."""
    rng = canvas.rng
    for side in (-1, 1):
        canvas.ellipsoid((65 * side, 50, 410), (27, 25, 54), float(rng.uniform(2.5, 5)))
        canvas.ellipsoid((58 * side, 48, 410), (12, 11, 22), float(rng.uniform(4, 22)))
        for _ in range(int(rng.integers(0, 4))):
            t = float(rng.uniform(0, 1))
            foot = (58 * side * (1 - 0.6 * t), 48 - 40 * t, 370 - 150 * t)
            canvas.tube([(foot[0], foot[1], foot[2] + d) for d in range(-8, 9, 4)], 4.5, float(rng.uniform(3, 14)))
    size = float(rng.uniform(26, 52))
    canvas.ellipsoid((0, -25, 205), (size, 0.8 * size, 0.9 * size), float(rng.lognormal(np.log(22), 0.5)))
    for _ in range(int(rng.integers(3, 9))):
        walk = np.cumsum(rng.normal(0, 9, (int(rng.integers(6, 22)), 3)), axis=0)
        start = rng.uniform((-100, -70, 260), (100, 20, 430))
        canvas.tube((walk + start).tolist(), float(rng.uniform(8, 14)), float(rng.uniform(1.2, 5.5)))


def _scanned(array: Array, rng: np.random.Generator) -> Array:
    """What a scanner makes of it: blur of 6 mm, and noise with the same grain that grows with the root of uptake."""
    sigma = _PSF_MM / _FWHM / STEP_MM
    blurred = ndimage.gaussian_filter(array, sigma)
    grain = ndimage.gaussian_filter(rng.standard_normal(array.shape, dtype=np.float32), sigma)
    noisy: Array = blurred + _NOISE * np.sqrt(np.maximum(blurred, 0)) * grain / grain.std()
    return np.maximum(noisy, 0).astype(np.float32)


def _volume(array: Array, seed: int) -> Volume:
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = STEP_MM
    affine[:3, 3] = [-STEP_MM * (SHAPE[2] - 1) / 2, -STEP_MM * (SHAPE[1] - 1) / 2, 0.0]
    affine[3, 3] = 1
    uid = f"2.25.{seed + 1}"
    return Volume(array, affine, (STEP_MM,) * 3, "SUVbw", "PT", uid, uid, uid, "simulated", "", ())
