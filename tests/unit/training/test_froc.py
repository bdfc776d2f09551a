"""Free-response ROC by hand, and simulated whole bodies that are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from support.clicks import ball
from tumorcast_imaging.model.candidates import candidates, organs_told
from tumorcast_training.candidates.froc import Scored, froc, scored
from tumorcast_training.candidates.whole_body import STEP_MM, simulate


def test_the_curve_of_ten_scans_is_the_one_counted_by_hand() -> None:
    scans = [Scored((0.9,), (0.5,))] * 5 + [Scored((0.4, -np.inf), (0.6, 0.3))] * 5
    curve = froc(scans, samples=50)
    sensitivity = {rate: found[0] for rate, found in curve.items() if found}
    assert sensitivity["0.25"] == pytest.approx(5 / 15, abs=1e-4)
    assert sensitivity["1"] == pytest.approx(10 / 15, abs=1e-4)
    assert sensitivity["8"] == pytest.approx(10 / 15, abs=1e-4)
    assert all(low <= high for _, low, high in filter(None, curve.values()))


def test_a_candidate_hits_the_lesion_it_shares_voxels_with_and_another_is_a_false_alarm() -> None:
    volume, lesion, _ = ball("PT", index=(10.0, 12.0, 12.0), radius_mm=10)
    _, other, _ = ball("PT", index=(28.0, 30.0, 34.0), radius_mm=10)
    volume.array[other] = 15
    found = candidates(volume)
    assert scored(found, [lesion], [2.0, 1.0]) == Scored((1.0,), (2.0,))
    assert scored([], [lesion], []) == Scored((-np.inf,), ())


def test_a_simulated_patient_is_the_same_each_time_and_holds_its_lesions() -> None:
    one, other, healthy = simulate(5, lesions=3), simulate(5, lesions=3), simulate(5, lesions=0)
    assert np.array_equal(one.volume.array, other.volume.array)
    assert len(one.lesions) == 3
    assert healthy.lesions == ()
    assert organs_told(one.volume)
    for mask, diameter in zip(one.lesions, one.diameters_mm, strict=True):
        ball_ml = np.pi / 6 * diameter**3 / 1000
        assert mask.sum() * STEP_MM**3 / 1000 == pytest.approx(ball_ml, rel=0.6, abs=0.3)


def test_brain_and_bladder_of_a_healthy_simulated_patient_are_named() -> None:
    found = candidates(simulate(11, lesions=0).volume)
    assert {"brain", "bladder"} <= {candidate.physiologic for candidate in found}
    assert all(candidate.score < 0.1 for candidate in found if candidate.physiologic)
