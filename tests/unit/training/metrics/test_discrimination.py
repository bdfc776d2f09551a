"""AUC, Harrell's and Uno's C and AUC(t): beside scikit-survival, lifelines, scikit-learn, brute force; their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from support import survival_reference as reference
from tumorcast_training.metrics import Censoring, auc, auc_at, harrell_c, kaplan_meier, uno_c

TRAIN, (DAYS, CAUSE, RISK) = reference.train_and_test()
EVENT = (CAUSE > 0).astype(int)
CENSORING = Censoring.of(TRAIN[0], (TRAIN[1] > 0).astype(int))


def tied(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 12, n) * 10.0, rng.integers(0, 3, n), np.round(rng.standard_normal(n), 1)


def test_auc_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    y, risk = rng.integers(0, 2, 200).astype(float), np.round(rng.standard_normal(200), 1)
    assert auc(y, risk)[0] == pytest.approx(roc_auc_score(y, risk), abs=1e-12)


def test_harrell_c_is_that_of_scikit_survival_and_lifelines() -> None:
    assert harrell_c(DAYS, EVENT, RISK)[0] == pytest.approx(reference.HARRELL_C, abs=1e-12)
    assert harrell_c(DAYS, EVENT, RISK)[0] == pytest.approx(concordance_index(DAYS, -RISK, EVENT), abs=1e-12)


@pytest.mark.parametrize(
    ("tau", "censoring", "expected"),
    [
        (None, CENSORING, reference.UNO_C),
        (500.0, CENSORING, reference.UNO_C_500),
        (500.0, None, reference.UNO_C_500_SAME_DATA),
    ],
)
def test_uno_c_is_that_of_scikit_survival(tau: float | None, censoring: Censoring | None, expected: float) -> None:
    assert uno_c(DAYS, EVENT, RISK, tau=tau, censoring=censoring)[0] == pytest.approx(expected, abs=1e-12)


def test_auc_over_time_is_that_of_scikit_survival() -> None:
    found = [auc_at(DAYS, EVENT, RISK, h, censoring=CENSORING)[0] for h in reference.HORIZONS]
    assert found == pytest.approx(reference.AUC_AT, abs=1e-12)


@pytest.mark.parametrize(
    ("days", "event", "risk", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], [3, 2, 1], 1.0),
        ([1, 2, 3], [1, 0, 1], [3, 2, 1], 1.0),  # 1–2 and 1–3 are ordered; 2–3 is not known
        ([1, 2, 3], [1, 0, 1], [2, 3, 1], 0.5),
        ([1, 1], [1, 0], [2, 1], 1.0),  # the censoring comes after the event of its day
        ([1, 2, 2], [1, 1, 1], [1, 1, 2], 0.25),  # two events of a day are not ordered; equal risks are half right
    ],
)
def test_harrell_c_by_hand(days: list, event: list, risk: list, expected: float) -> None:
    found = harrell_c(np.array(days, float), np.array(event), np.array(risk, float))
    assert found[0] == pytest.approx(expected)


def test_no_pair_to_order_is_not_a_number() -> None:
    assert np.isnan(harrell_c(np.array([2.0, 2.0]), np.array([1, 1]), np.array([0.0, 1.0]))[0])
    assert np.isnan(uno_c(np.array([1.0, 2.0]), np.array([0, 0]), np.array([0.0, 1.0]))[0])
    assert np.isnan(auc(np.ones(3), np.arange(3.0))[0])


def test_after_a_competing_event_the_event_never_comes() -> None:
    days, event, risk = tied(3)
    never = np.where(event == 2, 1e9, days)
    expected = harrell_c(never, (event == 1).astype(int), risk)
    assert harrell_c(days, event, risk)[0] == pytest.approx(expected[0])


def brute_uno(days: np.ndarray, event: np.ndarray, risk: np.ndarray, tau: float) -> float:
    """Uno 2011 and Wolbers 2014, pair by pair; G(t−) from a Kaplan–Meier in which events of a day leave first."""
    shifted = np.where(event == 0, days + 0.5, days)
    g = kaplan_meier(shifted, (event == 0).astype(int))
    right = total = 0.0
    for i in np.flatnonzero((event == 1) & (days < tau)):
        gi = g.before(days[[i]])[0, 0]
        for j in range(len(days)):
            later = days[j] > days[i] or (days[j] == days[i] and event[j] == 0)
            earlier_competing = event[j] == 2 and days[j] <= days[i]
            if later or earlier_competing:
                weight = 1 / gi / (gi if later else g.before(days[[j]])[0, 0])
                total += weight
                right += weight * ((risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j]))
    return right / total


@pytest.mark.parametrize("seed", range(4))
def test_uno_c_with_ties_and_competing_events_is_brute_force(seed: int) -> None:
    days, event, risk = tied(seed)
    assert uno_c(days, event, risk, tau=100)[0] == pytest.approx(brute_uno(days, event, risk, 100), abs=1e-12)


def test_without_censoring_uno_and_harrell_agree() -> None:
    days, _, risk = tied(5)
    event = np.ones(len(days), dtype=int)
    assert uno_c(days, event, risk)[0] == pytest.approx(harrell_c(days, event, risk)[0])


def test_events_after_the_censoring_reference_open_no_pair() -> None:
    short = Censoring.of(np.array([50.0, 100.0, 300.0]), np.array([1, 0, 1]))
    assert uno_c(DAYS, EVENT, RISK, censoring=short) == uno_c(DAYS, EVENT, RISK, tau=300.0 + 1e-9, censoring=short)
    assert np.isnan(auc_at(DAYS, EVENT, RISK, 400.0, censoring=short)[0])


@given(st.integers(0, 10_000))
def test_reversed_risk_gives_one_minus_the_figure(seed: int) -> None:
    days, event, risk = tied(seed)
    y = (event > 0).astype(float)
    assert auc(y, -risk)[0] == pytest.approx(1 - auc(y, risk)[0])
    assert harrell_c(days, event, -risk)[0] == pytest.approx(1 - harrell_c(days, event, risk)[0])
    assert uno_c(days, event, -risk)[0] == pytest.approx(1 - uno_c(days, event, risk)[0])


@given(st.integers(0, 10_000))
def test_a_monotone_transform_of_risk_changes_nothing(seed: int) -> None:
    days, event, risk = tied(seed)
    for figure in (harrell_c, uno_c):
        assert figure(days, event, np.exp(risk) * 7)[0] == pytest.approx(figure(days, event, risk)[0], abs=1e-12)


def test_ten_thousand_patients_need_little_memory_and_time() -> None:
    days, event, risk = reference.table(1, 10_000)
    weights = np.random.default_rng(0).multinomial(10_000, np.full(10_000, 1e-4), 20).astype(float)
    assert np.ptp(uno_c(days, event, risk, tau=1000, weights=weights)) < 0.05
