"""Ridge-penalized likelihoods of one endpoint on completed columns: logistic, proportional odds, proportional hazards.

All are fitted by Newton's method on standardized columns; the penalty is ``l2 / 2 * |coefficients|^2`` on a summed log
likelihood, intercepts free. ``leave_one_out`` gives each row the link that a fit without it would (approximately: Rad
and Maleki, JRSS B 2020, 82:965), which is what penalty and calibration are chosen by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_STEPS = 30
_TOLERANCE = 1e-6
_MAX_LEVERAGE = 0.95


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """Coefficients (p,), offsets (points,), and the leave-one-out linear part (n,) without offsets."""

    coefficients: Array
    offsets: Array
    leave_one_out: Array


def fit_logistic(x: Array, reached: Array, l2: float, weight: Array) -> RidgeFit:
    """Ridge logistic regression: x (n, p), weights (n,), reached (n, K - 1) in {0, 1}, one column for a binary outcome.

    For ordered outcomes column k says whether category k + 1 was reached: slopes are shared, offsets are per column,
    and the columns of a row count as independent (proportional odds, McCullagh 1980, by a working independence
    likelihood).
    """
    (n, p), points = x.shape, reached.shape[1]
    design = np.concatenate([np.column_stack([np.tile(np.eye(points)[k], (n, 1)), x]) for k in range(points)])
    y, w = reached.T.ravel(), np.tile(weight, points)
    penalty = np.diag([1e-6] * points + [l2] * p)
    theta = np.zeros(points + p)
    rate = np.clip(np.average(reached, axis=0, weights=weight), 0.01, 0.99)
    theta[:points] = np.log(rate / (1 - rate))
    for _ in range(_STEPS):
        mu, curvature = _logistic(design @ theta)
        hessian = (design * (w * curvature)[:, None]).T @ design + penalty
        step = np.linalg.solve(hessian, design.T @ (w * (y - mu)) - penalty @ theta)
        theta = theta + step * min(1.0, 3.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < _TOLERANCE:
            break
    mu, curvature = _logistic(design @ theta)
    lever = np.einsum("ij,ij->i", design, np.linalg.solve(hessian, design.T).T)
    leverage = (w * curvature * lever).reshape(points, n).sum(axis=0)
    residual = (w * (y - mu)).reshape(points, n).sum(axis=0)
    shift = lever.reshape(points, n).mean(axis=0) * residual / (1 - np.minimum(leverage, _MAX_LEVERAGE))
    return RidgeFit(theta[points:], theta[:points], x @ theta[points:] - shift)


def _logistic(eta: Array) -> tuple[Array, Array]:
    mu = 1 / (1 + np.exp(-np.clip(eta, -30, 30)))
    return mu, np.maximum(mu * (1 - mu), 1e-9)


@dataclass(frozen=True, eq=False)
class PersonPeriods:
    """Discrete-time form of times, each (n, T).

    ``event``: share of the event in each interval; ``exposure``: share of the interval at risk; ``window``: for an
    event that only a visit revealed, the share of the interval in which it may lie (0 where the day is exact).
    """

    event: Array
    exposure: Array
    window: Array

    @classmethod
    def of(cls, days: Array, event_free_days: Array, happened: NDArray[np.bool_], edges_days: Array) -> PersonPeriods:
        """An interval is open below and closed above; the event is shared evenly over its window at first.

        An event on day 0 is one of the first interval; one seen after the last end counts as none before it.
        """
        edges = np.concatenate([[0.0], edges_days])
        start, width = edges[:-1], np.diff(edges)
        seen = np.clip((days[:, None] - start) / width, 0, 1)
        free = np.clip((np.minimum(event_free_days, days)[:, None] - start) / width, 0, 1)
        inside = (happened & (days <= edges[-1]))[:, None]
        window = np.where(inside & (event_free_days < days)[:, None], seen - free, 0.0)
        exact = inside & ((days[:, None] > start) | (start <= 0)) & (days[:, None] <= edges[1:])
        total = (window * width).sum(axis=1, keepdims=True)
        share = np.where(total > 0, window * width / np.maximum(total, 1e-12), exact)
        return cls._with_shares(share, seen, window)

    @classmethod
    def _with_shares(cls, share: Array, seen: Array, window: Array) -> PersonPeriods:
        """Time at risk ends where the event is expected: on average in the middle of its part of the window."""
        left = 1 - np.cumsum(share, axis=1) + share / 2
        return cls(share, np.where(window > 0, seen - window + window * left, seen), window)

    def reallocated(self, linear: Array, offsets: Array) -> PersonPeriods:
        """The expected place of interval-censored events under a fit: the E step of Turnbull, JRSS B 1976, 38:290."""
        risk = np.exp(np.clip(linear, -20, 20))[:, None]
        hazard = np.diff(np.exp(offsets), prepend=0.0)
        seen = self._seen()
        before = np.cumsum(hazard) - hazard + (seen - self.window) * hazard
        density = np.exp(-risk * before) * -np.expm1(-risk * self.window * hazard)
        total = density.sum(axis=1, keepdims=True)
        unsure = total > 0
        share = np.where(unsure, density / np.where(unsure, total, 1.0), self.event)
        return self._with_shares(share, np.where(self.window > 0, seen, self.exposure), self.window)

    def _seen(self) -> Array:
        """Exposure if the event were at the end of its window."""
        left = 1 - np.cumsum(self.event, axis=1) + self.event / 2
        return self.exposure + self.window * (1 - left)

    def __getitem__(self, rows: NDArray[np.int64]) -> PersonPeriods:
        return PersonPeriods(self.event[rows], self.exposure[rows], self.window[rows])


def fit_hazards(x: Array, periods: PersonPeriods, l2: float, weight: Array, start: Array | None = None) -> RidgeFit:
    """Ridge proportional hazards with a piecewise-constant baseline; offsets are log cumulative baseline hazards (T,).

    The same estimate as Cox's with ties by Breslow as intervals shrink, but with an absolute hazard; ``start`` (p,) is
    where the search begins. Each interval's baseline is drawn toward the overall one as if by one more patient of
    average risk, so that an interval without events has a hazard.
    """
    p = x.shape[1]
    beta = np.zeros(p) if start is None else start.copy()
    events = (weight[:, None] * periods.event).sum(axis=0)
    exposure = weight[:, None] * periods.exposure
    deaths = weight * periods.event.sum(axis=1)
    for _ in range(_STEPS):
        risk = np.exp(np.clip(x @ beta, -20, 20))
        baseline = _baseline(events, exposure, risk)
        mu = risk * (exposure @ baseline)
        at_risk = (exposure * risk[:, None] * baseline).T @ x
        total = np.maximum((exposure * risk[:, None] * baseline).sum(axis=0), 1e-12)
        hessian = (x * mu[:, None]).T @ x - (at_risk / total[:, None]).T @ at_risk + l2 * np.eye(p)
        step = np.linalg.solve(hessian, x.T @ (deaths - mu) - l2 * beta)
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-12)) if p else beta
        if not p or np.abs(step).max() < _TOLERANCE:
            break
    risk = np.exp(np.clip(x @ beta, -20, 20))
    baseline = _baseline(events, exposure, risk)
    mu = risk * (exposure @ baseline)
    h = mu * np.einsum("ij,ij->i", x, np.linalg.solve(hessian, x.T).T) if p else np.zeros(len(x))
    h = np.clip(h, 0, _MAX_LEVERAGE)
    loo = x @ beta - h / (1 - h) * (deaths - mu) / np.maximum(mu, 1e-9)
    return RidgeFit(beta, np.log(np.maximum(np.cumsum(baseline), 1e-12)), loo)


def _baseline(events: Array, exposure: Array, risk: Array) -> Array:
    return baseline_of(events, exposure.T @ risk)


def baseline_of(events: Array, expected: Array) -> Array:
    """Hazard of each interval from events and expected exposure (T,), drawn a little toward the overall one."""
    overall = (events.sum() + 0.5) / max(expected.sum(), 1e-9)
    out: Array = (events + overall) / (expected + 1.0)
    return out


def deviance_logistic(linear: Array, offsets: Array, reached: Array, weight: Array) -> float:
    """Mean negative log likelihood of a linear part (n,) over offsets (K - 1,)."""
    eta = linear[:, None] + offsets
    each = (np.logaddexp(0, eta) - reached * eta).sum(axis=1)
    return float(np.average(each, weights=weight))


def deviance_hazards(linear: Array, offsets: Array, periods: PersonPeriods, weight: Array) -> float:
    """Mean negative log likelihood per row of a linear part (n,) over a baseline (T,)."""
    hazard = np.maximum(np.diff(np.exp(offsets), prepend=0.0), 1e-12)
    eta = np.clip(linear, -20, 20)
    each = np.exp(eta) * (periods.exposure @ hazard) - periods.event @ np.log(hazard) - periods.event.sum(axis=1) * eta
    return float(np.average(each, weights=weight))
