"""An analytic patient of known tissue, lesions, noise and coil shading, as CT, PET or MR; every value is a formula.

An elliptic body of muscle in a ring of fat, with spheres of known size and contrast in its middle. A voxel holds the
share of each tissue inside it (by 4³ points), then the modality's blur, shading and noise are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorcast_imaging.dicom import Region, Volume

Floats = NDArray[np.float64]
DIAMETERS_MM = (40.0, 24.0, 16.0, 10.0)
CENTERS_MM = ((0.0, -28.0, -28.0), (0.0, 30.0, 28.0), (0.0, -30.0, 30.0), (0.0, 30.0, -30.0))
"""(slice, row, column) from the middle of the volume."""
SUBSAMPLES = 4
FWHM = 2.3548


@dataclass(frozen=True)
class Tissue:
    """Values of air, fat, muscle and lesion, noise, blur and shading of one kind of image."""

    air: float
    fat: float
    muscle: float
    lesion: float
    noise: float
    blur_mm: float = 0.0
    shading: float = 0.0
    rician: bool = False


TISSUES = {
    "CT": Tissue(air=-1000, fat=-100, muscle=50, lesion=90, noise=20),
    "PT": Tissue(air=0, fat=0.4, muscle=0.8, lesion=8, noise=0.15, blur_mm=6),
    "MR": Tissue(air=0, fat=450, muscle=250, lesion=400, noise=15, shading=0.3, rician=True),
}
UNITS = {"CT": "HU", "PT": "SUVbw", "MR": "arbitrary"}


@dataclass(frozen=True)
class ImagingPhantom:
    """One image of the patient; ``noisy`` and ``shaded`` switch what a correction should take out."""

    modality: str
    seed: int = 0
    noisy: bool = True
    shaded: bool = True
    shape: tuple[int, int, int] = (40, 96, 96)
    spacing_mm: tuple[float, float, float] = (3.0, 2.0, 2.0)
    semi_axes_mm: tuple[float, float] = (75.0, 85.0)
    fat_mm: float = 12.0

    @property
    def tissue(self) -> Tissue:
        return TISSUES[self.modality]

    @cached_property
    def masks(self) -> list[NDArray[np.bool_]]:
        """Voxels of which the center lies in a sphere, largest first."""
        return [self._sphere(k, _grid(self.shape, self.spacing_mm, 1)) for k in range(len(DIAMETERS_MM))]

    @cached_property
    def body(self) -> NDArray[np.bool_]:
        return self._ellipse(0.0, _grid(self.shape, self.spacing_mm, 1))

    @cached_property
    def truth(self) -> Floats:
        """The image without noise and shading."""
        fine = _grid(self.shape, self.spacing_mm, SUBSAMPLES)
        t = self.tissue
        values = np.where(self._ellipse(0.0, fine), t.fat, t.air)
        values = np.where(self._ellipse(self.fat_mm, fine), t.muscle, values)
        for k in range(len(DIAMETERS_MM)):
            values = np.where(self._sphere(k, fine), t.lesion, values)
        s, r, c = self.shape
        mean = values.reshape(s, SUBSAMPLES, r, SUBSAMPLES, c, SUBSAMPLES).mean(axis=(1, 3, 5))
        if t.blur_mm:
            mean = ndimage.gaussian_filter(mean, [t.blur_mm / FWHM / mm for mm in self.spacing_mm], mode="nearest")
        return np.asarray(mean)

    @cached_property
    def shading(self) -> Floats:
        """What the coils multiply the signal by: a smooth field of natural logarithm within ± ``shading``."""
        k, j, i = (
            2 * axis / extent for axis, extent in zip(_grid(self.shape, self.spacing_mm, 1), self._extent, strict=True)
        )
        field = 0.6 * i + 0.4 * j - 0.5 * i * j + 0.4 * k - 0.5 * (i**2 + j**2) + 0.3
        return np.exp(self.tissue.shading * np.clip(field, -1, 1)) if self.shaded else np.ones(self.shape)

    @cached_property
    def volume(self) -> Volume:
        """The image as the gate would give it."""
        signal = self.truth * self.shading if self.tissue.shading else self.truth
        random = np.random.default_rng(self.seed)
        noise = random.normal(0, self.tissue.noise, (2, *self.shape)) if self.noisy else np.zeros((2, *self.shape))
        if self.tissue.rician:
            image = np.hypot(signal + noise[0], noise[1])
        else:
            image = signal + noise[0]
            image = np.maximum(image, 0) if self.modality == "PT" else np.clip(np.rint(image), -1024, 3071)
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *self.spacing_mm, 1.0
        return Volume(
            array=image.astype(np.float32),
            affine_lps=affine,
            spacing_mm=self.spacing_mm,
            unit=UNITS[self.modality],
            dicom_modality=self.modality,
            series_instance_uid="1.2.3",
            study_instance_uid="1.2",
            frame_of_reference_uid="1.4",
            patient_id="P-1",
            date="2026-03-04",
            sop_instance_uids=tuple(f"1.2.3.{k}" for k in range(self.shape[0])),
        )

    @property
    def regions(self) -> tuple[Region, ...]:
        return tuple(Region(mask, number + 1, source_uid="1.9") for number, mask in enumerate(self.masks))

    @property
    def _extent(self) -> tuple[float, ...]:
        return tuple(n * mm for n, mm in zip(self.shape, self.spacing_mm, strict=True))

    def _sphere(self, k: int, places: tuple[Floats, ...]) -> NDArray[np.bool_]:
        squares = sum((axis - at) ** 2 for axis, at in zip(places, CENTERS_MM[k], strict=True))
        return np.asarray(squares <= (DIAMETERS_MM[k] / 2) ** 2)

    def _ellipse(self, inset_mm: float, places: tuple[Floats, ...]) -> NDArray[np.bool_]:
        rows, columns = (axis - inset_mm for axis in self.semi_axes_mm)
        inside = (places[1] / rows) ** 2 + (places[2] / columns) ** 2 <= 1
        return np.broadcast_to(inside, np.broadcast_shapes(*(axis.shape for axis in places)))


def sphere_ml(diameter_mm: float) -> float:
    return float(np.pi * diameter_mm**3 / 6000)


def _grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], samples: int) -> tuple[Floats, ...]:
    """Places of voxels, or of the points within them, from the middle of the volume, as three open axes."""
    axes = [((np.arange(n * samples) + 0.5) / samples - n / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    return tuple(np.ix_(*axes))
