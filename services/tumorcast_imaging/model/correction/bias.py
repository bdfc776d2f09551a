"""The slow shading of an MR image by its coils, taken out.

N4ITK: Tustison et al., IEEE Trans Med Imaging 2010;29:1310.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import UnsoundSeries
from tumorcast_imaging.dicom import Volume
from tumorcast_imaging.model.correction import itk
from tumorcast_imaging.model.correction.correction import Array, Correction, bounded
from tumorcast_imaging.model.quality.body import signal_threshold

_FEWEST_VOXELS = 64


@dataclass(frozen=True)
class N4BiasField(Correction):
    """N4 on every voxel of a grid of about ``grid_mm``, inside the body; the body's mean logarithm stays."""

    name: ClassVar[str] = "n4-bias-field"
    dicom_modalities: ClassVar[frozenset[str]] = frozenset({"MR"})
    grid_mm: float = 4.0
    levels: int = 4
    iterations: int = 50
    convergence: float = 0.001

    def __post_init__(self) -> None:
        bounded("grid_mm", self.grid_mm, 0.5, 50)
        bounded("levels", self.levels, 1, 6)
        bounded("iterations", self.iterations, 1, 500)
        bounded("convergence", self.convergence, 0, 1)

    def by(self) -> str:
        return itk.version()

    def array(self, volume: Volume) -> Array:
        body = volume.array > signal_threshold(volume.array)
        if np.count_nonzero(body) < _FEWEST_VOXELS or volume.array.max() == volume.array.min():
            raise UnsoundSeries("The volume holds too little signal to find its shading.")
        field = self._log_field(volume, body)
        field -= field[body].mean(dtype=np.float64)
        return (volume.array * np.exp(-field)).astype(np.float32)

    def _log_field(self, volume: Volume, body: NDArray[np.bool_]) -> Array:
        steps = [
            min(max(1, round(self.grid_mm / mm)), max(1, size // 4))
            for mm, size in zip(volume.spacing_mm, volume.array.shape, strict=True)
        ]
        with itk.one_thread() as simple:
            whole = itk.image(volume.array, volume)
            small = simple.Shrink(whole, steps[::-1])
            mask = simple.Shrink(itk.image(body.astype(np.uint8), volume), steps[::-1])
            n4 = simple.N4BiasFieldCorrectionImageFilter()
            n4.SetMaximumNumberOfIterations([self.iterations] * self.levels)
            n4.SetConvergenceThreshold(self.convergence)
            n4.Execute(small, mask)
            field: Array = simple.GetArrayFromImage(n4.GetLogBiasFieldAsImage(whole)).astype(np.float32)
        if not np.isfinite(field).all():
            raise UnsoundSeries("The bias field of the volume cannot be estimated.")
        return field
