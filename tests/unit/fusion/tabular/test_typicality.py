"""How typical a patient is: laws of the distance, and of what is said to be unusual."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tumorcast_fusion.model.manifest import Scaling
from tumorcast_fusion.model.tabular import Gaussian
from tumorcast_fusion.model.tabular.abstaining import far_outside, unlike_training
from tumorcast_fusion.model.tabular.typicality import TypicalPatients, strangeness

RNG = np.random.default_rng(0)
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
PATIENTS = RNG.multivariate_normal(np.zeros(3), COVARIANCE, 2000)
GAUSSIAN = Gaussian(np.zeros(3), COVARIANCE)
TYPICAL = TypicalPatients.fit(PATIENTS, GAUSSIAN, np.arange(2000) % 5)
nan = np.nan


def test_the_score_is_the_chi_squares_normal_score_whatever_is_known() -> None:
    """Wilson and Hilferty is good to a few hundredths of a standard deviation from two known columns on."""
    for known in ([0, 1], [0, 1, 2]):
        z = np.full(3, nan)
        z[known] = PATIENTS[0][known]
        block = COVARIANCE[np.ix_(known, known)]
        squared = float(z[known] @ np.linalg.inv(block) @ z[known])
        assert strangeness(z, GAUSSIAN) == pytest.approx(stats.norm.ppf(stats.chi2.cdf(squared, len(known))), abs=0.06)


def test_the_mean_patient_is_the_most_typical_and_percentiles_are_shares() -> None:
    assert TYPICAL.percentile(np.zeros(3)) == pytest.approx(1, abs=0.01)
    shares = np.array([TYPICAL.percentile(z) for z in PATIENTS[:500]])
    assert np.quantile(shares, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.05)


def test_what_breaks_a_correlation_is_unusual_though_each_value_is_not() -> None:
    together, apart = np.array([1.5, 1.5, 0.0]), np.array([1.5, -1.5, 0.0])
    assert TYPICAL.percentile(together) > 0.4
    assert TYPICAL.percentile(apart) < 0.01
    assert TYPICAL.unusual(apart, ("a", "b", "c")) == ("a", "b")
    assert TYPICAL.unusual(together, ("a", "b", "c")) == ()


@given(st.floats(0, 20), st.floats(1.01, 3))
def test_farther_out_is_never_more_typical(distance: float, more: float) -> None:
    near, far = (TYPICAL.percentile(np.array([nan, nan, d])) for d in (distance, distance * more))
    assert far <= near
    assert 0 <= far <= 1


def test_beyond_all_needs_more_than_any_training_patient() -> None:
    most = max(PATIENTS, key=lambda z: strangeness(z, GAUSSIAN))
    assert not TYPICAL.beyond_all(most)
    assert TYPICAL.beyond_all(3 * most)
    assert unlike_training(TYPICAL, np.stack([most, 3 * most, most]), np.array([False, False, True])).tolist() == [
        False,
        True,
        True,
    ]


def test_nothing_known_is_neither_usual_nor_unusual() -> None:
    nothing = np.full(3, nan)
    assert strangeness(nothing, GAUSSIAN) == 0
    assert TYPICAL.unusual(nothing, ("a", "b", "c")) == ()
    assert not TYPICAL.beyond_all(nothing)


def test_far_outside_needs_half_the_training_range_beyond_it() -> None:
    scaling = Scaling(mean=2, sd=1, low=0, high=4)
    assert far_outside(np.array([-2.0, -2.1, 6.0, 6.1, nan]), scaling).tolist() == [False, True, False, True, False]
    narrow = Scaling(mean=2, sd=1, low=2, high=2)
    assert far_outside(np.array([2.0, 2.001]), narrow).tolist() == [False, True]
