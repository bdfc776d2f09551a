"""Linear, boosted and gated predictors: subsets, contributions that add up, and the same answer after loading."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from support.cohorts import BINARY, BLUEPRINT, COMPETING, FEW, ORDINAL, SURVIVAL, plan_of, simulated
from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model.tabular import (
    Blend,
    BoostedPredictor,
    Design,
    GatedPredictor,
    LinearPredictor,
    LinkCalibration,
    Part,
    pattern_index,
)
from tumorcast_training.fitting import training_set
from tumorcast_training.learners import TrainingSet, fit_boosted, fit_gated, fit_linear
from tumorcast_training.learners.boosted import BoostedRecipe
from tumorcast_training.learners.gated import GatedRecipe

ENDPOINTS = (BINARY, ORDINAL, SURVIVAL, COMPETING)
COMPLETE, _ = simulated(160, seed=11, gaps=0, whole_groups=0)
GAPPED, _ = simulated(200, seed=12)
MASKS = ((np.arange(16)[:, None] >> np.arange(4)) & 1).astype(bool)


def data_of(endpoint: str, *, gaps: bool = True) -> TrainingSet:
    return training_set(BLUEPRINT, plan_of(endpoint), GAPPED if gaps else COMPLETE)


def on_just(data: TrainingSet, mask: np.ndarray) -> tuple[TrainingSet, np.ndarray]:
    """What is left where only these groups were ever measured, and which columns that are."""
    kept = np.flatnonzero(data.design.available(mask))
    columns = tuple(data.design.columns[i] for i in kept)
    design = Design(columns, data.design.groups, data.design.group_of_input)
    return replace(data, design=design, z=data.z[:, kept], present=data.present & mask), kept


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("mask", MASKS[[1, 2, 6, 13]], ids=str)
def test_an_answer_from_a_subset_is_that_of_a_model_of_just_the_subset(endpoint: str, mask: np.ndarray) -> None:
    data = data_of(endpoint, gaps=False)
    alone, kept = on_just(data, mask)
    present = np.tile(mask, (len(data.z), 1))
    whole = fit_linear(data, FEW, 0).links(data.z, present)
    assert whole == pytest.approx(fit_linear(alone, FEW, 0).links(data.z[:, kept], present), abs=1e-9)


def test_no_group_at_all_gives_the_cohorts_rate() -> None:
    data = data_of(BINARY)
    link = fit_linear(data, FEW, 0).links(data.z[:3], np.zeros((3, 4), dtype=bool))[0]
    assert 1 / (1 + np.exp(-link)) == pytest.approx(np.full((3, 1, 1), data.target.reached.mean()), abs=1e-6)  # type: ignore[union-attr]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_linear_contributions_add_up_to_the_difference_to_the_average_patient(endpoint: str) -> None:
    data = data_of(endpoint, gaps=False)
    predictor = fit_linear(data, FEW, 0)
    for mask in MASKS[[3, 15]]:
        average = np.where(data.design.available(mask), predictor.gaussian.mean, np.nan)
        steady = replace(predictor, slopes=np.ones_like(predictor.slopes))
        both = steady.links(np.stack([data.z[5], average]), np.stack([mask, mask]))[0]
        added = predictor.contributions(data.z[5], mask).sum(axis=1)
        assert both[0] - both[1] == pytest.approx(np.tile(added[:, None], both.shape[-1]))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_tree_contributions_add_up_on_the_scale_of_the_trees(endpoint: str) -> None:
    """For odds exactly: the link less its mean over the background; for times the logits of the hazards, averaged."""
    data = data_of(endpoint)
    predictor = fit_boosted(data, 0, BoostedRecipe(rounds=20))
    rows = np.arange(6)
    added = np.stack([predictor.contributions(data.z[i], data.present[i]).sum(axis=1) for i in rows])
    links = predictor.links(data.z[rows], data.present[rows]).mean(axis=0)
    if not predictor.intervals:
        apart = links.mean(axis=2) - added
        assert apart == pytest.approx(np.tile(apart[:1], (6, 1)), abs=1e-4)
    else:
        assert np.corrcoef(links[:, 0].mean(axis=1), added[:, 0])[0, 1] > 0.95


@pytest.mark.parametrize("endpoint", [BINARY, ORDINAL])
def test_integrated_gradients_nearly_add_up_to_the_difference_to_the_average_patient(endpoint: str) -> None:
    data = data_of(endpoint, gaps=False)
    predictor = fit_gated(data, 0, GatedRecipe(steps=60))
    everything = np.ones(4, dtype=bool)
    both = predictor.links(np.stack([data.z[3], np.zeros(data.z.shape[1])]), np.stack([everything] * 2)).mean(axis=0)
    added = predictor.contributions(data.z[3], everything).sum()
    assert added == pytest.approx(float((both[0] - both[1]).mean()), abs=0.05)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_columns_of_absent_groups_contribute_nothing(endpoint: str) -> None:
    data = data_of(endpoint)
    mask = MASKS[5]
    for predictor in (
        fit_linear(data, FEW, 0),
        fit_boosted(data, 0, BoostedRecipe(rounds=10)),
        fit_gated(data, 0, GatedRecipe(steps=5)),
    ):
        found = predictor.contributions(np.where(data.design.available(mask), data.z[0], 4.0), mask)
        assert found.shape == (data.target.causes, data.z.shape[1])
        if not isinstance(predictor, BoostedPredictor):
            assert not found[:, ~data.design.available(mask)].any()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_predictor_answers_the_same_after_saving_and_loading(endpoint: str, tmp_path: Path) -> None:
    data = data_of(endpoint)
    causes, points = data.target.causes, data.target.points
    intervals = points if data.target.reached is None else 0
    linear, gated = fit_linear(data, FEW, 0), fit_gated(data, 0, GatedRecipe(steps=5))
    boosted = fit_boosted(data, 0, BoostedRecipe(rounds=10))
    boosted.save(tmp_path, endpoint)
    stored = {
        name: np.ascontiguousarray(value, dtype=np.float32)
        for name, value in {**linear.tensors("linear.x"), **gated.tensors("gated.x")}.items()
    }
    tensors = load(save(stored))
    again = {
        "linear": LinearPredictor.of_tensors(data.design, linear.gaussian, tensors, "linear.x", shrinks=intervals == 0),
        "gated": GatedPredictor.of_tensors(data.design, tensors, "gated.x", causes, points, times=intervals > 0),
        "boosted": BoostedPredictor.load(tmp_path, endpoint, data.design, causes if intervals else points, intervals),
    }
    for name, predictor in (("linear", linear), ("gated", gated), ("boosted", boosted)):
        expected = predictor.links(data.z, data.present)
        found = again[name].links(data.z, data.present)
        if name == "linear":
            assert found == pytest.approx(expected, abs=1e-4)
        else:
            assert np.array_equal(found, expected)


def test_missing_or_broken_trees_are_an_unknown_model(tmp_path: Path) -> None:
    data = data_of(BINARY)
    with pytest.raises(UnknownModel):
        BoostedPredictor.load(tmp_path, BINARY, data.design, 1, 0)
    (tmp_path / f"{BINARY}-0-0.ubj").write_bytes(b"junk")
    with pytest.raises(UnknownModel):
        BoostedPredictor.load(tmp_path, BINARY, data.design, 1, 0)


def test_what_stays_unknown_draws_a_probability_toward_one_half_but_not_a_hazard() -> None:
    for endpoint, drawn in ((BINARY, True), (SURVIVAL, False)):
        data = data_of(endpoint)
        predictor = fit_linear(data, FEW, 0)
        everything = np.ones((1, 4), dtype=bool)
        gap = data.z[:1].copy()
        gap[0, data.design.columns_of("albumin")] = np.nan
        filled, _ = predictor.gaussian.complete(gap, np.ones(gap.shape[1], dtype=bool))
        with_gap, without = (predictor.links(z, everything)[0, 0, 0] for z in (gap, filled))
        if drawn:
            assert (np.abs(with_gap) < np.abs(without)).all()
        else:
            assert with_gap == pytest.approx(without)


def test_limits_of_a_blend_enclose_its_link_and_widen_with_the_members_spread() -> None:
    data = data_of(BINARY)
    linear = fit_linear(data, replace(FEW, members=10), 0)
    part = Part("linear", linear, 1.0, LinkCalibration.none(1, 1))
    best, low, high = Blend([part]).with_limits(data.z, data.present)
    members = linear.links(data.z, data.present)[1:]
    assert (low < best).all()
    assert (best < high).all()
    assert (high - low) / 2 == pytest.approx(1.959964 * members.std(axis=0, ddof=1))
    halved = Part("linear", linear, 1.0, LinkCalibration(np.zeros(1), np.full(1, 0.5), np.zeros((1, 1))))
    assert np.diff(Blend([halved]).with_limits(data.z, data.present)[1:], axis=0) == pytest.approx(
        (high - low)[None] / 2
    )


def test_pattern_index_sets_one_bit_a_group() -> None:
    assert pattern_index(MASKS).tolist() == list(range(16))
