"""Whether a saliency beats random orders over a group of patients, each against its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.saliency.deletion import Walk


@dataclass(frozen=True, slots=True)
class OverPatients:
    """One-sided tests that the saliency's gain is above zero; one value per patient."""

    patients: int
    better: int
    """Patients whose saliency is better than their mean random order."""
    median_ratio: float
    """Median of area / mean random area; above 1 is better for deletion, below 1 for insertion."""
    sign_p: float
    wilcoxon_p: float
    permutation_p: float


def over_patients(walks: Sequence[Walk], seed: int = 0, *, draws: int = 9999) -> OverPatients:
    """Test walks of one kind, one per patient.

    Sign test and Wilcoxon's signed ranks (Pratt's zeros) on the gains; and an exact exchange: under the null a
    patient's saliency is one of its orders, so the mean of standardized areas is compared with that of orders drawn at
    random, one per patient.
    """
    if not walks:
        raise InvalidInput("There is no patient to test.")
    gains = np.array([walk.gain for walk in walks])
    better, worse = int((gains > 0).sum()), int((gains < 0).sum())
    return OverPatients(
        patients=len(walks),
        better=better,
        median_ratio=float(np.median([_ratio(walk) for walk in walks])),
        sign_p=float(stats.binomtest(better, better + worse, alternative="greater").pvalue) if better + worse else 1.0,
        wilcoxon_p=_wilcoxon(gains),
        permutation_p=_exchanged([_standardized(walk) for walk in walks], seed, draws),
    )


def _ratio(walk: Walk) -> float:
    random = float(walk.random_areas.mean())
    return walk.area / random if random else 1.0


def _wilcoxon(gains: NDArray[np.float64]) -> float:
    if not gains.any():
        return 1.0
    return float(stats.wilcoxon(gains, zero_method="pratt", alternative="greater").pvalue)


def _standardized(walk: Walk) -> NDArray[np.float64]:
    """The saliency's area, then the random ones; higher is better; zero where they do not differ."""
    areas = np.concatenate([[walk.area], walk.random_areas]) * (1 if walk.higher_is_better else -1)
    spread = float(areas.std())
    return (areas - areas.mean()) / spread if spread > 0 else np.zeros(len(areas))


def _exchanged(areas: Sequence[NDArray[np.float64]], seed: int, draws: int) -> float:
    rng = np.random.default_rng(seed)
    observed = sum(float(area[0]) for area in areas)
    drawn = np.zeros(draws)
    for area in areas:
        drawn += area[rng.integers(0, len(area), draws)]
    return float((1 + np.count_nonzero(drawn >= observed - 1e-12)) / (1 + draws))
