"""What a patient's scans say: weights of the population's draws, and where future scans lie under each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, stdtr, stdtrit

from tumorcast_fusion.model.growth.kinetics import Array, covariance, log_relative_size, parameter_draws
from tumorcast_fusion.model.growth.prior import PopulationPrior
from tumorcast_fusion.model.growth.scans import Scans

DRAWS = 512
MOST_STEPS = 50
CLOSE_ENOUGH = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Draws of a patient's parameters (m, parameters), their weights (m,), and the residuals that they leave."""

    prior: PopulationPrior
    scans: Scans
    draws: Array
    weights: Array
    level: Array
    residuals: Array
    quadratic: Array
    precision: Array

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of a prediction, capped by the prior."""
        gained = self.prior.degrees_of_freedom + len(self.scans.days) - 1
        return min(gained, self.prior.largest_degrees_of_freedom)

    @property
    def scale(self) -> Array:
        """Scale of each draw's residuals after these scans, (m,)."""
        freedom = self.prior.degrees_of_freedom
        squared = (freedom + self.quadratic) / (freedom + len(self.scans.days) - 1)
        return np.asarray(self.prior.scale_inflation * np.sqrt(squared))

    def location_and_covariance(self, days: Array) -> tuple[Array, Array]:
        """Location of z at future days under each draw, (days, m), and the covariance that all share, (days, days)."""
        prior, past = self.prior, self.scans.days
        noise, drift = prior.noise_sd, prior.drift_sd_per_100_days
        across = covariance(noise, drift, days[:, None], past[None, :], 0.0)
        ahead = covariance(noise, drift, days[:, None], days[None, :], np.eye(len(days)))
        gain = across @ self.precision
        shape = log_relative_size(prior.form, self.draws, past[-1] + _damped(days - past[-1], prior.damping_days))
        location = shape + self.level + gain @ self.residuals
        lack = 1.0 - gain.sum(axis=1)
        spread = ahead - gain @ across.T + np.outer(lack, lack) / self.precision.sum()
        return location, spread


def _damped(ahead: Array, damping_days: float) -> Array:
    """Days ahead as the law sees them: a trend fades, for therapy changes where it is bad."""
    return np.asarray(-damping_days * np.expm1(-ahead / damping_days))


def posterior(prior: PopulationPrior, scans: Scans, draws: int = DRAWS) -> Posterior:
    """Weigh the population's draws by one patient's scans.

    Under a draw, z is the law plus a level (flat prior), a random walk and noise whose common variance is inverse
    gamma: a multivariate t, so level and variance are integrated in closed form and only d, g (and p) need draws.
    """
    days = scans.days
    matrix = covariance(prior.noise_sd, prior.drift_sd_per_100_days, days[:, None], days[None, :], np.eye(len(days)))
    precision = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    parameters = parameter_draws(np.asarray(prior.mean), prior.factor, draws)
    left = np.log(scans.sums_mm + prior.offset_mm)[:, None] - log_relative_size(prior.form, parameters, days)
    level = precision.sum(axis=0) @ left / precision.sum()
    residuals = left - level
    quadratic = np.einsum("im,ij,jm->m", residuals, precision, residuals)
    exponent = (prior.degrees_of_freedom + len(days) - 1) / 2
    log_weights = -exponent * np.log1p(quadratic / prior.degrees_of_freedom)
    weights = np.exp(log_weights - log_weights.max())
    return Posterior(prior, scans, parameters, weights / weights.sum(), level, residuals, quadratic, precision)


def mixture_cdf(at: Array, location: Array, scale: Array, weights: Array, freedom: float | Array) -> Array:
    """Distribution function of a mixture of t distributions, ``at`` (...,), components in the last axis."""
    return np.asarray((weights * stdtr(freedom, (at[..., None] - location) / scale)).sum(axis=-1))


def mixture_density(at: Array, location: Array, scale: Array, weights: Array, freedom: float) -> Array:
    """Density of the mixture of ``mixture_cdf``."""
    peak = np.exp(gammaln((freedom + 1) / 2) - gammaln(freedom / 2)) / np.sqrt(freedom * np.pi)
    squared = ((at[..., None] - location) / scale) ** 2
    return np.asarray((weights / scale * peak * np.exp(-(freedom + 1) / 2 * np.log1p(squared / freedom))).sum(axis=-1))


def mixture_quantile(levels: Array, location: Array, scale: Array, weights: Array, freedom: float) -> Array:
    """Quantiles (levels, days) of mixtures of t distributions with components (days, m).

    Newton steps from the mean of the components' quantiles, halving the bracket instead where a step would leave it.
    """
    within = location + scale * stdtrit(freedom, levels)[:, None, None]
    low, high = within.min(axis=-1), within.max(axis=-1)
    at = within @ weights
    for _ in range(MOST_STEPS):
        excess = mixture_cdf(at, location, scale, weights, freedom) - levels[:, None]
        if np.all(np.abs(excess) < CLOSE_ENOUGH):
            break
        low, high = np.where(excess < 0, at, low), np.where(excess < 0, high, at)
        step = at - excess / np.maximum(mixture_density(at, location, scale, weights, freedom), 1e-300)
        at = np.where((low <= step) & (step <= high), step, (low + high) / 2)
    return np.asarray(at)


def weighted_quantile(values: Array, weights: Array, levels: Array) -> Array:
    """Quantiles of weighted draws, by interpolation at the middle of each draw's mass.

    >>> weighted_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3) / 3, np.array([0.5])).tolist()
    [2.0]
    """
    order = np.argsort(values, kind="stable")
    mass = weights[order]
    return np.asarray(np.interp(levels, np.cumsum(mass) - mass / 2, values[order]))
