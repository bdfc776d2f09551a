"""Cross-validation: everything is fitted inside the fold, patients never span folds, no outcome leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.cohorts import (
    BINARY,
    BLUEPRINT,
    COMPETING,
    GROUPS,
    ORDINAL,
    SURVIVAL,
    at_visits,
    clustered,
    plan_of,
    simulated,
)
from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, SurvivalOutcome
from tumorcast_training.cohorts.own import folds_of
from tumorcast_training.cross_validation import (
    Answers,
    FoldResult,
    FoldTask,
    cross_validate,
    cross_validate_subsets,
    pooled,
    run_fold,
    score,
)
from tumorcast_training.measuring import mean_with_limits, score_within_folds

ENDPOINTS = (BINARY, ORDINAL, SURVIVAL, COMPETING)
COHORT, TRUTH = simulated(240, seed=21, gaps=0.03)


def in_turn(work: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
    return [work(task) for task in tasks]


def one_fold(cohort: Cohort, endpoint: str, fold: int = 0) -> FoldResult:
    return run_fold(FoldTask(BLUEPRINT, plan_of(endpoint), cohort, 0, fold, 0, ("linear",), subsets=False))


def with_test_fold(change: Callable[[Cohort, NDArray[np.int64]], Cohort]) -> Cohort:
    """The cohort with something done to the rows of the first fold."""
    return change(COHORT, np.flatnonzero(COHORT.folds[:, 0] == 0))


def wild_inputs(cohort: Cohort, rows: NDArray[np.int64]) -> Cohort:
    inputs = cohort.inputs.copy()
    inputs.loc[rows, "age"] = 119.0
    inputs.loc[rows, "functional_tumor_volume_t1"] = 4999.0
    inputs.loc[rows, "menopausal_status"] = None
    return replace(cohort, inputs=inputs)


def wild_outcomes(cohort: Cohort, rows: NDArray[np.int64]) -> Cohort:
    outcomes = dict(cohort.outcomes)
    binary, times = outcomes[BINARY], outcomes[SURVIVAL]
    assert isinstance(binary, BinaryOutcome)
    assert isinstance(times, SurvivalOutcome)
    value, days, event = binary.value.copy(), times.days.copy(), times.event.copy()
    value[rows], days[rows], event[rows] = 1 - value[rows], 1.0, 1
    outcomes |= {BINARY: BinaryOutcome(value), SURVIVAL: SurvivalOutcome.exact(days, event)}
    return replace(cohort, outcomes=outcomes)


@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL])
def test_changing_the_outcomes_of_the_test_fold_changes_no_answer_for_it(endpoint: str) -> None:
    before, after = one_fold(COHORT, endpoint), one_fold(with_test_fold(wild_outcomes), endpoint)
    assert np.array_equal(before.answers["linear"].values, after.answers["linear"].values)
    assert before.thresholds == after.thresholds
    assert before.scores != after.scores


@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL])
def test_changing_the_inputs_of_the_test_fold_changes_nothing_that_was_fitted(endpoint: str) -> None:
    changed = with_test_fold(wild_inputs)
    kept = replace(changed, inputs=changed.inputs.copy())
    some = np.flatnonzero(COHORT.folds[:, 0] == 0)[:10]
    kept.inputs.loc[some] = COHORT.inputs.loc[some]
    before, after = one_fold(COHORT, endpoint), one_fold(kept, endpoint)
    assert before.thresholds == after.thresholds
    assert np.array_equal(before.answers["linear"].values[:10], after.answers["linear"].values[:10])
    assert not np.array_equal(before.answers["linear"].values, after.answers["linear"].values)


def test_rows_in_no_fold_are_neither_trained_on_nor_answered() -> None:
    folds = COHORT.folds.copy()
    folds[:30] = -1
    left = replace(COHORT, folds=folds)
    turned = dict(left.outcomes)
    value = turned[BINARY].value.copy()  # type: ignore[union-attr]
    value[:30] = 1 - value[:30]
    found = one_fold(left, BINARY)
    again = one_fold(replace(left, outcomes={**turned, BINARY: BinaryOutcome(value)}), BINARY)
    assert np.array_equal(found.answers["linear"].values, again.answers["linear"].values)
    answers = pooled([found], "linear", 240)
    assert np.isnan(answers.values[:30]).all()
    assert np.isfinite(answers.values[found.test]).all()


def test_shuffled_outcomes_score_as_chance() -> None:
    """The mean AUC of 3 folds over 6 shuffles lies within what chance gives: sd about .04 a shuffle at n = 240."""
    rng = np.random.default_rng(1)
    aucs, cs = [], []
    for _ in range(6):
        order = rng.permutation(240)
        dealt = replace(COHORT, outcomes={n: o[order] for n, o in COHORT.outcomes.items()})
        for endpoint, into in ((BINARY, aucs), (SURVIVAL, cs)):
            task = cross_validate(BLUEPRINT, plan_of(endpoint), dealt, 0, in_turn, ("linear",), subsets=False)
            into.append(np.mean([r.scores["linear"] for r in task]))
    assert np.mean(aucs) == pytest.approx(0.5, abs=3 * 0.04 / np.sqrt(6))
    assert np.mean(cs) == pytest.approx(0.5, abs=3 * 0.04 / np.sqrt(6))


def test_shuffled_outcomes_are_scored_within_folds_because_pooled_chance_is_below_one_half() -> None:
    rng = np.random.default_rng(5)
    five = replace(COHORT, folds=(np.arange(240) % 5)[:, None])
    pooled_aucs, within = [], []
    for _ in range(8):
        order = rng.permutation(240)
        dealt = replace(five, outcomes={BINARY: COHORT.outcomes[BINARY][order]})
        results = cross_validate(BLUEPRINT, plan_of(BINARY), dealt, 0, in_turn, ("linear",), subsets=False)
        pooled_aucs.append(score(dealt.outcomes[BINARY], pooled(results, "linear", 240).risk))
        within.append(score_within_folds(results))
    assert np.mean(pooled_aucs) < 0.47
    _, low, high = mean_with_limits(np.array(within))
    assert low <= 0.5 <= high


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_out_of_fold_answers_find_the_truth_and_are_complete(endpoint: str) -> None:
    results = cross_validate(BLUEPRINT, plan_of(endpoint), COHORT, 0, in_turn, ("linear",), subsets=False)
    answers = pooled(results, "linear", 240)
    assert np.isfinite(answers.values).all()
    assert sorted(np.concatenate([r.test for r in results])) == list(range(240))
    sign = -1 if endpoint in (BINARY, ORDINAL) else 1
    assert np.corrcoef(answers.risk, sign * TRUTH.risk)[0, 1] > 0.6
    assert np.mean([r.scores["linear"] for r in results]) > 0.62


def test_rows_of_one_patient_never_span_folds() -> None:
    many = clustered(COHORT[np.arange(60)], 3)
    folds = folds_of(many, seed=3)
    for repeat in range(folds.shape[1]):
        of_patient = {p: set(folds[many.patient_ids == p, repeat]) for p in set(many.patient_ids)}
        assert all(len(found) == 1 for found in of_patient.values())
        assert np.bincount(folds[:, repeat]).tolist() == [36] * 5


def test_several_rows_of_a_patient_give_no_better_score_than_one() -> None:
    """Were the rows of a patient split inside a fold, the penalty would be too small and the score too good."""
    plan = plan_of(BINARY)
    one = cross_validate(BLUEPRINT, plan, COHORT, 0, in_turn, ("linear",), subsets=False)
    many = cross_validate(BLUEPRINT, plan, clustered(COHORT, 4), 0, in_turn, ("linear",), subsets=False)
    assert np.mean([r.scores["linear"] for r in many]) == pytest.approx(
        np.mean([r.scores["linear"] for r in one]), abs=0.02
    )
    assert [r.first_visit_scores["linear"] for r in many] == pytest.approx([r.scores["linear"] for r in many])


def test_subsets_are_scored_beside_models_of_their_own() -> None:
    plan = plan_of(BINARY)
    results = cross_validate(BLUEPRINT, plan, COHORT, 0, in_turn, ("linear",))
    subsets = cross_validate_subsets(BLUEPRINT, plan, COHORT, results, in_turn, "linear")
    ours, own = (np.stack([getattr(s, name) for s in subsets]).mean(axis=0) for name in ("model", "own"))
    assert ours.shape == (2 ** len(GROUPS),)
    assert ours[0] == own[0] == 0.5
    assert ours[-1] == pytest.approx(np.mean([r.scores["linear"] for r in results]))
    assert np.abs(ours - own).max() < 0.05
    assert ours[-1] == pytest.approx(ours.max(), abs=0.03)


def test_a_group_that_nobody_has_is_left_out_of_every_score() -> None:
    inputs = COHORT.inputs.copy()
    inputs["functional_tumor_volume_t1"] = np.nan
    inputs["neoadjuvant_regimen"] = None
    bare = replace(COHORT, inputs=inputs)
    for endpoint in (BINARY, COMPETING):
        plan = plan_of(endpoint)
        results = cross_validate(BLUEPRINT, plan, bare, 0, in_turn, ("linear",))
        subsets = cross_validate_subsets(BLUEPRINT, plan, bare, results, in_turn, "linear")
        for found in subsets:
            alone = [GROUPS.index("therapy"), GROUPS.index("mri_t1")]
            assert np.isnan(found.model[[1 << g for g in alone]]).all()
            assert np.isnan(found.own[[1 << g for g in alone]]).all()
            assert np.isfinite(found.model[[0, 1, 4, 5, 15]]).all()


def test_a_fold_without_any_event_is_not_scored_and_does_no_harm() -> None:
    value = COHORT.outcomes[BINARY].value.copy()  # type: ignore[union-attr]
    value[COHORT.folds[:, 0] == 0] = 0
    found = one_fold(replace(COHORT, outcomes={BINARY: BinaryOutcome(value)}), BINARY)
    assert np.isnan(found.scores["linear"])
    assert np.isfinite(found.answers["linear"].values).all()


def test_one_event_in_all_can_be_cross_validated() -> None:
    event = np.zeros(240, dtype=np.int64)
    event[7] = 1
    rare = replace(COHORT, outcomes={SURVIVAL: SurvivalOutcome.exact(np.full(240, 300.0), event)})
    for found in cross_validate(BLUEPRINT, plan_of(SURVIVAL), rare, 0, in_turn, ("linear",), subsets=False):
        assert np.isfinite(found.answers["linear"].values).all()
        assert np.isfinite(found.bounds["linear"]).all()


def test_events_seen_at_visits_are_dated_by_the_visit_or_lie_anywhere_since_the_one_before() -> None:
    progression = COHORT.outcomes[COMPETING]
    assert isinstance(progression, SurvivalOutcome)
    seen = replace(COHORT, outcomes={COMPETING: at_visits(progression)})
    by_visit = plan_of(COMPETING)
    by_interval = by_visit.model_copy(update={"interval_censored": True})
    incidence = {}
    for name, plan, cohort in (
        ("truth", by_visit, COHORT),
        ("visit", by_visit, seen),
        ("interval", by_interval, seen),
    ):
        results = cross_validate(BLUEPRINT, plan, cohort, 0, in_turn, ("linear",), subsets=False)
        incidence[name] = pooled(results, "linear", 240).values[:, 0].mean(axis=0)
    assert incidence["interval"] == pytest.approx(incidence["truth"], abs=0.05)
    assert (incidence["interval"] - incidence["visit"])[:20].min() > 0


def test_scores_are_auc_and_c() -> None:
    risk = np.array([0.1, 0.4, 0.35, 0.8])
    assert score(BinaryOutcome(np.array([0.0, 0, 1, 1])), risk) == 0.75
    assert score(OrdinalOutcome(np.array([0.0, 1, 1, 2])), risk) == 1.0
    assert score(OrdinalOutcome(np.array([2.0, 1, 1, 0])), risk) == 0.0
    times = SurvivalOutcome.exact(np.array([9.0, 3, 5, 1]), np.array([0, 1, 0, 1]))
    assert score(times, risk) == 1.0


def test_answers_of_one_cause_are_those_of_its_survival_curve() -> None:
    """Hazard constant within an interval: by day 365 of 730 half of the cumulative hazard of .8 is spent."""
    plan = plan_of(SURVIVAL).model_copy(update={"follow_up_days": 730.0})
    found = Answers.of_link(plan, np.log(np.array([[[0.8]]])), (730.0,))
    assert found.kind is EndpointKind.TIME_TO_EVENT
    middle = found.grid_days.index(365.0)
    assert found.values[0, 0, middle] == pytest.approx(1 - np.exp(-0.4))
