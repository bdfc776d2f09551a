"""The prior as a file: what is written is read back to the bit, and what is wrong is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tumorcast_core.errors import InvalidInput
from tumorcast_fusion.model import SHIPPED
from tumorcast_fusion.model.growth import PopulationPrior, forecast

SHIPPED_PRIOR = SHIPPED / "colorectal-growth" / "prior.yaml"


@pytest.fixture
def mapping() -> dict[str, Any]:
    return PopulationPrior.load(SHIPPED_PRIOR).to_mapping()


def test_the_shipped_prior_is_read_and_forecasts() -> None:
    prior = PopulationPrior.load(SHIPPED_PRIOR)
    assert (prior.patients, prior.scans) == (150, 906)
    found = forecast([0], [100], [64], prior)
    assert found.lower_90_mm[0] < found.median_mm[0] < 100 < found.upper_90_mm[0]


def test_what_is_saved_is_loaded_to_the_bit(tmp_path: Path) -> None:
    prior = PopulationPrior.load(SHIPPED_PRIOR)
    prior.save(tmp_path / "prior.yaml")
    assert PopulationPrior.load(tmp_path / "prior.yaml") == prior
    (tmp_path / "prior.json").write_text(json.dumps(prior.to_mapping()))
    assert PopulationPrior.load(tmp_path / "prior.json") == prior


@pytest.mark.parametrize(
    "change",
    [
        {"noise_sd": 0.0},
        {"noise_sd": float("nan")},
        {"offset_mm": -1.0},
        {"degrees_of_freedom": "many"},
        {"form": "gompertz"},
        {"mean": [1.0]},
        {"mean": [float("nan"), 0.0]},
        {"covariance": [[1.0, 2.0], [2.0, 1.0]]},
        {"covariance": [[1.0, 0.5], [0.4, 1.0]]},
        {"covariance": [[1.0], [0.4, 1.0]]},
        {"patients": None},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_prior_that_makes_no_sense_is_refused(mapping: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        PopulationPrior.from_mapping({**mapping, **change})


@pytest.mark.parametrize("content", ["", "[1, 2]", "a: b: c", "form: growth-kill\n"])
def test_a_file_that_is_no_prior_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "prior.yaml").write_text(content)
    with pytest.raises(InvalidInput):
        PopulationPrior.load(tmp_path / "prior.yaml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        PopulationPrior.load(tmp_path / "prior.yaml")
