"""The shipped model on 400 simulated patients that nobody has looked at: each modality counts, the oracle bounds it."""

from pathlib import Path
from typing import Any

import pytest

from tumorcast_fusion.model import ModelStore
from tumorcast_imaging.model import SHIPPED, Encoder
from tumorcast_training import simulated
from tumorcast_training.simulator import simulate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SEED = 4711


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data: Path = tmp_path_factory.mktemp("new-patients")
    simulate(400, SEED, data, workers=2)
    return simulated.evaluate(data, ModelStore().get("simulated"), Encoder.load(SHIPPED / "ct-lesion"))


@pytest.mark.parametrize("modality", ["imaging", "labs", "notes", "genomics", "clinical", "therapy"])
def test_permuting_any_one_modality_costs_auc_and_c_beyond_noise(scores: dict[str, Any], modality: str) -> None:
    loss = scores["permuted_modality_loss"][modality]
    assert loss["auc"][1] > 0, loss
    assert loss["c_index"][1] > 0, loss


def test_the_model_beats_its_clinical_baseline_and_stays_below_the_oracle(scores: dict[str, Any]) -> None:
    for figure in ("auc", "c_index"):
        assert scores["clinical_baseline"][figure][2] < scores["model"][figure][0]
        assert scores["model"][figure][0] < scores["oracle"][figure][0] + 0.01


def test_its_calibration_slope_and_intercept_are_one_and_zero_within_their_intervals(scores: dict[str, Any]) -> None:
    slope, intercept = scores["calibration"]["slope"], scores["calibration"]["intercept"]
    assert slope[1] < 1.15
    assert slope[2] > 0.85
    assert intercept[1] < 0.15
    assert intercept[2] > -0.15


def test_the_other_precision_moves_no_probability_by_more_than_two_points(scores: dict[str, Any]) -> None:
    assert scores["precision_shift"] < 0.02
