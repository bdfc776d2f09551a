"""What is known of the population before a patient's scans: aggregates only, read and written as plain YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model.growth.kinetics import Array, Form

POSITIVE = (
    "offset_mm",
    "noise_sd",
    "drift_sd_per_100_days",
    "damping_days",
    "degrees_of_freedom",
    "scale_inflation",
    "largest_degrees_of_freedom",
    "visit_interval_days",
    "longest_horizon_days",
)


@dataclass(frozen=True, slots=True)
class PopulationPrior:
    """Population of growth-kill parameters, and how scans scatter about a patient's course.

    The modeled quantity is z = log(sum + ``offset_mm``). A constant error of z is an error of the sum that is part
    proportional (``noise_sd`` x sum) and part additive (``noise_sd`` x ``offset_mm``); a sum of 0 has a finite z. The
    size at the first scan has no prior at all, so only relative change is learned from the population: multiplying sums
    and ``offset_mm`` by one factor multiplies the forecast by it.

    ``mean`` and ``covariance`` are of (log d, log g[, logit p]), d and g per day. ``drift_sd_per_100_days`` is the
    random walk about the law, on the log scale. Beyond the last scan the law's time slows down: D days ahead count as
    ``damping_days`` x (1 - exp(-D / ``damping_days``)), a damped trend. All scatter of one patient shares a scale whose
    square is inverse gamma with ``degrees_of_freedom``. ``scale_inflation`` widens the predictions and
    ``largest_degrees_of_freedom`` caps how light their tails become; these two and the damping were chosen on forecasts
    of the patients that the prior was fitted on. ``visit_interval_days`` is the usual time between scans. Forecasts
    end ``longest_horizon_days`` after the last scan.
    """

    form: Form
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    offset_mm: float
    noise_sd: float
    drift_sd_per_100_days: float
    damping_days: float
    degrees_of_freedom: float
    scale_inflation: float
    largest_degrees_of_freedom: float
    visit_interval_days: float
    longest_horizon_days: float
    patients: int
    scans: int

    def __post_init__(self) -> None:
        size = self.form.parameter_count
        matrix = np.asarray(self.covariance, dtype=float)
        if len(self.mean) != size or matrix.shape != (size, size) or not np.all(np.isfinite(self.mean)):
            raise InvalidInput("The growth prior's mean and covariance do not fit its form.")
        if not np.all(np.isfinite(matrix)) or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
            raise InvalidInput("The growth prior's covariance is not symmetric and positive definite.")
        if any(not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0) for name in POSITIVE):
            raise InvalidInput("Every scale of the growth prior must be a positive number.")

    @property
    def factor(self) -> Array:
        """Lower Cholesky factor of the covariance, (parameters, parameters)."""
        return np.asarray(np.linalg.cholesky(np.asarray(self.covariance, dtype=float)))

    @classmethod
    def from_mapping(cls, source: Mapping[str, Any]) -> PopulationPrior:
        """Build a prior from plain data; an unknown, missing or ill-typed entry raises ``InvalidInput``."""
        if not isinstance(source, Mapping) or set(source) != {entry.name for entry in fields(cls)}:
            raise InvalidInput("The growth prior lacks an entry or has an unknown one.")
        try:
            return cls(
                form=Form(source["form"]),
                mean=tuple(float(value) for value in source["mean"]),
                covariance=tuple(tuple(float(value) for value in row) for row in source["covariance"]),
                patients=int(source["patients"]),
                scans=int(source["scans"]),
                **{name: float(source[name]) for name in POSITIVE},
            )
        except (TypeError, ValueError) as e:
            raise InvalidInput("The growth prior has an entry of the wrong type.") from e

    def to_mapping(self) -> dict[str, Any]:
        """Plain data that YAML and JSON can write."""
        return {
            "form": str(self.form),
            "mean": list(self.mean),
            "covariance": [list(row) for row in self.covariance],
            **{name: getattr(self, name) for name in POSITIVE},
            "patients": self.patients,
            "scans": self.scans,
        }

    @classmethod
    def load(cls, path: Path) -> PopulationPrior:
        """Read a YAML (or JSON) file; one that cannot be read raises ``InvalidInput``."""
        try:
            source = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
            raise InvalidInput("The growth prior cannot be read.") from e
        return cls.from_mapping(source)

    def save(self, path: Path) -> None:
        """Write the prior as YAML; reading it back gives the same numbers to the bit."""
        path.write_text(yaml.safe_dump(self.to_mapping(), sort_keys=False), encoding="utf-8")
