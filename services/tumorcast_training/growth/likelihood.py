"""Marginal likelihood of many patients' scans under a population, integrated over fixed quasi-random draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from tumorcast_fusion.model.growth.kinetics import Array, Form, covariance, log_relative_size, parameter_draws
from tumorcast_training.growth.reader import Course

FITTING_DRAWS = 128


@dataclass(frozen=True, slots=True)
class Population:
    """What is fitted: ``mean`` and lower Cholesky ``factor`` of the parameters, and the scatter about the law."""

    form: Form
    mean: Array
    factor: Array
    noise_sd: float
    drift_sd: float
    degrees_of_freedom: float

    @classmethod
    def unpack(cls, form: Form, vector: Array) -> Population:
        """From means, log diagonal, below-diagonal and log scatter in one row of numbers."""
        size = form.parameter_count
        factor = np.diag(np.exp(vector[size : 2 * size]))
        factor[np.tril_indices(size, -1)] = vector[2 * size : -3]
        noise, drift, freedom = np.exp(vector[-3:])
        return cls(form, vector[:size], factor, float(noise), float(drift), float(freedom))


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Scans of many patients: flat (scans,) with their ``patient`` and ``place``, and padded times (patients, most)."""

    days: Array
    z: Array
    patient: NDArray[np.int64]
    place: NDArray[np.int64]
    times: Array
    present: Array

    @classmethod
    def of(cls, courses: Sequence[Course], offset_mm: float) -> Padded:
        lengths = [len(course.days) for course in courses]
        patient = np.repeat(np.arange(len(courses), dtype=np.int64), lengths)
        place = np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])
        days = np.concatenate([course.days for course in courses])
        z = np.log(np.concatenate([course.sums_mm for course in courses]) + offset_mm)
        times, present = np.zeros((2, len(courses), max(lengths)))
        times[patient, place] = days
        present[patient, place] = 1.0
        return cls(days, z, patient, place, times, present)


def log_likelihood(population: Population, padded: Padded) -> Array:
    """Log density of every patient's scans given the first one's size, (patients,).

    Given a draw, the residuals are a multivariate t about a level with a flat prior, which takes one dimension away.
    """
    present, most = padded.present, padded.times.shape[1]
    both = present[:, :, None] * present[:, None, :]
    scatter = covariance(
        population.noise_sd, population.drift_sd, padded.times[:, :, None], padded.times[:, None, :], np.eye(most)
    )
    whitening = np.linalg.inv(np.linalg.cholesky(scatter * both + np.eye(most) * (1 - both)))
    draws = parameter_draws(population.mean, population.factor, FITTING_DRAWS)
    left = np.zeros((*present.shape, FITTING_DRAWS))
    left[padded.patient, padded.place] = padded.z[:, None] - log_relative_size(population.form, draws, padded.days)
    white, ones = whitening @ left, (whitening @ present[:, :, None])[..., 0]
    information = (ones**2).sum(axis=1)
    quadratic = (white**2).sum(axis=1) - (ones[:, None, :] @ white)[:, 0] ** 2 / information[:, None]
    log_determinant = -2 * np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(axis=1) + np.log(information)
    freedom, gained = population.degrees_of_freedom, present.sum(axis=1)[:, None] - 1
    density = gammaln((freedom + gained) / 2) - gammaln(freedom / 2) - gained / 2 * np.log(freedom * np.pi)
    density = density - log_determinant[:, None] / 2
    density = density - (freedom + gained) / 2 * np.log1p(np.maximum(quadratic, 0) / freedom)
    return np.asarray(logsumexp(density, axis=1) - np.log(FITTING_DRAWS))
