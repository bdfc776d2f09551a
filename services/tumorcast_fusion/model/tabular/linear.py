"""The linear predictor: one set of coefficients for every subset of the groups.

What is missing decides which coefficients answer (pattern submodels: Fletcher Mercaldo and Blume, Biostatistics 2020,
21:236), so that an answer from few groups is as good as a model made for just those; single gaps inside a group are
filled by what is expected of them given the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_fusion.model.tabular.design import Design
from tumorcast_fusion.model.tabular.imputation import Gaussian

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """Coefficients (members, patterns, causes, columns), offsets and slopes (members, patterns, causes, points).

    A pattern is a subset of the groups, on one side of the design's split where it has one.

    For odds a point's link is its offset plus the linear part. For times the offsets are log cumulative hazards at a
    linear part of zero, and in each interval the log hazard moves by the interval's slope times the linear part: what
    is known at the start may count for more early than late. Member 0 is fitted to all training patients, the others to
    bootstrap samples of them. ``shrinks``: what is unknown of a missing column draws the answer toward one half (binary
    and ordinal endpoints).
    """

    design: Design
    coefficients: Array
    offsets: Array
    slopes: Array
    gaussian: Gaussian
    shrinks: bool

    def links(self, z: Array, present: Mask) -> Array:
        """Links (members, n, causes, points) of columns z (n, columns) with groups ``present`` (n, groups)."""
        members, _, causes, points = self.offsets.shape
        out = np.empty((members, len(z), causes, points))
        index = self.design.pattern_of(z, present)
        for pattern in np.unique(index):
            rows = np.flatnonzero(index == pattern)
            out[:, rows] = self._of_pattern(int(pattern), z[rows], present[rows[0]])
        return out

    def _of_pattern(self, pattern: int, z: Array, present: Mask) -> Array:
        wanted = self.design.available(present)
        filled, gaps = self.gaussian.complete(z, wanted)
        coefficients, offsets = self.coefficients[:, pattern], self.offsets[:, pattern]
        eta = np.einsum("np,mcp->mnc", filled, coefficients)[..., None]
        if not self.shrinks:
            hazard = np.diff(np.exp(offsets), prepend=0.0, axis=-1)[:, None]
            moved = hazard * np.exp(np.clip(self.slopes[:, pattern][:, None] * eta, -20, 20))
            return log_cumulative(moved)
        links: Array = eta + offsets[:, None]
        if gaps:
            variance = self.gaussian.variance_of(coefficients[0, 0], gaps, len(z))
            links = links / np.sqrt(1 + np.pi * variance / 8)[None, :, None, None]
        return links

    def contributions(self, z: Array, present: Mask) -> Array:
        """What each column of one patient adds to the link against the average training patient, (causes, columns).

        z (columns,), present (groups,); Linear SHAP with independent columns. They add up to the difference of the
        links but for what gaps draw toward one half, and for times where an interval's slope is one.
        """
        wanted = self.design.available(present)
        filled, _ = self.gaussian.complete(z[None], wanted)
        shift = np.where(wanted, filled[0] - self.gaussian.mean, 0.0)
        out: Array = self.coefficients[0, int(self.design.pattern_of(z[None], present[None])[0])] * shift
        return out

    def tensors(self, prefix: str) -> dict[str, Array]:
        """What is stored of it, by name."""
        return {
            f"{prefix}.coefficients": self.coefficients,
            f"{prefix}.offsets": self.offsets,
            f"{prefix}.slopes": self.slopes,
        }

    @classmethod
    def of_tensors(
        cls, design: Design, gaussian: Gaussian, tensors: Mapping[str, Array], prefix: str, *, shrinks: bool
    ) -> LinearPredictor:
        """Rebuild; raises ``KeyError`` where a tensor is missing."""
        coefficients, offsets, slopes = (
            tensors[f"{prefix}.{name}"].astype(float) for name in ("coefficients", "offsets", "slopes")
        )
        return cls(design, coefficients, offsets, slopes, gaussian, shrinks)


def log_cumulative(hazards: Array) -> Array:
    """Log of the cumulative sum of hazards over the last axis, kept from minus infinity."""
    out: Array = np.log(np.maximum(np.cumsum(hazards, axis=-1), 1e-12))
    return out
