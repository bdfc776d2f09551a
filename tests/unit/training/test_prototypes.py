"""Groups of alike patients: never fewer than ten patients, and true to what became of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.cohorts import BINARY, BLUEPRINT, SURVIVAL, clustered, simulated
from tumorcast_fusion.model.manifest import Prototype
from tumorcast_fusion.model.tabular import Design, Gaussian
from tumorcast_fusion.model.tabular.similar import SimilarGroups
from tumorcast_training.cohorts import BinaryOutcome, Cohort
from tumorcast_training.fitting import Encoded
from tumorcast_training.prototypes import fit_prototypes


def fitted(cohort: Cohort, seed: int = 0) -> tuple[tuple[Prototype, ...], np.ndarray, Encoded]:
    columns = BLUEPRINT.fit_columns(cohort.inputs)
    encoded = Encoded.of(cohort, Design.of(BLUEPRINT.manifest(cohort.inputs), columns))
    found, centers = fit_prototypes(BLUEPRINT, cohort, encoded.design, encoded.z, Gaussian.fit(encoded.z), seed)
    return found, centers, encoded


@settings(max_examples=15)
@given(st.integers(10, 200), st.integers(0, 99))
def test_no_group_and_no_treatment_has_fewer_than_ten_patients(rows: int, seed: int) -> None:
    cohort, _ = simulated(rows, seed)
    found, centers, _ = fitted(cohort, seed)
    assert sum(p.patients for p in found) == rows
    assert len(centers) == len(found) <= 8
    for prototype in found:
        assert prototype.patients >= 10
        assert all(10 <= n <= prototype.patients for n in prototype.treatments.values())


def test_rows_of_one_patient_count_once() -> None:
    cohort, _ = simulated(30, seed=1)
    found, _, _ = fitted(clustered(cohort, 5))
    assert all(10 <= p.patients <= 30 for p in found)
    few, _ = simulated(5, seed=1)
    assert fitted(clustered(few, 20))[0] == ()


def test_fewer_than_ten_patients_are_no_group() -> None:
    cohort, _ = simulated(9, seed=1)
    found, centers, encoded = fitted(cohort)
    assert found == ()
    assert SimilarGroups(found, centers).similar(encoded.z[0]) == ()


def test_outcomes_are_those_of_the_groups_patients() -> None:
    cohort, _ = simulated(12, seed=2)
    cohort = replace(cohort, outcomes={**cohort.outcomes, BINARY: BinaryOutcome(np.array([1.0] * 3 + [0] * 9))})
    (only,), _, _ = fitted(cohort)
    response = next(o for o in only.outcomes if o.endpoint == BINARY)
    assert (response.share, response.lower, response.upper) == pytest.approx((0.25, 0.05486, 0.5719), abs=1e-4)
    for outcome in only.outcomes:
        assert 0 <= outcome.lower <= outcome.share <= outcome.upper <= 1
        assert (outcome.endpoint == BINARY) == (outcome.horizon_days == 0)
    assert {o.horizon_days for o in only.outcomes if o.endpoint == SURVIVAL} <= {182, 365}


def test_outcomes_known_of_fewer_than_ten_patients_are_not_told() -> None:
    cohort, _ = simulated(30, seed=3)
    value = np.where(np.arange(30) < 3, 1.0, np.nan)
    hidden = replace(cohort, outcomes={**cohort.outcomes, BINARY: BinaryOutcome(value)})
    assert BINARY not in {o.endpoint for p in fitted(clustered(hidden, 4))[0] for o in p.outcomes}


def test_a_training_patient_is_nearest_to_her_own_group_and_the_same_seed_gives_the_same_groups() -> None:
    cohort, _ = simulated(160, seed=4, gaps=0, whole_groups=0)
    found, centers, encoded = fitted(cohort)
    again, same, _ = fitted(cohort)
    assert found == again
    assert np.array_equal(centers, same)
    groups = SimilarGroups(found, centers)
    nearest = np.array([groups.nearest(z)[0][0] for z in encoded.z])
    assert np.bincount(nearest).tolist() == pytest.approx([p.patients for p in found], abs=2)


def test_groups_are_described_by_what_sets_them_apart() -> None:
    cohort, _ = simulated(120, seed=5)
    assert all(p.description for p in fitted(cohort)[0])
