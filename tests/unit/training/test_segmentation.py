"""Agreement of masks, the fit of the click network and the summary of its figures, on what can be reckoned by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from support.clicks import ball
from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.clicking import LookingSegmenter
from tumorcast_training.segmentation.agreement import agreement
from tumorcast_training.segmentation.card import card
from tumorcast_training.segmentation.cases import training_case
from tumorcast_training.segmentation.evaluation import Click, clicks_of, summary
from tumorcast_training.segmentation.fitting import fit
from tumorcast_training.segmentation.reader import DrawnSeries, folds, patients_folder
from tumorcast_training.segmentation.sampling import batch
from tumorcast_training.segmentation.train import MANIFEST, publish


def slab(first: int, last: int) -> np.ndarray:
    mask = np.zeros((3, 30, 30), bool)
    mask[:, :, first:last] = True
    return mask


@pytest.mark.parametrize(
    ("found", "truth", "dice", "mean_mm"),
    [
        (slab(5, 15), slab(5, 15), 1.0, 0.0),
        (slab(5, 15), slab(10, 20), 0.5, None),
        (slab(0, 0), slab(5, 15), 0.0, np.nan),
        (slab(0, 0), slab(0, 0), 1.0, np.nan),
    ],
)
def test_dice_of_slabs_is_the_share_that_they_have_in_common(found, truth, dice, mean_mm) -> None:
    agreed = agreement(found, truth, (3.0, 1.0, 2.0))
    assert agreed.dice == pytest.approx(dice)
    if mean_mm is not None:
        assert agreed.surface_mm == pytest.approx(mean_mm, nan_ok=True)


def test_single_voxels_lie_as_far_apart_as_their_spacing_says() -> None:
    one, other = np.zeros((5, 5, 5), bool), np.zeros((5, 5, 5), bool)
    one[1, 1, 1] = other[3, 1, 2] = True
    agreed = agreement(one, other, (3.0, 1.0, 8.0))
    assert agreed.surface_mm == pytest.approx(10)
    assert agreed.surface_95_mm == pytest.approx(10)


def cases() -> list:
    balls = [
        (kind, *ball(kind, shape=(24, 26, 28), radius_mm=radius)) for kind in ("PT", "CT", "MR") for radius in (12, 20)
    ]
    return [training_case(f"p{n}", volume, mask) for n, (_, volume, mask, _) in enumerate(balls)]


def test_a_batch_holds_two_of_each_modality_with_the_seed_in_the_lesion_s_view() -> None:
    inputs, truth = batch(cases(), np.random.default_rng(2))
    assert inputs.shape == (6, 8, 48, 48, 48)
    assert truth.shape == (6, 1, 48, 48, 48)
    assert inputs[:, 5:].amax((2, 3, 4)).tolist() == [[1, 0, 0]] * 2 + [[0, 1, 0]] * 2 + [[0, 0, 1]] * 2
    for x, y in zip(inputs, truth, strict=True):
        assert y[0].flatten()[x[3].argmax()] > 0.5


def test_the_same_seed_trains_the_same_weights_to_the_bit() -> None:
    drawn = cases()
    one, other = (fit(MANIFEST, drawn, seed=4, steps=2).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def click(patient: int, method: str, dice: float, number: int = 0) -> Click:
    return Click(f"p{patient:02}", "PT", method, number, dice, 4.0, 9.0, 12.0, 10.0, 0.5 + dice / 3, 1 - dice)


def many(network: float, rule: float) -> list[Click]:
    made = []
    for patient in range(20):
        for number in range(2):
            shift = 0.01 * (patient % 5) + 0.02 * number
            made += [
                click(patient, "network", network + shift, number),
                click(patient, "threshold", rule + shift, number),
            ]
            made.append(click(patient, "region_growing", 0.1, number))
    return [c.__class__(**{**_fields(c), "dicom_modality": kind}) for c in made for kind in ("PT", "CT", "MR")]


def _fields(one: Click) -> dict:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_a_patient_counts_once_and_the_gain_is_paired() -> None:
    about = summary(many(0.7, 0.6))["PT"]
    assert about["network"]["dice"][0] == pytest.approx(0.7 + 0.02 + 0.01, abs=1e-4)
    assert about["dice_gain_over_best_rule"] == pytest.approx([0.1, 0.1, 0.1], abs=1e-4)
    assert about["best_rule"] == "threshold"
    assert about["patients_where_network_is_better"] == 20
    assert about["network"]["dice_spread_over_clicks"] == pytest.approx(0.02 / 2**0.5)
    assert about["sureness"]["spearman_of_mean_probability_and_dice"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("network", "rule", "words"),
    [(0.7, 0.6, "The gain clears noise."), (0.5, 0.6, "The loss clears noise: use the rule.")],
)
def test_the_card_says_who_won(tmp_path, network: float, rule: float, words: str) -> None:
    trained = LookingSegmenter(fit(MANIFEST, cases(), steps=1))
    publish(tmp_path, trained.network, many(network, rule), seed=0, steps=1)
    text = (tmp_path / "card.md").read_text()
    assert text.count(words) == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "SHA256SUMS",
        "card.md",
        "manifest.yaml",
        "metrics.json",
        "weights.safetensors",
    ]
    assert card(trained.network.manifest, json.loads((tmp_path / "metrics.json").read_text())) == text


def test_every_method_answers_the_same_five_clicks() -> None:
    volume, mask, _ = ball("PT")
    clicks = clicks_of(DrawnSeries("p", volume, mask), LookingSegmenter(fit(MANIFEST, cases(), steps=1)))
    assert [c.click for c in clicks] == [n for n in range(5) for _ in range(3)]
    assert all(c.dice == 1 for c in clicks if c.method == "threshold")


def test_a_folder_without_the_cohort_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidInput):
        patients_folder(tmp_path)
    (tmp_path / "folds.csv").write_text("patient_id,repeat_0\nSTS_001,3\n")
    assert folds(tmp_path) == {"STS_001": 3}
