"""The simplest candidate is shipped unless another's gain clears noise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from tumorcast_training.cross_validation import FoldResult
from tumorcast_training.selection import as_json, fold_scores, select, summary

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.01, 20)


def results(**gains: object) -> list[FoldResult]:
    """Twenty folds of a linear model of about .7, and of others with these gains over it."""
    base = 0.7 + RNG.normal(0, 0.03, 20)
    scores = {"linear": base, **{name: base + np.asarray(gain) for name, gain in gains.items()}}
    return cast(
        "list[FoldResult]",
        [
            SimpleNamespace(
                scores={n: float(s[k]) for n, s in scores.items()},
                first_visit_scores={n: float(s[k]) - 0.1 for n, s in scores.items()},
            )
            for k in range(20)
        ],
    )


@pytest.mark.parametrize(
    ("gains", "chosen"),
    [
        ({}, "linear"),
        ({"boosted": 0.0}, "linear"),
        ({"boosted": NOISE}, "linear"),
        ({"boosted": 0.004 + NOISE}, "linear"),
        ({"boosted": 0.03 + NOISE}, "boosted"),
        ({"boosted": -0.03 + NOISE}, "linear"),
        ({"boosted": 0.03 + NOISE, "blend": 0.04 + NOISE}, "blend"),
        ({"boosted": 0.03 + NOISE, "blend": 0.004 + NOISE}, "boosted"),
        ({"boosted": np.full(20, np.nan)}, "linear"),
    ],
)
def test_the_simplest_wins_unless_a_gain_clears_noise(gains: dict[str, object], chosen: str) -> None:
    assert select(results(**gains)).chosen == chosen


def test_of_several_candidates_each_must_clear_more() -> None:
    """One-sided p about .03 alone; times three by Holm it is no gain any more."""
    gain = np.linspace(-1, 1, 20) * 0.0085
    gain = gain - gain.mean() + 0.0055
    alone = select(results(boosted=gain))
    beside = select(results(boosted=gain, gated=-gain, blend=0 * gain))
    assert alone.chosen == "boosted"
    p = alone.report["boosted"]["gain_over_linear"]["p"]
    assert 0.02 < p < 0.05
    assert beside.chosen == "linear"
    assert beside.report["boosted"]["gain_over_linear"]["p_holm"] == pytest.approx(3 * p, rel=1e-3)


def test_overlapping_training_sets_are_reckoned_with() -> None:
    """A naive t-test over twenty folds would be far below .05 where the corrected one is not."""
    gain = 0.006 + NOISE
    naive = gain.mean() / (gain.std(ddof=1) / np.sqrt(20))
    assert naive > 2
    assert select(results(boosted=gain)).chosen == "linear"


def test_the_report_has_every_candidates_scores_and_gain() -> None:
    found = results(boosted=0.01 + NOISE)
    report = select(found).report
    assert set(report) == {"linear", "boosted"}
    assert report["linear"]["score"] == summary(fold_scores(found, "linear"))
    assert report["boosted"]["gain_over_linear"]["mean"] == pytest.approx(0.01 + NOISE.mean(), rel=1e-3)
    assert fold_scores(found, "linear", first_visit=True) == pytest.approx(fold_scores(found, "linear") - 0.1)
    assert as_json(None) == {}
