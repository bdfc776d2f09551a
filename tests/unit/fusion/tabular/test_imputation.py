"""What is expected of a missing column given the known ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorcast_fusion.model.tabular import Gaussian

BIVARIATE = Gaussian(np.array([1.0, 2.0]), np.array([[4.0, 3.0], [3.0, 9.0]]))
ALL = np.array([True, True])


def test_a_missing_column_gets_its_conditional_mean_and_variance() -> None:
    """By hand: 2 + 3/4 (3 - 1) = 3.5 with variance 9 - 9/4 = 6.75; the other way 1 + 3/9 (5 - 2) = 2, 4 - 1 = 3."""
    filled, gaps = BIVARIATE.complete(np.array([[3.0, np.nan], [np.nan, 5.0]]), ALL)
    assert filled == pytest.approx(np.array([[3, 3.5], [2, 5]]))
    variance = BIVARIATE.variance_of(np.array([2.0, 1.0]), gaps, 2)
    assert variance == pytest.approx([6.75, 4 * 3])


def test_without_any_known_column_the_mean_and_the_whole_variance_stand() -> None:
    filled, gaps = BIVARIATE.complete(np.full((1, 2), np.nan), ALL)
    assert filled[0] == pytest.approx([1, 2])
    assert BIVARIATE.variance_of(np.array([1.0, -1.0]), gaps, 1) == pytest.approx([4 + 9 - 6])


def test_a_column_that_is_not_wanted_is_zero_and_tells_nothing() -> None:
    filled, _ = BIVARIATE.complete(np.array([[9.0, np.nan]]), np.array([False, True]))
    assert filled[0] == pytest.approx([0, 2])


@given(arrays(float, (5, 3), elements=st.floats(-3, 3)), arrays(bool, (5, 3)))
def test_known_values_stay_and_nothing_stays_missing(z: np.ndarray, known: np.ndarray) -> None:
    gaussian = Gaussian.fit(np.random.default_rng(0).standard_normal((50, 3)))
    filled, _ = gaussian.complete(np.where(known, z, np.nan), np.ones(3, dtype=bool))
    assert filled[known].tolist() == z[known].tolist()
    assert np.isfinite(filled).all()


def test_the_fit_is_that_of_the_moments_shrunk_to_the_diagonal() -> None:
    z = np.random.default_rng(1).standard_normal((400, 2)) @ np.array([[1.0, 0.8], [0, 0.6]])
    found = Gaussian.fit(z, shrinkage=0.1)
    expected = np.cov(z.T, bias=True)
    assert found.mean == pytest.approx(z.mean(axis=0))
    assert np.diag(found.covariance) == pytest.approx(np.diag(expected))
    assert found.covariance[0, 1] == pytest.approx(0.9 * expected[0, 1])


def test_weights_count_as_repeated_rows() -> None:
    rng = np.random.default_rng(2)
    z = np.where(rng.random((60, 3)) < 0.2, np.nan, rng.standard_normal((60, 3)))
    weight = rng.integers(0, 3, 60)
    weighed, repeated = Gaussian.fit(z, weight=weight.astype(float)), Gaussian.fit(np.repeat(z, weight, axis=0))
    assert weighed.mean == pytest.approx(repeated.mean)
    assert weighed.covariance == pytest.approx(repeated.covariance)


@pytest.mark.parametrize(
    "z",
    [
        np.full((4, 3), np.nan),
        np.ones((1, 3)),
        np.tile(np.arange(6.0)[:, None], (1, 3)),
        np.array([[1, np.nan, 2], [np.nan, 1, np.nan], [2, np.nan, 1.0]]),
        np.zeros((0, 3)),
    ],
    ids=["nothing known", "one row", "collinear", "never together", "no rows"],
)
def test_any_table_can_be_fitted_and_completed(z: np.ndarray) -> None:
    gaussian = Gaussian.fit(z)
    filled, gaps = gaussian.complete(np.array([[0.5, np.nan, np.nan], [np.nan] * 3]), np.ones(3, dtype=bool))
    assert np.isfinite(filled).all()
    assert (gaussian.variance_of(np.ones(3), gaps, 2) >= 0).all()
    assert np.linalg.eigvalsh(gaussian.covariance).min() > 0
