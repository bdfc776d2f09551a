"""The growth forecast on real RECIST kinetics: held-out patients, recomputed from ../shared/data/colorectal_ffcd.

150 patients of FFCD 2000-05 (R package frailtypack). One repeat of the shipped evaluation's four; the claims are those
of the card: bands cover, errors over all held-out scans beat the last value, and on last scans they are no better.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorcast_fusion.model import SHIPPED
from tumorcast_fusion.model.growth import PopulationPrior
from tumorcast_training.growth import evaluate, fit_prior, read_courses

DATA = Path(__file__).parents[3] / "shared" / "data" / "colorectal_ffcd"
MODEL = SHIPPED / "colorectal-growth"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return evaluate(DATA, seed=0, repeats=1)


def test_the_table_is_in_centimeters_read_to_the_millimeter() -> None:
    courses = read_courses(DATA)
    sums = np.concatenate([course.sums_mm for course in courses])
    assert (len(courses), len(sums), int((sums == 0).sum())) == (150, 906, 34)
    whole = np.abs(sums - np.round(sums)) < 1e-6
    assert whole.all()
    assert np.median([course.sums_mm[0] for course in courses]) == pytest.approx(107.0)


@pytest.mark.parametrize("target", ["next_scan", "last_scan", "every_later_scan"])
def test_the_90_percent_band_covers_85_to_95_percent_of_held_out_scans(metrics: dict[str, Any], target: str) -> None:
    assert 0.85 <= metrics[target]["coverage_90"]["value"] <= 0.95
    assert 0.40 <= metrics[target]["coverage_50"]["value"] <= 0.60


@pytest.mark.parametrize("target", ["next_scan", "every_later_scan"])
@pytest.mark.parametrize("scale", ["mae_mm", "rmse_mm"])
def test_the_error_on_held_out_scans_beats_the_last_value_beyond_noise(
    metrics: dict[str, Any], target: str, scale: str
) -> None:
    assert metrics[target]["difference_to"]["last_value"][scale]["interval"][1] < 0


@pytest.mark.parametrize("target", ["last_scan", "next_scan", "every_later_scan"])
@pytest.mark.parametrize("method", ["linear", "exponential"])
def test_the_error_beats_lines_beyond_noise(metrics: dict[str, Any], target: str, method: str) -> None:
    assert metrics[target]["difference_to"][method]["mae_mm"]["interval"][1] < 0


def test_on_last_scans_the_error_is_not_told_apart_from_the_last_value_s(metrics: dict[str, Any]) -> None:
    """A negative finding: observation ends at what no course foretells, and carrying the last value on is as good."""
    low, high = metrics["last_scan"]["difference_to"]["last_value"]["mae_mm"]["interval"]
    assert low < 0 < high


@pytest.mark.parametrize("target", ["progression_at_last_scan", "progression_at_next_scan"])
def test_the_chance_of_progression_ranks_and_beats_the_base_rate(metrics: dict[str, Any], target: str) -> None:
    assert metrics[target]["auc"]["interval"][0] > 0.7
    assert metrics[target]["brier_difference_interval"][1] < 0
    assert metrics[target]["mean_probability"] == pytest.approx(metrics[target]["share"], abs=0.06)


def test_the_shipped_prior_is_the_fit_on_all_patients() -> None:
    shipped = PopulationPrior.load(MODEL / "prior.yaml")
    again = fit_prior(read_courses(DATA), shipped.form)
    assert again.mean == pytest.approx(shipped.mean, rel=1e-4)
    assert np.asarray(again.covariance) == pytest.approx(np.asarray(shipped.covariance), rel=1e-2)
    assert again.noise_sd == pytest.approx(shipped.noise_sd, rel=1e-3)
    assert (again.damping_days, again.scale_inflation) == (shipped.damping_days, shipped.scale_inflation)


def test_the_shipped_metrics_say_the_same(metrics: dict[str, Any]) -> None:
    shipped = json.loads((MODEL / "metrics.json").read_text())
    for target in ("last_scan", "next_scan", "every_later_scan"):
        assert shipped[target]["scans"] == metrics[target]["scans"]
        ours, theirs = (m[target]["errors"]["growth"]["mae_mm"] for m in (metrics, shipped))
        assert ours == pytest.approx(theirs, rel=0.03)
        assert 0.85 <= shipped[target]["coverage_90"]["value"] <= 0.95
