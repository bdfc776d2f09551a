"""The families of features that flash-radiomics gives as the IBSI digital phantom has them.

GLCM and GLRLM are averaged over the 13 directions in space (IBSI aggregation ITBB), at distance 1; zones have 26
neighbors; the dependence matrix has coarseness 0. Gray levels are ours: bins of width 1 from 1 leave them as they are.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.lesions.radiomics import names
from tumorcast_imaging.model.lesions.radiomics.names import Names

LEVELS_AS_THEY_ARE = {"binWidth": 1.0, "binMinimum": 1.0}
_TEXTURES: dict[str, tuple[str, Names]] = {
    "glcm": ("glcm.RadiomicsGLCM", names.CO_OCCURRENCE),
    "glrlm": ("glrlm.RadiomicsGLRLM", names.RUNS),
    "glszm": ("glszm.RadiomicsGLSZM", names.SIZE_ZONES),
    "gldzm": ("gldzm.RadiomicsGLDZM", names.DISTANCE_ZONES),
    "ngtdm": ("ngtdm.RadiomicsNGTDM", names.TONE_DIFFERENCES),
    "ngldm": ("gldm.RadiomicsGLDM", names.DEPENDENCES),
}


def shape(mask: NDArray[np.bool_], spacing_mm: float) -> dict[str, float]:
    """Volume, surface, compactness and largest diameter of the mask's mesh (marching cubes at one half)."""
    image = np.zeros(mask.shape, dtype=np.float32)
    return _computed("shape.RadiomicsShape", "shape", names.SHAPE, image, mask, spacing_mm)


def statistics(image: NDArray[np.float64], mask: NDArray[np.bool_], spacing_mm: float) -> dict[str, float]:
    """Statistics of the intensities as they are."""
    return _computed("firstorder.RadiomicsFirstOrder", "intensity", names.INTENSITY, image, mask, spacing_mm)


def histograms(levels: NDArray[np.int32], mask: NDArray[np.bool_], spacing_mm: float) -> dict[str, float]:
    """Statistics of the gray levels, and of the volume above each of them."""
    return {
        **_computed("ih.RadiomicsIH", "histogram", names.HISTOGRAM, levels, mask, spacing_mm),
        **_computed("ivh.RadiomicsIVH", "ivh", names.VOLUME_HISTOGRAM, levels, mask, spacing_mm),
    }


def textures(
    levels: NDArray[np.int32], mask: NDArray[np.bool_], whole: NDArray[np.bool_], spacing_mm: float
) -> dict[str, float]:
    """The six matrices of gray levels; distances of zones are to the border of the ``whole`` mask."""
    found: dict[str, float] = {}
    for family, (path, taken) in _TEXTURES.items():
        found |= _computed(path, family, taken, levels, mask, spacing_mm, _gldzm_distance_mask_array=whole)
    return found


def _computed(
    path: str, family: str, taken: Names, image: NDArray[Any], mask: NDArray[np.bool_], spacing_mm: float, **more: Any
) -> dict[str, float]:
    """Run one class of the library on one thread; what is not a finite number is not there."""
    module, name = path.split(".")
    flash = importlib.import_module(f"flash_radiomics.{module}")  # 0.4 s, and only here
    settings = {"spacing": (spacing_mm,) * 3, "backend": "cpu", "num_threads": 1, **LEVELS_AS_THEY_ARE, **more}
    computed = getattr(flash, name)(image.astype(np.float32), mask.astype(np.uint8), **settings).execute()
    values = {f"{family}_{ours}": float(computed[theirs]) for theirs, ours in taken.items()}
    found = {key: value for key, value in values.items() if np.isfinite(value)}
    return {key: max(value, 0.0) if key.endswith("entropy") else value for key, value in found.items()}  # -3e-16 is 0
