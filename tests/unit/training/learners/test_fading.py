"""Effects that fade over time are found where they are, and not where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tumorcast_training.learners.fading import MOST_RATE, fade, fade_of
from tumorcast_training.learners.ridge import PersonPeriods, fit_hazards

EDGES = np.array([60.0, 120, 240, 400, 700])


def drawn(early: float, late: float, rows: int = 4000) -> tuple[NDArray[np.float64], PersonPeriods]:
    """Hazard exp(slope x) / 300 a day, the slope being ``early`` up to day 120 and ``late`` after."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(rows)
    before, after = np.exp(early * x) / 300, np.exp(late * x) / 300
    needed = rng.exponential(1, rows)
    days = np.where(needed < before * 120, needed / before, 120 + (needed - before * 120) / after)
    seen = np.minimum(days, 700.0)
    return x, PersonPeriods.of(seen, seen, days <= 700, EDGES)


@pytest.mark.parametrize(
    ("early", "late", "low", "high"),
    [(1.0, 0.4, -MOST_RATE, -0.15), (0.8, 0.8, -0.1, 0.1), (0.4, 1.0, 0.15, MOST_RATE)],
)
def test_the_rate_says_whether_effects_fade(early: float, late: float, low: float, high: float) -> None:
    x, periods = drawn(early, late)
    fit = fit_hazards(x[:, None], periods, 1.0, np.ones(len(x)))
    found = fade_of(fit.leave_one_out, x * fit.coefficients[0], periods, np.ones(len(x)), EDGES)
    assert low < found.rate < high
    assert found.slopes[0] * fit.coefficients[0] == pytest.approx(early, abs=0.2)


def test_without_fading_the_baseline_is_that_of_proportional_hazards() -> None:
    x, periods = drawn(0.8, 0.8)
    fit = fit_hazards(x[:, None], periods, 1.0, np.ones(len(x)))
    found = fade(x * fit.coefficients[0], periods, np.ones(len(x)), EDGES, 0.0)
    assert found.slopes.tolist() == [1.0] * 5
    assert found.offsets == pytest.approx(fit.offsets, abs=1e-6)


@pytest.mark.parametrize("events", [0, 1])
def test_one_event_says_nothing_of_fading(events: int) -> None:
    days = np.linspace(10, 690, 20)
    periods = PersonPeriods.of(days, days, np.arange(20) < events, EDGES)
    found = fade_of(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20), periods, np.ones(20), EDGES)
    assert found.slopes.tolist() == [1.0] * 5
    assert (np.diff(np.exp(found.offsets)) > 0).all()
