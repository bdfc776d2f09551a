"""Laws of probabilities, categories, hazards and incidences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.cohorts import COMPETING, plan_of
from tumorcast_core.prognosis import CompetingRisksEstimate
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput, day_of_survival
from tumorcast_fusion.model.tabular import links

EDGES = (100.0, 200, 400, 800)
wild = st.floats(-60, 60)
two_causes = arrays(float, (3, 2, 4), elements=wild)


@given(arrays(float, (5, 1, 3), elements=wild))
def test_categories_are_probabilities_that_add_up_to_one(link: np.ndarray) -> None:
    found = links.categories(link)
    assert found.shape == (5, 4)
    assert found.sum(axis=-1) == pytest.approx(np.ones(5))
    assert (found >= 0).all()


@given(two_causes)
def test_the_probability_of_no_event_is_one_minus_the_incidences(link: np.ndarray) -> None:
    hazards = links.cumulative_hazards(link)
    incidence = links.cumulative_incidence(hazards)
    assert (np.diff(hazards, axis=-1) >= 0).all()
    assert np.exp(-hazards.sum(axis=1)) == pytest.approx(1 - incidence.sum(axis=1), abs=1e-9)
    assert (np.diff(incidence, axis=-1) >= -1e-12).all()
    assert ((incidence >= 0) & (incidence <= 1 + 1e-12)).all()


@given(arrays(float, (3, 1, 4), elements=wild), st.lists(st.floats(0, 900), min_size=2, max_size=6))
def test_survival_of_any_link_starts_at_one_and_never_rises(link: np.ndarray, days: list[float]) -> None:
    curve = links.survival_at(links.cumulative_hazards(link)[:, 0], EDGES, [0.0, *sorted(days)])
    assert (curve[:, 0] == 1).all()
    assert (np.diff(curve, axis=-1) <= 1e-12).all()
    assert ((curve >= 0) & (curve <= 1)).all()


def test_the_incidence_of_one_cause_is_one_minus_survival() -> None:
    hazards = np.array([[[0.1, 0.4, 0.9, 2.0]]])
    assert links.cumulative_incidence(hazards)[0, 0] == pytest.approx(1 - np.exp(-hazards[0, 0]))


def test_two_causes_share_what_is_lost_by_their_hazards() -> None:
    """Constant hazards .001 and .003 a day: incidence of the first by day 800 = .25 (1 - exp(-3.2))."""
    days = np.array(EDGES)
    incidence = links.cumulative_incidence(np.array([[0.001 * days, 0.003 * days]]))
    assert incidence[0, 0] == pytest.approx(0.25 * (1 - np.exp(-0.004 * days)))
    assert incidence[0, 1, -1] == pytest.approx(0.75 * (1 - np.exp(-3.2)))


def test_logit_and_expit_undo_each_other_and_never_overflow() -> None:
    x = np.linspace(-15, 15, 31)
    assert links.logit(links.expit(x)) == pytest.approx(x, abs=1e-6)
    assert np.isfinite(links.logit(np.array([0.0, 1.0]))).all()
    assert links.expit(np.array([-1e9, 1e9])) == pytest.approx([0, 1], abs=1e-12)


def test_a_crossed_ordinal_link_never_gives_a_negative_probability() -> None:
    found = links.categories(np.array([[[-1.0, 2.0]]]))[0]
    assert found == pytest.approx([1 - links.expit(np.array(-1.0)), 0, links.expit(np.array(-1.0))])


@given(arrays(float, 4, elements=st.floats(0, 3)), st.floats(0.02, 1))
def test_survival_at_the_day_of_a_level_is_the_level(hazard: np.ndarray, level: float) -> None:
    cumulative = hazard.cumsum()
    day = day_of_survival(cumulative, EDGES, level)
    if day is None:
        assert np.exp(-cumulative[-1]) > level
    else:
        assert links.survival_at(cumulative, EDGES, [day])[0] == pytest.approx(level)


@given(two_causes, st.floats(0, 3))
def test_limits_of_a_competing_cause_enclose_its_incidence(link: np.ndarray, spread: float) -> None:
    hazards = links.cumulative_hazards(np.stack([link, link - spread, link + spread]))
    plan = plan_of(COMPETING)
    spec = EndpointSpec(id=plan.id, kind=plan.kind, definition="none", outcomes=plan.outcomes)
    found = EndpointOutput(hazards=hazards, edges_days=EDGES).estimate(spec, (150.0, 800.0), None)
    assert isinstance(found, CompetingRisksEstimate)
    for cause in found.causes:
        for point in cause.points:
            assert point.interval.lower - 1e-9 <= point.survival <= point.interval.upper + 1e-9
