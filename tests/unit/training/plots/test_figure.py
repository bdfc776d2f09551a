"""Figures: the same bytes each time, readable, and of groups of patients only."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_training.metrics import kaplan_meier
from tumorcast_training.plots import (
    BinaryPredictions,
    Heading,
    SubgroupEstimate,
    TimedPredictions,
    evaluation_figure,
    subgroup_estimates,
    write_plots,
)
from tumorcast_training.plots.calibration import calibration_bins, spread
from tumorcast_training.plots.decision import curve, thresholds_of
from tumorcast_training.plots.risk_groups import group_curves

HEADING = Heading("a-model", "overall_survival", "death", "Harrell's C")
MOST_BYTES = 60_000
SUBGROUPS = tuple(
    SubgroupEstimate(name, label, 1000, 300, 0.7, 0.65, 0.75)
    for name, label in [("", "all"), *((f"subgroup_{i}", f"label_{i}_{j}") for i in range(6) for j in range(5))]
)


def binary(n: int = 400, seed: int = 0) -> BinaryPredictions:
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 4, n)
    value = (rng.random(n) < p).astype(float)
    return BinaryPredictions(value, p, [f"secret-{i}" for i in range(n)], np.full(n, value.mean()))


def timed(n: int = 400, visits: int = 1, seed: int = 0) -> TimedPredictions:
    """Two causes, censoring; cause 1 has the hazard that is predicted."""
    rng = np.random.default_rng(seed)
    rows = n * visits
    rate = np.exp(rng.normal(size=rows)) / 700
    first, second, censored = rng.exponential(1 / rate), rng.exponential(2000, rows), rng.uniform(100, 1500, rows)
    days = np.minimum(np.minimum(first, second), censored)
    event = np.where(days == first, 1, np.where(days == second, 2, 0))
    risk = 1 - np.exp(-rate * 365)
    ids = [f"secret-{i}" for i in np.repeat(np.arange(n), visits)]
    return TimedPredictions(days, event, risk, 365.0, ids, baseline=risk**1.5)


@pytest.mark.parametrize("predictions", [binary(), timed(), timed(300, 3)], ids=["binary", "timed", "visits"])
def test_a_figure_is_small_plain_svg_and_the_same_each_time(predictions: BinaryPredictions | TimedPredictions) -> None:
    content = evaluation_figure(predictions, SUBGROUPS, HEADING)
    assert content == evaluation_figure(predictions, SUBGROUPS, HEADING)
    assert len(content) < MOST_BYTES
    root = ElementTree.fromstring(content)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "a-model: overall_survival"  # type: ignore[union-attr]
    text = content.decode()
    assert "metadata" not in text
    assert "date" not in text.lower()
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)]
    assert min(sizes) >= 8


def test_no_name_of_a_patient_and_no_exact_day_is_drawn() -> None:
    predictions = timed(200)
    text = evaluation_figure(predictions, (), HEADING).decode()
    assert "secret" not in text
    curves = group_curves(predictions, 456.25)
    for one in curves:
        assert set(one.days) <= set(np.linspace(0, 456.25, 61))


def test_the_curve_of_a_third_is_kaplan_meier_on_the_grid() -> None:
    predictions = timed(300)
    only = TimedPredictions(
        predictions.days, (predictions.event == 1).astype(int), predictions.probability, 365.0, predictions.patient_ids
    )
    lowest = group_curves(only, 400)[0]
    rows = only.probability <= np.quantile(only.probability, 1 / 3)
    expected = 1 - kaplan_meier(only.days[rows], only.event[rows]).at(lowest.days)[0]
    assert lowest.rows == rows.sum() == 100
    assert lowest.incidence == pytest.approx(expected)
    assert (lowest.lower <= lowest.incidence + 1e-9).all()


def test_a_curve_ends_where_fewer_than_ten_are_at_risk() -> None:
    days = np.r_[np.full(15, 100.0), np.full(9, 300.0)]
    event = np.zeros(24, dtype=int)
    same = TimedPredictions(np.tile(days, 3), np.tile(event, 3), np.repeat([0.1, 0.5, 0.9], 24), 200.0, range(72))
    assert [one.days.max() for one in group_curves(same, 300)] == [100.0] * 3


@given(st.lists(st.floats(0, 1), min_size=0, max_size=200))
def test_every_bar_of_the_histogram_holds_five_patients_or_all(values: list[float]) -> None:
    probability = np.array(values)
    bars = spread(probability)
    held = [round(width * height * 25 * max(len(values), 1)) for _, width, height in bars]
    assert all(count >= 5 for count in held)
    assert sum(held) == (len(values) if len(values) >= 5 else 0)
    assert all(a + w <= b + 1e-9 for (a, w, _), (b, _, _) in pairwise(bars))


def test_calibration_bins_hold_twenty_rows_with_their_rate_and_exact_limits() -> None:
    p = np.repeat([0.2, 0.6], 20)
    value = np.r_[np.ones(5), np.zeros(15), np.ones(10), np.zeros(10)]
    low, high = calibration_bins(BinaryPredictions(value, p, range(40)))
    assert (low.rows, low.predicted, low.observed) == (20, pytest.approx(0.2), 0.25)
    assert (high.rows, high.predicted, high.observed) == (20, pytest.approx(0.6), 0.5)
    # Clopper and Pearson, 5 of 20 and 10 of 20: R's binom.test gives .08657, .49105 and .27196, .72804.
    assert (low.lower, low.upper) == pytest.approx((0.08657, 0.49105), abs=1e-5)
    assert (high.lower, high.upper) == pytest.approx((0.27196, 0.72804), abs=1e-5)


def test_bins_of_patients_with_several_rows_have_wider_limits() -> None:
    once = timed(300)
    again = TimedPredictions(
        *(np.repeat(x, 4) for x in (once.days, once.event, once.probability)), 365.0, np.repeat(np.arange(300), 4)
    )
    apart = TimedPredictions(again.days, again.event, again.probability, 365.0, range(1200))
    width = [np.mean([b.upper - b.lower for b in calibration_bins(p)]) for p in (again, apart)]
    assert width[0] > 1.5 * width[1]


def test_the_decision_curve_stops_where_fewer_than_five_would_be_treated() -> None:
    p = np.r_[np.full(96, 0.2), np.full(4, 0.9)]
    assert thresholds_of(p)[-1] == pytest.approx(0.2)
    value = np.r_[np.ones(20), np.zeros(80)]
    predictions = BinaryPredictions(value, p, range(100))
    benefit = curve(predictions, p, np.array([0.1, 0.5]))[0]
    assert benefit[0] == pytest.approx(0.2 - 0.8 / 9)
    assert np.isnan(benefit[1])


@pytest.mark.parametrize(
    "predictions",
    [
        BinaryPredictions(np.zeros(0), np.zeros(0), []),
        BinaryPredictions(np.ones(100), np.full(100, 0.5), range(100)),
        BinaryPredictions(np.array([np.nan, 1.0, 0.0]), np.array([0.1, np.nan, 0.3]), ["a", "a", "b"]),
        TimedPredictions(np.zeros(0), np.zeros(0, dtype=int), np.zeros(0), 365.0, []),
        TimedPredictions(np.full(50, 100.0), np.zeros(50, dtype=int), np.full(50, 0.1), 365.0, range(50)),
    ],
    ids=["nobody", "one outcome", "gaps", "nobody over time", "all censored"],
)
def test_what_cannot_be_drawn_says_why(predictions: BinaryPredictions | TimedPredictions) -> None:
    text = evaluation_figure(predictions, (), HEADING).decode()
    for panel in ("a calibration plot", "a decision curve", "risk groups"):
        assert f"too few events for {panel}" in text
    assert "no subgroups" in text


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 60),
    st.integers(0, 2**16),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([0.0, 1.0, 365.0]),
)
def test_no_data_raise(n: int, seed: int, constant: float, horizon: float) -> None:
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(n) < 0.5, constant, rng.random(n).round(1))
    value = rng.choice([0.0, 1.0, np.nan], n)
    days, event = rng.integers(0, 800, n).astype(float), rng.integers(0, 3, n)
    ids = rng.integers(0, 40, n)
    baseline = np.where(rng.random(n) < 0.1, np.nan, p) if seed % 2 else None
    for predictions in (BinaryPredictions(value, p, ids, baseline), TimedPredictions(days, event, p, horizon, ids)):
        assert evaluation_figure(predictions, SUBGROUPS[:3], HEADING).startswith(b"<?xml")


def test_constant_predictions_are_drawn() -> None:
    predictions = binary()
    flat = BinaryPredictions(predictions.value, np.full(400, 0.3), predictions.patient_ids)
    assert b"perfect" in evaluation_figure(flat, (), HEADING)


def test_subgroups_without_an_interval_are_left_out() -> None:
    whole = {"rows": 900, "events": 300, "harrell_c": [0.7, 0.66, 0.74]}
    parts = {
        "sex": {
            "female": {"rows": 500, "events": 150, "auc": None, "harrell_c": [0.71, 0.65, 0.77]},
            "male": {"rows": 4, "events": 1, "reason": "too few events"},
        },
        "age": {"under_50": {"rows": 100, "events": 20, "auc": None}},
    }
    assert subgroup_estimates(whole, parts) == (
        SubgroupEstimate("", "all", 900, 300, 0.7, 0.66, 0.74),
        SubgroupEstimate("sex", "female", 500, 150, 0.71, 0.65, 0.77),
    )


def test_many_subgroups_are_cut_and_told() -> None:
    text = evaluation_figure(binary(), SUBGROUPS, HEADING).decode()
    assert "smaller groups not drawn" in text


def test_plots_are_written_by_endpoint(tmp_path) -> None:  # type: ignore[no-untyped-def]
    written = write_plots(tmp_path / "plots", {"overall_survival": b"<svg/>"})
    assert [file.relative_to(tmp_path).as_posix() for file in written] == ["plots/overall_survival.svg"]
    assert written[0].read_bytes() == b"<svg/>"
