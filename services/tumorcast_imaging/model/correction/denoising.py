"""Less noise, edges kept (modified curvature diffusion: Whitaker and Xue, ICIP 2001)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.correction import itk
from tumorcast_imaging.model.correction.correction import Array, Correction, bounded

_STEP = 1 / 16
"""The longest time step that is stable in three dimensions."""


@dataclass(frozen=True)
class CurvatureDiffusion(Correction):
    """Curvature anisotropic diffusion from voxel to voxel, whatever their spacing, in steps of 1 ÷ 16.

    It takes about 2 s for a million voxels.
    """

    name: ClassVar[str] = "curvature-diffusion"
    dicom_modalities: ClassVar[frozenset[str]] = frozenset({"CT", "MR", "PT"})
    iterations: int = 5
    conductance: float = 1.0

    def __post_init__(self) -> None:
        bounded("iterations", self.iterations, 1, 100)
        bounded("conductance", self.conductance, 0.01, 100)

    def by(self) -> str:
        return itk.version()

    def array(self, volume: Volume) -> Array:
        if volume.array.max() == volume.array.min():
            return volume.array.copy()
        with itk.one_thread() as simple:
            diffusion = simple.CurvatureAnisotropicDiffusionImageFilter()
            diffusion.SetTimeStep(_STEP)
            diffusion.SetConductanceParameter(self.conductance)
            diffusion.SetNumberOfIterations(self.iterations)
            made = diffusion.Execute(itk.image(volume.array.astype(np.float32), volume))
            found: Array = simple.GetArrayFromImage(made).astype(np.float32)
        return found
