"""Simulated patients: a written-down process, its oracle, rendered as DICOM, FHIR and notes. Never for care."""

from tumorcast_training.simulator.cohort import simulate

__all__ = ["simulate"]
