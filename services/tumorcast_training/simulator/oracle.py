"""The oracle: the best possible prediction, the posterior given what was observed.

Importance sampling over everything that was not observed: missing discrete traits from their prior, missing continuous
traits from their Gaussian conditional, the unobserved noise from its prior. A draw weighs as much as it explains the
observed: density of the observed continuous traits, probability of the pattern of missing groups, and the apparent
diameter at the early CT. The image is taken to tell necrosis, margin and diameters exactly, so no reader of pixels can
beat it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tumorcast_training.simulator import process
from tumorcast_training.simulator.process import CONTINUOUS, CORRELATION, DISCRETE, NOISE, Array, Traits

TRAITS_OF_GROUP = {
    "ct_baseline": ("size", "necrosis", "spiculation"),
    "ct_follow_up": ("necrosis", "spiculation"),
    "labs": ("ldh", "nlr", "albumin", "hemoglobin"),
    "notes": ("weight_loss", "ascites", "pain"),
    "genomics": ("kras", "tmb"),
    "clinical": ("male", "stage_iv", "ecog", "age"),
    "therapy": ("therapy",),
}
HORIZONS_DAYS = (182.0, 365.0)
RMST_LIMIT_DAYS = 730.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known of one patient: trait values, apparent early diameter, and which groups are missing."""

    traits: dict[str, float]
    missing: frozenset[str]
    follow_up_diameter_mm: float | None


@dataclass(frozen=True, slots=True)
class Posterior:
    """Posterior predictions: P(response), PFS at ``HORIZONS_DAYS``, mean PFS up to two years, effective draws."""

    response: float
    survival: tuple[float, ...]
    rmst_days: float
    effective_draws: float


def posterior(observed: Observed, rng: np.random.Generator, draws: int = 4000) -> Posterior:
    """Sample the posterior of one patient's outcomes."""
    traits, log_weight = _draw(observed, rng, draws)
    log_weight += _log_missing(traits, observed.missing)
    if observed.follow_up_diameter_mm is not None:
        expected = process.baseline_diameter_mm(traits) * process.relative_size(traits, np.array([28.0]))[:, 0]
        error = np.log(observed.follow_up_diameter_mm / expected) / process.FOLLOW_UP_NOISE
        log_weight -= 0.5 * error**2
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    responded, pfs_days = process.outcomes(traits, *process.draw_event_days(rng, traits))
    return Posterior(
        response=float(weight @ responded),
        survival=tuple(float(weight @ (pfs_days > h)) for h in HORIZONS_DAYS),
        rmst_days=float(weight @ np.minimum(pfs_days, RMST_LIMIT_DAYS)),
        effective_draws=float(1 / (weight**2).sum()),
    )


def _draw(observed: Observed, rng: np.random.Generator, draws: int) -> tuple[Traits, Array]:
    """Draw all traits given the observed ones; the log density of the observed continuous traits comes with them."""
    traits = process.draw_discrete(rng, draws)
    traits |= {name: np.full(draws, observed.traits[name]) for name in DISCRETE if name in observed.traits}
    mean = process.continuous_mean(traits)
    known = [i for i, name in enumerate(CONTINUOUS) if name in observed.traits]
    unknown = [i for i in range(len(CONTINUOUS)) if i not in known]
    values = np.empty((draws, len(CONTINUOUS)))
    values[:, known] = [observed.traits[CONTINUOUS[i]] for i in known]
    log_density = np.zeros(draws)
    covariance = CORRELATION[np.ix_(unknown, unknown)]
    conditional = mean[:, unknown]
    if known:
        residual = values[:, known] - mean[:, known]
        solved = np.linalg.solve(CORRELATION[np.ix_(known, known)], residual.T)
        log_density = -0.5 * (residual.T * solved).sum(axis=0)
        cross = CORRELATION[np.ix_(unknown, known)]
        conditional = conditional + (cross @ solved).T
        covariance = covariance - cross @ np.linalg.solve(CORRELATION[np.ix_(known, known)], cross.T)
    if unknown:
        values[:, unknown] = conditional + rng.multivariate_normal(np.zeros(len(unknown)), covariance, draws)
    traits |= {name: values[:, i] for i, name in enumerate(CONTINUOUS)}
    traits |= {name: rng.standard_normal(draws) for name in NOISE}
    return traits, log_density


def _log_missing(traits: Traits, missing: frozenset[str]) -> Array:
    """Log probability of the pattern of missing groups, and of being alive at the index day."""
    log_probability = -process.INDEX_DAY * process.hazards_per_day(traits)[0]
    for group, p in process.missing_probability(traits).items():
        log_probability = log_probability + np.log(p if group in missing else 1 - p)
    return log_probability
