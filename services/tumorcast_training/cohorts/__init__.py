"""Cohorts: tables of patients with their outcomes, one reader per data set."""

from tumorcast_training.cohorts.base import (
    BinaryOutcome,
    Cohort,
    OrdinalOutcome,
    Outcome,
    SurvivalOutcome,
)

__all__ = ["BinaryOutcome", "Cohort", "OrdinalOutcome", "Outcome", "SurvivalOutcome"]
