"""One simulated patient: traits, what of them is observed, and what happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from tumorcast_training.simulator import process
from tumorcast_training.simulator.oracle import TRAITS_OF_GROUP, Observed
from tumorcast_training.simulator.phantom import Shape, draw_shape
from tumorcast_training.simulator.process import Traits

FIRST_START = date(2024, 1, 1)
CENSORING_DAYS = (300.0, 900.0)
LDH_NOT_MEASURED = 0.10


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """Everything the process drew for one patient; ``missing`` names input groups, ``not_measured`` single traits."""

    id: str
    traits: Traits
    shape: Shape
    start: date
    follow_up_diameter_mm: float
    missing: frozenset[str]
    not_measured: frozenset[str]
    responded: bool
    pfs_days: float
    censored_days: float

    @property
    def index_date(self) -> date:
        """Day of the early CT: time zero."""
        return self.start + timedelta(days=process.INDEX_DAY)

    @property
    def baseline_diameter_mm(self) -> float:
        return float(process.baseline_diameter_mm(self.traits)[0])

    def trait(self, name: str) -> float:
        return float(self.traits[name][0])

    def observed(self) -> Observed:
        """What a perfect reader of the patient's files knows."""
        known = {name for group, names in TRAITS_OF_GROUP.items() if group not in self.missing for name in names}
        return Observed(
            traits={name: self.trait(name) for name in known - self.not_measured},
            missing=self.missing,
            follow_up_diameter_mm=None if "ct_follow_up" in self.missing else self.follow_up_diameter_mm,
        )


def draw_patient(seed: int, number: int, *, complete: bool = False) -> SimulatedPatient:
    """Draw patient ``number`` of the cohort ``seed``; the same two numbers always give the same patient.

    Patients who die before the index day are drawn again. ``complete`` gives one from whom nothing is missing.
    """
    rng = np.random.default_rng([seed, number])
    while True:
        traits = process.draw_traits(rng, 1)
        missing = {g for g, p in process.missing_probability(traits).items() if rng.random() < p[0]}
        alive = rng.random() < np.exp(-process.INDEX_DAY * process.hazards_per_day(traits)[0][0])
        not_measured = {"ldh"} if rng.random() < LDH_NOT_MEASURED else set()
        if alive and not (complete and (missing or not_measured)):
            break
    responded, pfs_days = process.outcomes(traits, *process.draw_event_days(rng, traits))
    early = process.relative_size(traits, np.array([float(process.INDEX_DAY)]))[0, 0]
    apparent = early * np.exp(process.FOLLOW_UP_NOISE * rng.standard_normal())
    return SimulatedPatient(
        id=f"SIM-{seed:04d}-{number:05d}",
        traits=traits,
        shape=draw_shape(rng, traits["necrosis"][0], traits["spiculation"][0]),
        start=FIRST_START + timedelta(days=int(rng.integers(0, 730))),
        follow_up_diameter_mm=float(process.baseline_diameter_mm(traits)[0] * apparent),
        missing=frozenset(missing),
        not_measured=frozenset(not_measured),
        responded=bool(responded[0]),
        pfs_days=float(pfs_days[0]),
        censored_days=float(rng.uniform(*CENSORING_DAYS)),
    )
