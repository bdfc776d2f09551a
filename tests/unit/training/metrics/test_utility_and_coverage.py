"""Net benefit, prediction sets and lower bounds."""

import numpy as np
import pytest

from tumorcast_training.metrics import bound_coverage, clopper_pearson, in_set, net_benefit, net_benefit_at


def test_net_benefit_by_hand() -> None:
    # At .25: treated are the last three, two of them true: 2/5 - 1/5 * 1/3.
    y, p = np.array([0.0, 1, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.6, 0.9])
    assert net_benefit(y, p, 0.25)[0] == pytest.approx(2 / 5 - 1 / 15)
    assert net_benefit(y, np.ones(5), 0.25)[0] == pytest.approx(3 / 5 - 2 / 15)
    assert net_benefit(y, np.zeros(5), 0.25)[0] == 0


def test_net_benefit_over_time_is_the_binary_one_without_censoring() -> None:
    days, p = np.array([10.0, 20, 30, 40, 50]), np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    found = net_benefit_at(days, np.array([1, 1, 2, 1, 1]), p, 25.0, 0.25)
    assert found[0] == pytest.approx(net_benefit(np.array([1.0, 1, 0, 0, 0]), p, 0.25)[0])


def test_net_benefit_over_time_reads_the_treated_by_kaplan_meier() -> None:
    # Treated: events at 10 and 30, censored at 20, free at 60: S(40) = 3/4 * 1/2, so 5/8 of 4 have it; 4 of 5 treated.
    days, event = np.array([10.0, 20, 30, 60, 60]), np.array([1, 0, 1, 0, 0])
    found = net_benefit_at(days, event, np.array([0.9, 0.9, 0.9, 0.9, 0.1]), 40.0, 0.5)
    assert found[0] == pytest.approx(0.8 * (0.625 - 0.375))


def test_nobody_treated_has_no_benefit_and_no_follow_up_has_no_answer() -> None:
    days, event = np.array([10.0, 20, 60]), np.array([1, 0, 0])
    assert net_benefit_at(days, event, np.full(3, 0.1), 40.0, 0.5)[0] == 0
    assert np.isnan(net_benefit_at(days, event, np.array([0.9, 0.9, 0.1]), 40.0, 0.5)[0])


def test_exact_intervals_are_those_of_r() -> None:
    # R: binom.test(8, 10)$conf.int is 0.4439045 0.9747893; of 0 in 10 the upper limit is 1 - .025^(1/10).
    assert clopper_pearson(8, 10) == pytest.approx((0.4439045, 0.9747893), abs=1e-7)
    assert clopper_pearson(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == pytest.approx((0.025**0.1, 1))


def test_an_outcome_is_covered_if_its_class_is_in_the_set() -> None:
    sets = np.array([[True, False], [True, True], [False, True], [False, False]])
    assert in_set(np.array([0.0, 1, 0, 1]), sets).tolist() == [True, True, False, False]


def test_coverage_of_bounds_by_hand() -> None:
    # Censored at 5; the event at 10 breaks its bound and weighs 4/3 (one of four was lost before it); none else does.
    days, event = np.array([5.0, 10, 20, 30]), np.array([0, 1, 1, 1])
    assert bound_coverage(days, event, np.array([8.0, 12, 15, 10]))[0] == pytest.approx(1 - 4 / 3 / 4)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_true_quantiles_cover_at_their_level_in_spite_of_censoring(level: float) -> None:
    rng = np.random.default_rng(0)
    scale = rng.uniform(100, 400, 8000)
    times, censored = rng.exponential(scale), rng.uniform(0, 300, 8000)
    found = bound_coverage(np.minimum(times, censored), (times <= censored).astype(int), -scale * np.log(level))
    assert found[0] == pytest.approx(level, abs=0.015)
