"""Renders a liver tumor as CT: what the traits look like in Hounsfield units.

The tumor is star-shaped around its center. ``spiculation`` sets the amplitude of its margin, ``necrosis`` the share of
its volume that is a low-density core; its longest axial diameter is given. Densities are those of a portal-venous
phase: liver 110 HU, viable tumor 80 HU, necrosis 22 HU, noise 12 HU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SHAPE = (40, 96, 96)
"""Slices, rows, columns."""
SPACING_MM = (4.0, 2.5, 2.5)
LIVER_HU, TUMOR_HU, NECROSIS_HU, TISSUE_HU, SPINE_HU, AIR_HU = 110.0, 80.0, 22.0, 40.0, 350.0, -1000.0
NOISE_HU = 12.0

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """A tumor's shape, the same at every visit: bumps with directions (b, 3) and sharpness (b,), and a core."""

    directions: Array
    sharpness: Array
    amplitude: float
    core_share: float
    center_mm: Array

    def radius(self, unit: Array) -> Array:
        """Relative distance of the surface from the center along unit vectors (..., 3)."""
        bumps = np.exp(self.sharpness * (unit @ self.directions.T - 1)).sum(axis=-1)
        out: Array = 1 + self.amplitude * bumps
        return out

    def axial_diameter(self) -> float:
        """Longest relative diameter through the center in the axial plane."""
        angle = np.linspace(0, np.pi, 180, endpoint=False)
        unit = np.stack([np.zeros_like(angle), np.sin(angle), np.cos(angle)], axis=-1)
        return float((self.radius(unit) + self.radius(-unit)).max())


def draw_shape(rng: np.random.Generator, necrosis: float, spiculation: float) -> Shape:
    """Draw a shape whose core share and margin amplitude follow the standardized traits."""
    directions = rng.standard_normal((24, 3))
    return Shape(
        directions=directions / np.linalg.norm(directions, axis=1, keepdims=True),
        sharpness=rng.uniform(25, 45, 24),
        amplitude=0.55 / (1 + np.exp(-1.3 * spiculation)),
        core_share=0.05 + 0.75 / (1 + np.exp(-1.3 * necrosis)),
        center_mm=np.array([rng.uniform(-10, 10), rng.uniform(-20, 20), rng.uniform(-35, 5)]),
    )


def _grid_mm() -> tuple[Array, Array, Array]:
    """Coordinates of voxel centers (slices, rows, columns) in mm, the volume's center being 0."""
    z, y, x = ((np.arange(n, dtype=np.float64) - (n - 1) / 2) * s for n, s in zip(SHAPE, SPACING_MM, strict=True))
    return z.reshape(-1, 1, 1), y.reshape(1, -1, 1), x.reshape(1, 1, -1)


def render(shape: Shape, diameter_mm: float, rng: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Render HU and tumor mask, both (slices, rows, columns), for a longest axial diameter in mm."""
    z, y, x = _grid_mm()
    hu = np.full(SHAPE, AIR_HU)
    hu[np.broadcast_to((x / 112) ** 2 + (y / 92) ** 2 < 1, SHAPE)] = TISSUE_HU
    hu[np.broadcast_to(((x + 20) / 80) ** 2 + (y / 72) ** 2 + (z / 95) ** 2 < 1, SHAPE)] = LIVER_HU
    hu[np.broadcast_to((x - 8) ** 2 + (y - 74) ** 2 < 15**2, SHAPE)] = SPINE_HU
    _add_vessels(hu, rng)

    offset = np.stack(np.broadcast_arrays(*(c - m for c, m in zip((z, y, x), shape.center_mm, strict=True))), axis=-1)
    distance = np.linalg.norm(offset, axis=-1)
    near = distance < 1.6 * diameter_mm
    unit = offset[near] / np.maximum(distance[near], 1e-6)[:, None]
    surface = shape.radius(unit) * diameter_mm / shape.axial_diameter()
    inside = np.clip((surface - distance[near]) / 2.5 + 0.5, 0, 1)
    core = np.clip((surface * shape.core_share ** (1 / 3) - distance[near]) / 2.5 + 0.5, 0, 1)
    hu[near] += inside * (TUMOR_HU - hu[near]) + inside * core * (NECROSIS_HU - TUMOR_HU)

    noise = gaussian_filter(rng.standard_normal(SHAPE), (0, 0.6, 0.6))
    hu += NOISE_HU * noise / noise.std()
    mask = np.zeros(SHAPE, dtype=bool)
    mask[near] = distance[near] <= surface
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16), mask


def _add_vessels(hu: Array, rng: np.random.Generator) -> None:
    """Draw a few bright straight vessels through the liver, in place."""
    z, y, x = _grid_mm()
    liver = hu == LIVER_HU
    for _ in range(4):
        y0, x0, slope_y, slope_x = rng.uniform(-40, 40), rng.uniform(-60, 20), *rng.uniform(-0.5, 0.5, 2)
        vessel = (y - y0 - slope_y * z) ** 2 + (x - x0 - slope_x * z) ** 2 < rng.uniform(3, 6) ** 2
        hu[liver & vessel] = LIVER_HU + 60
