"""Learners: what fits linear, boosted and gated predictors to a training set."""

from tumorcast_training.learners.boosted import BoostedRecipe, fit_boosted
from tumorcast_training.learners.gated import GatedRecipe, fit_gated
from tumorcast_training.learners.linear import LinearRecipe, fit_linear
from tumorcast_training.learners.target import Target, TrainingSet

__all__ = [
    "BoostedRecipe",
    "GatedRecipe",
    "LinearRecipe",
    "Target",
    "TrainingSet",
    "fit_boosted",
    "fit_gated",
    "fit_linear",
]
