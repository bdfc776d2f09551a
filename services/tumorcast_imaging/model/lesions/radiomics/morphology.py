"""Morphology that flash-radiomics gives differently from IBSI or leaves to others: axes, hull and box.

Axes are those of the covariance of voxel centers over n - 1: with n, as PyRadiomics and its descendants have it, the
digital phantom's minor and least axis and the ellipsoid's densities miss the manual's values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.polynomial.legendre import legval
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

Floats = NDArray[np.float64]
ELLIPSOID_DEGREE = 20
"""The manual's approximation of an ellipsoid's area is the sum to this degree (3.1, area density, ellipsoid)."""


def axes(mask: NDArray[np.bool_], spacing_mm: float) -> dict[str, float]:
    """Axis lengths (mm), elongation and flatness; those that a point, line or plane has.

    >>> box = np.zeros((9, 5, 3), dtype=bool)
    >>> box[:] = True
    >>> {name: round(value, 2) for name, value in axes(box, 1.0).items()}["shape_major_axis_length"]
    10.37
    """
    centers = np.argwhere(mask) * spacing_mm
    if len(centers) < 2:
        return {}
    variances = np.linalg.eigvalsh(np.cov(centers, rowvar=False))[::-1]
    lengths = 4 * np.sqrt(np.where(variances > 1e-9 * variances[0], variances, 0.0))
    major, minor, least = (float(length) for length in lengths)
    found = {"shape_major_axis_length": major}
    if minor:
        found |= {"shape_minor_axis_length": minor, "shape_elongation": minor / major}
    if least:
        found |= {"shape_least_axis_length": least, "shape_flatness": least / major}
    return found


def densities(mask: NDArray[np.bool_], spacing_mm: float, mesh: Mapping[str, float]) -> dict[str, float]:
    """Share of box, ellipsoid and convex hull that the mesh takes up, in volume (mm3) and in area (mm2)."""
    volume, area = mesh["shape_mesh_volume"], mesh["shape_surface_area"]
    outline = _surface_points(mask) * spacing_mm
    sides = outline.max(axis=0) - outline.min(axis=0)
    hull = ConvexHull(outline)
    around = {
        "axis_aligned_box": (float(sides.prod()), float(2 * (sides * np.roll(sides, 1)).sum())),
        "convex_hull": (float(hull.volume), float(hull.area)),
    }
    lengths = [mesh.get(f"shape_{axis}_axis_length", 0.0) / 2 for axis in ("major", "minor", "least")]
    if all(lengths):
        a, b, c = lengths
        around["ellipsoid"] = 4 / 3 * np.pi * a * b * c, _ellipsoid_area(a, b, c)
    found = {}
    for name, (its_volume, its_area) in around.items():
        found[f"shape_volume_density_{name}"] = volume / its_volume
        found[f"shape_area_density_{name}"] = area / its_area
    return found


def center_of_mass_shift(image: Floats, mask: NDArray[np.bool_], segmented: NDArray[np.bool_], mm: float) -> float:
    """Distance (mm) from the center of the mask to the center of its intensities, which are not all 0."""
    values = image[segmented]
    weighted = (np.argwhere(segmented) * values[:, None]).sum(axis=0) / values.sum()
    return float(np.linalg.norm(np.argwhere(mask).mean(axis=0) - weighted) * mm)


def _surface_points(mask: NDArray[np.bool_]) -> Floats:
    """Midpoints between voxels of the mask and their neighbors outside: a mesh at level one half has its corners there.

    Only the first and the last voxel of each line can lie on the convex outline.
    """
    points = []
    for axis in range(3):
        lines = np.moveaxis(mask, axis, -1)
        across = np.argwhere(lines.any(axis=-1))
        line = lines[across[:, 0], across[:, 1]]
        first, last = line.argmax(axis=1), line.shape[1] - 1 - line[:, ::-1].argmax(axis=1)
        points += [np.insert(across.astype(np.float64), axis, ends, axis=1) for ends in (first - 0.5, last + 0.5)]
    return np.concatenate(points)


def _ellipsoid_area(a: float, b: float, c: float) -> float:
    """Area of an ellipsoid with half axes a ≥ b ≥ c, by the manual's series in Legendre polynomials."""
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    if beta < 1e-6:
        return float(4 * np.pi * a * a)
    degrees = np.arange(ELLIPSOID_DEGREE + 1)
    if alpha < 1e-6:  # an oblate spheroid: the limit of the series is the closed form
        flat = np.sqrt(1 - (c / a) ** 2)
        return float(2 * np.pi * a * a * (1 + (1 - flat**2) / flat * np.arctanh(flat)))
    weights = (alpha * beta) ** degrees / (1 - 4.0 * degrees**2)
    return float(4 * np.pi * a * b * legval((alpha**2 + beta**2) / (2 * alpha * beta), weights))
