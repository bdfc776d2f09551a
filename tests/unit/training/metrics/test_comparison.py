"""Paired tests on folds: by hand, and at their level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_training.metrics import corrected_resampled_t, holm


def test_the_corrected_t_by_hand() -> None:
    # Differences 1, 2, 3, 4, 5 (x 0.01): mean 3, s² = 2.5; (1/5 + 1/4) 2.5 = 1.125, its root 1.06066; t = 2.8284 on 4;
    # t(.95, 4) = 2.13185, so the bound is 3 - 2.2612 = 0.7388. P(T > 2.8284) = .0237 (Student's table: .025 at 2.776).
    found = corrected_resampled_t(np.array([0.01, 0.02, 0.03, 0.04, 0.05]))
    assert found is not None
    assert found.mean == pytest.approx(0.03)
    assert found.standard_error == pytest.approx(0.0106066, abs=1e-7)
    assert found.lower == pytest.approx(0.007388, abs=1e-6)
    assert found.p == pytest.approx(0.0237, abs=1e-4)
    assert found.clears_noise


def test_the_margin_moves_the_p_value_only() -> None:
    differences = np.array([0.01, -0.01, 0.0, 0.005, -0.005])
    superior, not_inferior = (corrected_resampled_t(differences, margin=m) for m in (0.0, -0.02))
    assert superior is not None
    assert not_inferior is not None
    assert superior.p == pytest.approx(0.5)
    assert not_inferior.p < 0.05
    assert not_inferior.lower == superior.lower > -0.02


@pytest.mark.parametrize(("differences", "expected"), [([0.0] * 5, 1.0), ([0.02] * 5, 0.0), ([-0.02] * 5, 1.0)])
def test_equal_differences_are_decided_by_their_sign(differences: list[float], expected: float) -> None:
    found = corrected_resampled_t(np.array(differences))
    assert found is not None
    assert found.p == expected
    assert found.lower == found.mean


def test_too_few_folds_give_nothing() -> None:
    assert corrected_resampled_t(np.array([0.1])) is None
    assert corrected_resampled_t(np.array([0.1, np.nan])) is None


def test_holm_by_hand() -> None:
    # As stats::p.adjust(c(.01, .02, .03, .04), "holm") of R gives it: .04 .06 .06 .06.
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.5, 0.01]) == pytest.approx([0.5, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = np.array(holm(p_values))
    assert (adjusted >= np.array(p_values)).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
