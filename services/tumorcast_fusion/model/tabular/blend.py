"""One endpoint of a model of tables: its predictors, blended on the link, calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Z_95 = 1.959964
_LEAST_GAP = 1e-3
_NOTHING = 1e-12


class Predictor(Protocol):
    """Linear, boosted or gated."""

    def links(self, z: Array, present: Mask) -> Array: ...

    def contributions(self, z: Array, present: Mask) -> Array: ...


@dataclass(frozen=True, eq=False)
class LinkCalibration:
    """A link moved toward or away from a reference: ``reference + intercept + slope * (link - reference)``.

    ``intercept`` and ``slope`` (causes,), ``reference`` (causes, points): zero for odds, the cohort's log cumulative
    hazard for times, so that a slope below one draws every curve toward the cohort's.
    """

    intercept: Array
    slope: Array
    reference: Array

    @classmethod
    def none(cls, causes: int, points: int) -> LinkCalibration:
        """Leaves links as they are."""
        return cls(np.zeros(causes), np.ones(causes), np.zeros((causes, points)))

    def __call__(self, links: Array) -> Array:
        """Calibrated links, (..., causes, points)."""
        out: Array = self.reference + self.intercept[:, None] + self.slope[:, None] * (links - self.reference)
        return out

    def then(self, outer: LinkCalibration) -> LinkCalibration:
        """The one calibration that does this one and then ``outer``.

        Slopes that would multiply to one about two references have no common one; they are moved apart by a thousandth.

        >>> inner = LinkCalibration(np.array([0.2]), np.array([0.5]), np.array([[1.0, 2.0]]))
        >>> outer = LinkCalibration(np.array([0.1]), np.array([0.8]), np.array([[0.0, 4.0]]))
        >>> links = np.array([[3.0, 5.0]])
        >>> np.allclose(inner.then(outer)(links), outer(inner(links)))
        True
        """
        slope = outer.slope * self.slope
        b, s = outer.slope[:, None], self.slope[:, None]
        constant = (1 - b) * outer.reference + b * (1 - s) * self.reference
        needed = np.abs(constant).max(axis=1) > _NOTHING
        slope = np.where(needed & (np.abs(1 - slope) < _LEAST_GAP), 1 - _LEAST_GAP, slope)
        reference = np.where(needed[:, None], constant / np.where(needed, 1 - slope, 1.0)[:, None], 0.0)
        return LinkCalibration(outer.intercept + outer.slope * self.intercept, slope, reference)


@dataclass(frozen=True, eq=False)
class Part:
    """A predictor, its calibration and its weight."""

    learner: str
    predictor: Predictor
    weight: float
    calibration: LinkCalibration


@dataclass(frozen=True, eq=False)
class Blend:
    """The weighted mean of the calibrated links of several predictors."""

    parts: Sequence[Part]

    def recalibrated(self, calibration: LinkCalibration) -> Blend:
        """The blend whose link is the calibrated link of this one; weights must add up to one."""
        return Blend([Part(p.learner, p.predictor, p.weight, p.calibration.then(calibration)) for p in self.parts])

    def link(self, z: Array, present: Mask) -> Array:
        """Best link (n, causes, points)."""
        out: Array = np.sum(
            [
                part.weight * part.calibration(best_link(part.learner, part.predictor.links(z, present)))
                for part in self.parts
            ],
            axis=0,
        )
        return out

    def with_limits(self, z: Array, present: Mask) -> Array:
        """Best link with its 95 % limits from the spread of bootstrap members, (3, n, causes, points).

        Spreads of several predictors are added as if they erred together, which errs on the wide side.
        """
        bests, spreads = [], []
        for part in self.parts:
            links = part.predictor.links(z, present)
            bests.append(part.weight * part.calibration(best_link(part.learner, links)))
            members = links[1:] if part.learner == "linear" else links
            sd = members.std(axis=0, ddof=1) if len(members) > 1 else np.zeros(links.shape[1:])
            spreads.append(part.weight * part.calibration.slope[:, None] * sd)
        best, reach = np.sum(bests, axis=0), Z_95 * np.sum(spreads, axis=0)
        return np.stack([best, best - reach, best + reach])

    def contributions(self, z: Array, present: Mask) -> Array:
        """What each column of one patient adds to the link, (causes, columns)."""
        out: Array = np.sum(
            [p.weight * p.calibration.slope[:, None] * p.predictor.contributions(z, present) for p in self.parts],
            axis=0,
        )
        return out


def best_link(learner: str, links: Array) -> Array:
    """Member 0 of a linear predictor is its estimate; the others are the mean of their members."""
    best: Array = links[0] if learner == "linear" else links.mean(axis=0)
    return best
