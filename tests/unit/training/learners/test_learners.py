"""Fitted predictors: the same by seed, blind to absent groups, and as good as the truth allows."""

from __future__ import annotations

import numpy as np
import pytest

from support.cohorts import BINARY, BLUEPRINT, COMPETING, FEW, ORDINAL, SURVIVAL, clustered, plan_of, simulated
from tumorcast_fusion.model.tabular import BoostedPredictor, GatedPredictor, LinearPredictor
from tumorcast_training.fitting import (
    calibration_of,
    fit_endpoint,
    inner_links,
    training_set,
    weights_of,
)
from tumorcast_training.learners import LinearRecipe, TrainingSet, fit_boosted, fit_gated, fit_linear
from tumorcast_training.learners.boosted import BoostedRecipe
from tumorcast_training.learners.gated import GatedRecipe
from tumorcast_training.metrics import auc

ENDPOINTS = (BINARY, ORDINAL, SURVIVAL, COMPETING)
COHORT, TRUTH = simulated(200, seed=1)


def data_of(endpoint: str) -> TrainingSet:
    return training_set(BLUEPRINT, plan_of(endpoint), COHORT)


def boosted(data: TrainingSet, seed: int) -> BoostedPredictor:
    return fit_boosted(data, seed, BoostedRecipe(rounds=15))


def gated(data: TrainingSet, seed: int) -> GatedPredictor:
    return fit_gated(data, seed, GatedRecipe(steps=15))


def linear(data: TrainingSet, seed: int) -> LinearPredictor:
    return fit_linear(data, FEW, seed)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fit", [linear, boosted, gated])
def test_the_same_seed_gives_the_same_links_to_the_bit_and_another_seed_others(fit, endpoint: str) -> None:  # type: ignore[no-untyped-def]
    data = data_of(endpoint)
    first, second, other = (fit(data, seed).links(data.z, data.present) for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()
    assert first.shape[1:] == (200, data.target.causes, data.target.points)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fit", [linear, boosted, gated])
def test_values_of_absent_groups_have_no_effect(fit, endpoint: str) -> None:  # type: ignore[no-untyped-def]
    data = data_of(endpoint)
    predictor = fit(data, 0)
    present = data.present & np.array([True, False, True, False])
    wild = np.where(data.design.available(present), data.z, 5.0)
    assert np.array_equal(predictor.links(wild, present), predictor.links(data.z, present))
    blank = np.where(data.design.available(present), data.z, np.nan)
    assert np.array_equal(predictor.links(blank, present), predictor.links(data.z, present))


@pytest.mark.parametrize("fit", [linear, boosted, gated])
def test_an_answer_does_not_depend_on_who_else_is_asked(fit) -> None:  # type: ignore[no-untyped-def]
    data = data_of(SURVIVAL)
    predictor = fit(data, 0)
    order = np.random.default_rng(0).permutation(200)
    together = predictor.links(data.z, data.present)
    assert predictor.links(data.z[order], data.present[order]) == pytest.approx(together[:, order], abs=1e-6)
    assert predictor.links(data.z[7:8], data.present[7:8]) == pytest.approx(together[:, 7:8], abs=1e-6)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_weights_are_tenths_that_add_up_to_one_and_the_blend_is_their_mean(endpoint: str) -> None:
    data = data_of(endpoint)
    fitted = fit_endpoint(data, FEW, 0, ("linear", "boosted"))
    assert sum(fitted.weights.values()) == pytest.approx(1)
    assert all(w * 10 == pytest.approx(round(w * 10)) for w in fitted.weights.values())
    alone = {n: fitted.blend(n).link(data.z, data.present) for n in ("linear", "boosted")}
    mean = np.sum([w * alone[n] for n, w in fitted.weights.items()], axis=0)
    assert fitted.blend("blend").link(data.z, data.present) == pytest.approx(mean)


def test_a_blend_gives_all_weight_to_the_only_learner_that_knows_something() -> None:
    data = data_of(BINARY)
    rng = np.random.default_rng(0)
    good = -TRUTH.risk[:, None, None]
    noise = rng.normal(0, 2, good.shape)
    assert weights_of({"noise": noise, "good": good}, data.target, data.weight)["good"] >= 0.9


@pytest.mark.parametrize(("stretch", "shift"), [(2.0, 0.5), (0.5, -1.0)])
def test_calibration_undoes_a_stretched_and_shifted_link(stretch: float, shift: float) -> None:
    cohort, truth = simulated(4000, seed=2)
    data = training_set(BLUEPRINT, plan_of(BINARY), cohort)
    found = calibration_of(stretch * -truth.risk[:, None, None] + shift, data.target, data.weight)
    assert found.slope[0] * stretch == pytest.approx(1, abs=0.1)
    assert found.intercept[0] + found.slope[0] * shift == pytest.approx(0, abs=0.1)


def test_a_link_that_points_the_wrong_way_is_calibrated_to_the_cohorts_rate() -> None:
    """With a slope of zero the intercept must be that of the rate, not that of the rejected slope."""
    rng = np.random.default_rng(0)
    data = data_of(BINARY)
    value = (rng.random(200) < 0.15).astype(float)
    target = type(data.target)(data.target.kind, value[:, None], ())
    wrong = -2.0 * value[:, None, None] - 1.7
    found = calibration_of(wrong, target, np.ones(200))
    assert found.slope[0] == 0
    assert 1 / (1 + np.exp(-found(wrong))) == pytest.approx(np.full((200, 1, 1), value.mean()), abs=1e-3)


def test_cross_fitted_links_of_a_patient_do_not_know_her_outcome() -> None:
    data = data_of(BINARY)
    before = inner_links(data, FEW, ("linear",), 0).links["linear"]
    fold = data.inner_folds(3, 0)
    turned = data.target.reached.copy()  # type: ignore[union-attr]
    turned[fold == 1] = 1 - turned[fold == 1]
    other = type(data)(**{**data.__dict__, "target": type(data.target)(data.target.kind, turned, ())})
    after = inner_links(other, FEW, ("linear",), 0).links["linear"]
    assert np.array_equal(before[fold == 1], after[fold == 1])
    assert not np.array_equal(before[fold != 1], after[fold != 1])


def test_a_patients_rows_share_inner_folds_and_bootstrap_counts() -> None:
    data = training_set(BLUEPRINT, plan_of(BINARY), clustered(COHORT))
    fold, weights = data.inner_folds(3, 0), data.bootstrap_weights(np.random.default_rng(0))
    assert data.clustered
    for patient in set(data.patient_ids):
        rows = data.patient_ids == patient
        assert len(set(fold[rows])) == 1
        assert len(set(weights[rows])) == 1
    assert np.bincount(fold[::3]).tolist() == [67, 67, 66]
    assert weights.sum() == 600


def test_learners_find_the_truth_of_a_larger_cohort() -> None:
    cohort, _ = simulated(1200, seed=5)
    data = training_set(BLUEPRINT, plan_of(BINARY), cohort[np.arange(800)])
    new = training_set(BLUEPRINT, plan_of(BINARY), cohort, data.design.columns)[np.arange(800, 1200)]
    value = new.target.reached[:, 0]  # type: ignore[index]
    scores = {}
    for name, predictor in (
        ("linear", linear(data, 0)),
        ("boosted", fit_boosted(data, 0)),
        ("gated", fit_gated(data, 0)),
    ):
        links = predictor.links(new.z, new.present)
        scores[name] = float(auc(value, (links[0] if name == "linear" else links.mean(axis=0))[:, 0, 0])[0])
    assert all(score > 0.72 for score in scores.values()), scores


def test_wide_groups_may_be_shrunk_harder() -> None:
    recipe = LinearRecipe(penalties=(3.0,), members=0, wide_groups=("mri_t0", "mri_t1"), wide_factors=(1e6,))
    data = data_of(BINARY)
    found = fit_linear(data, recipe, 0).coefficients[0, -1, 0]
    wide = data.design.needs[:, 2:].any(axis=1)
    assert np.abs(found[wide]).max() < 1e-3
    assert np.abs(found[~wide]).max() > 0.1


@pytest.mark.parametrize(
    ("learner", "endpoint"), [*((n, e) for n in ("linear", "boosted") for e in ENDPOINTS), ("gated", COMPETING)]
)
def test_fifteen_patients_with_one_event_can_be_fitted(learner: str, endpoint: str) -> None:
    cohort, _ = simulated(15, seed=3)
    outcome = cohort.outcomes[endpoint]
    field = {BINARY: "value", ORDINAL: "rank"}.get(endpoint, "event")
    getattr(outcome, field)[:] = 0
    getattr(outcome, field)[4] = 1
    data = training_set(BLUEPRINT, plan_of(endpoint), cohort)
    fitted = fit_endpoint(data, FEW, 0, (learner,))
    link = fitted.blend(learner).with_limits(data.z, data.present)
    assert np.isfinite(link).all()
