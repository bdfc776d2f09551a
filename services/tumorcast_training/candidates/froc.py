"""Free-response ROC: which share of lesions is found at how many false alarms per scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.candidates import Candidate
from tumorcast_training.metrics import ClusterBootstrap

RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per scan (as LUNA16 reads the curve, and one step beyond)."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """One scan: the score at which each lesion is first hit (−∞: never), and the scores of the false alarms."""

    lesion_scores: tuple[float, ...]
    false_scores: tuple[float, ...]


def scored(found: Sequence[Candidate], lesions: Sequence[NDArray[np.bool_]], scores: Sequence[float]) -> Scored:
    """A candidate hits the lesions that it shares a voxel with, if it is at most eight times as large as one.

    A candidate that hits nothing is a false alarm; a further hit of a lesion that was hit is neither.
    """
    best = [-np.inf] * len(lesions)
    false = []
    for candidate, score in zip(found, scores, strict=True):
        mask = candidate.region.mask
        voxels = np.count_nonzero(mask)
        hit = [n for n, lesion in enumerate(lesions) if (mask & lesion).any() and voxels <= 8 * max(lesion.sum(), 8)]
        for n in hit:
            best[n] = max(best[n], score)
        if not hit:
            false.append(score)
    return Scored(tuple(best), tuple(false))


def froc(scans: Sequence[Scored], seed: int = 0, samples: int = 1000) -> dict[str, list[float] | None]:
    """Sensitivity at each of ``RATES``, [estimate, lower, upper] at 95 % over scans drawn with replacement."""
    bootstrap = ClusterBootstrap(range(len(scans)), samples=samples, seed=seed)

    def curve(weights: Array | None) -> dict[str, Array]:
        rows = np.ones((1, len(scans))) if weights is None else weights
        at = np.array([_sensitivities(scans, row) for row in rows])
        return {f"{rate:g}": at[:, n] for n, rate in enumerate(RATES)}

    return bootstrap.intervals(curve)


def _sensitivities(scans: Sequence[Scored], weights: Array) -> list[float]:
    false = np.array([(s, w) for scan, w in zip(scans, weights, strict=True) for s in scan.false_scores]).reshape(-1, 2)
    hits = np.array([(s, w) for scan, w in zip(scans, weights, strict=True) for s in scan.lesion_scores]).reshape(-1, 2)
    order = np.argsort(-false[:, 0], kind="stable")
    falls, counts = false[order, 0], np.cumsum(false[order, 1])
    total = hits[:, 1].sum()
    answers = []
    for rate in RATES:
        over = np.flatnonzero(counts > rate * weights.sum() + 1e-9)
        threshold = falls[over[0]] if len(over) else -np.inf
        found = hits[(hits[:, 0] > threshold) & np.isfinite(hits[:, 0]), 1].sum()
        answers.append(float(found / total) if total else np.nan)
    return answers
