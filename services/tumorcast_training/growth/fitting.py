"""Empirical Bayes fit of the population prior: form, parameters and calibration, from training patients only.

Everything here sees the patients it is given and no others; the evaluation hands it training folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth.kinetics import Array, Form
from tumorcast_fusion.model.growth.prior import PopulationPrior
from tumorcast_training.growth.calibration import NO_DAMPING_DAYS, calibrate, choose_damping
from tumorcast_training.growth.likelihood import Padded, Population, log_likelihood
from tumorcast_training.growth.reader import Course

OFFSET_MM = 5.0
"""RECIST 1.1, section 4.3.2: a target too small to measure counts as 5 mm."""
FEWEST_PATIENTS = 20
INNER_FOLDS = 3
LONGEST_HORIZON_DAYS = 730.0
ITERATIONS = 40
START_SCATTER = np.log([0.15, 0.2, 5.0])
"""Where the search starts: noise 15 %, drift 20 % in 100 days, 5 degrees of freedom."""


def _start(form: Form) -> Array:
    """Half-life under kill 170 days, doubling in 1,000; 62 % resistant with twice the kill in the second form; SD 1."""
    mean = [np.log(0.004), np.log(0.0007)] if form is Form.GROWTH_KILL else [np.log(0.008), np.log(0.0007), 0.5]
    size = form.parameter_count
    return np.concatenate([mean, np.zeros(size), np.zeros(size * (size - 1) // 2), START_SCATTER])


def fit_population(courses: Sequence[Course], form: Form) -> Population:
    """Maximize the marginal likelihood, with a normal penalty (SD 1.4) that keeps the search near its start.

    Patients with one scan say nothing of change and are left out.
    """
    padded = Padded.of([course for course in courses if len(course.days) > 1], OFFSET_MM)
    start = _start(form)

    def loss(vector: Array) -> float:
        fit = log_likelihood(Population.unpack(form, vector), padded).sum()
        return float(0.25 * ((vector - start) ** 2).sum() - fit)

    found = minimize(loss, start, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return Population.unpack(form, found.x)


@dataclass(frozen=True, slots=True)
class FormChoice:
    """Which form was chosen, and the richer one's gain in held-out log density a patient with its standard error."""

    form: Form
    gain: float
    standard_error: float


def choose_form(courses: Sequence[Course], seed: int) -> FormChoice:
    """Take the resistant-fraction form only where its inner cross-validated log density gains two standard errors."""
    many = [course for course in courses if len(course.days) > 1]
    folds = balanced_folds(len(many), INNER_FOLDS, seed)
    scores = np.zeros((2, len(many)))
    for fold in range(INNER_FOLDS):
        training = [course for course, of in zip(many, folds, strict=True) if of != fold]
        held_out = Padded.of([course for course, of in zip(many, folds, strict=True) if of == fold], OFFSET_MM)
        for row, form in enumerate(Form):
            scores[row, folds == fold] = log_likelihood(fit_population(training, form), held_out)
    gain = scores[1] - scores[0]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    chosen = Form.RESISTANT_FRACTION if gain.mean() > 2 * error else Form.GROWTH_KILL
    return FormChoice(chosen, float(gain.mean()), error)


def balanced_folds(count: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Assign ``count`` patients to folds of equal size, at random by seed."""
    return np.asarray(np.random.default_rng(seed).permutation(count) % folds, dtype=np.int64)


def fit_prior(courses: Sequence[Course], form: Form) -> PopulationPrior:
    """Fit and calibrate the prior of one form; fewer than 20 patients with two scans raise ``InvalidInput``."""
    if sum(len(course.days) > 1 for course in courses) < FEWEST_PATIENTS:
        raise InvalidInput(f"A growth prior needs at least {FEWEST_PATIENTS} patients with two scans.")
    found = fit_population(courses, form)
    covariance = found.factor @ found.factor.T
    gaps = np.concatenate([np.diff(course.days) for course in courses])
    prior = PopulationPrior(
        form=form,
        mean=tuple(found.mean.tolist()),
        covariance=tuple(tuple(row) for row in ((covariance + covariance.T) / 2).tolist()),
        offset_mm=OFFSET_MM,
        noise_sd=found.noise_sd,
        drift_sd_per_100_days=found.drift_sd,
        damping_days=NO_DAMPING_DAYS,
        degrees_of_freedom=found.degrees_of_freedom,
        scale_inflation=1.0,
        largest_degrees_of_freedom=1e6,
        visit_interval_days=float(np.round(np.median(gaps))),
        longest_horizon_days=LONGEST_HORIZON_DAYS,
        patients=len(courses),
        scans=sum(len(course.days) for course in courses),
    )
    return calibrate(choose_damping(prior, courses), courses)
