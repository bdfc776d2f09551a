"""A model of tables, trained and loaded, answers any subset of its groups and says what it rests on."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from support.cohorts import (
    BINARY,
    COMPETING,
    GROUPS,
    ORDINAL,
    REGIMENS,
    SURVIVAL,
    TRAINING_PATIENTS,
    TRAINING_TRUTH,
    simulated,
    snapshot_of,
    trained_model,
)
from tumorcast_core.errors import HorizonOutOfRange, UnknownModel
from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CompetingRisksEstimate,
    Endpoint,
    EndpointStatus,
    InputStatus,
    ProbabilityEstimate,
    Prognosis,
    SurvivalEstimate,
)
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_core.wire import prognosis_from, prognosis_to
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_training.table_predictions import predict_rows, tabular_engine

SUBSETS = [frozenset(c) for k in range(len(GROUPS) + 1) for c in combinations(GROUPS, k)]
PATIENT = TRAINING_TRUTH.complete.iloc[5].to_dict()
HORIZONS = (100.0, 365.0, 700.0)


def given_only(groups: frozenset[str], inputs: dict[str, Any] | None = None) -> PatientSnapshot:
    """The patient with the inputs of these groups."""
    of = trained_model().manifest.inputs()
    values = PATIENT if inputs is None else inputs
    return snapshot_of({name: value for name, value in values.items() if of[name][0].id in groups})


def answer(prognosis: Prognosis, endpoint: str) -> Endpoint:
    return next(e for e in prognosis.endpoints if e.id == endpoint)


def headlines(prognosis: Prognosis, endpoint: str) -> list[float]:
    """P(outcome), P(at least the second category) or P(no event of the first cause) at every horizon."""
    match answer(prognosis, endpoint).estimate:
        case ProbabilityEstimate() as e:
            return [e.probability]
        case CategoriesEstimate() as e:
            return [1 - e.categories[0].probability]
        case SurvivalEstimate() as e:
            return [p.survival for p in e.points]
        case CompetingRisksEstimate() as e:
            return [p.survival for p in e.causes[0].points]
    raise AssertionError("no estimate")


@pytest.mark.parametrize("groups", SUBSETS[1:], ids=lambda s: "+".join(sorted(s)))
def test_any_subset_of_groups_is_answered_with_sound_numbers(groups: frozenset[str]) -> None:
    prognosis = trained_model().predict(given_only(groups), HORIZONS)
    assert {i.group for i in prognosis.inputs if i.status is InputStatus.USED} == groups
    assert all(e.status is EndpointStatus.PREDICTED for e in prognosis.endpoints)
    p = answer(prognosis, BINARY).estimate
    assert isinstance(p, ProbabilityEstimate)
    assert 0 < p.interval.lower < p.probability < p.interval.upper < 1
    assert p.prediction_set_level == 0.9
    assert set(p.prediction_set) <= {"no", "yes"} != set()
    assert (p.clinical_baseline is None) == ("clinical" not in groups)
    ranks = answer(prognosis, ORDINAL).estimate
    assert isinstance(ranks, CategoriesEstimate)
    assert sum(c.probability for c in ranks.categories) == pytest.approx(1)
    survival = answer(prognosis, SURVIVAL).estimate
    assert isinstance(survival, SurvivalEstimate)
    assert survival.lower_bound_level == 0.9
    assert 0 <= (survival.lower_bound_days or 0) <= 730
    causes = answer(prognosis, COMPETING).estimate
    assert isinstance(causes, CompetingRisksEstimate)
    for points in (survival.points, *(c.points for c in causes.causes)):
        assert all(0 < x.interval.lower <= x.survival <= x.interval.upper <= 1 for x in points)
        assert (np.diff([x.survival for x in points]) <= 1e-12).all()
    together = [sum(1 - c.points[k].survival for c in causes.causes) for k in range(3)]
    assert all(total <= 1 for total in together)


@pytest.mark.parametrize("groups", [SUBSETS[k] for k in (1, 6, 10, 15)], ids=lambda s: "+".join(sorted(s)))
def test_contributions_add_up_to_the_difference_to_the_empty_answer_at_every_horizon(groups: frozenset[str]) -> None:
    model = trained_model()
    prognosis = model.predict(given_only(groups), HORIZONS)
    reading = model.engine.read(given_only(groups))
    empty = model.engine.outputs(reading, np.zeros((1, len(GROUPS)), dtype=bool))
    for endpoint in (BINARY, ORDINAL, SURVIVAL, COMPETING):
        nothing = empty[endpoint].headline(HORIZONS)[0]
        shares = [c for i in prognosis.inputs for c in i.contributions if c.endpoint_id == endpoint]
        for day, value, without in zip(
            HORIZONS if len(nothing) > 1 else (0.0,), headlines(prognosis, endpoint), nothing, strict=True
        ):
            assert sum(c.value for c in shares if c.horizon_days == day) == pytest.approx(value - without, abs=1e-9)


@pytest.mark.parametrize("endpoint", [BINARY, SURVIVAL, COMPETING])
def test_the_baseline_is_the_answer_from_the_baselines_groups_alone(endpoint: str) -> None:
    whole = answer(trained_model().predict(given_only(frozenset(GROUPS))), endpoint).estimate
    alone = headlines(trained_model().predict(given_only(frozenset({"clinical"}))), endpoint)
    assert whole.clinical_baseline == pytest.approx(alone[-1])  # type: ignore[union-attr]


def test_worth_is_told_of_missing_groups_only_and_the_informative_group_is_worth_something() -> None:
    prognosis = trained_model().predict(given_only(frozenset({"therapy", "mri_t0"})))
    worth = {i.group: {w.endpoint_id: w for w in i.worth} for i in prognosis.inputs}
    assert worth["therapy"] == worth["mri_t0"] == {}
    assert set(worth["clinical"]) == set(worth["mri_t1"]) == {BINARY, ORDINAL, SURVIVAL, COMPETING}
    assert {e: w.score for e, w in worth["clinical"].items()} == {
        BINARY: "AUC",
        ORDINAL: "C",
        SURVIVAL: "C",
        COMPETING: "C",
    }
    for found in worth["clinical"].values():
        assert found.gain > 0.02
        assert found.interval.lower < found.gain < found.interval.upper


def test_worth_leaves_out_folds_that_could_not_be_scored() -> None:
    engine = tabular_engine(trained_model())
    holes = {name: np.where(np.arange(scores.shape[1]) == 0, np.nan, scores) for name, scores in engine.scores.items()}
    nothing = {**holes, BINARY: np.full_like(holes[BINARY], np.nan)}
    model = replace(trained_model(), engine=replace(engine, scores=nothing))
    worth = [w for i in model.predict(given_only(frozenset({"therapy"}))).inputs for w in i.worth]
    assert BINARY not in {w.endpoint_id for w in worth}
    assert len(worth) == 9
    assert all(np.isfinite([w.gain, w.interval.lower, w.interval.upper]).all() for w in worth)


def test_without_any_usable_input_it_abstains_and_gives_no_number() -> None:
    prognosis = trained_model().predict(PatientSnapshot())
    for endpoint in prognosis.endpoints:
        assert endpoint.status is EndpointStatus.ABSTAINED
        assert endpoint.estimate is None
        assert [r.code for r in endpoint.reasons] == ["NO_USABLE_INPUT"]


@pytest.mark.parametrize(
    "strange", [{"albumin": 0.6}, {"functional_tumor_volume_t0": 5000.0, "functional_tumor_volume_t1": 0.0}]
)
def test_far_outside_the_training_patients_it_abstains_which_is_no_low_risk(strange: dict[str, float]) -> None:
    prognosis = trained_model().predict(snapshot_of({**PATIENT, **strange}))
    assert all(e.status is EndpointStatus.ABSTAINED and e.estimate is None for e in prognosis.endpoints)
    assert {r.code for e in prognosis.endpoints for r in e.reasons} == {"UNLIKE_TRAINING_PATIENTS"}
    assert not [c for i in prognosis.inputs for c in i.contributions]
    assert prognosis.observed_under == ()
    assert prognosis.typicality
    assert prognosis.typicality.percentile < 0.05


def test_a_low_risk_patient_is_answered() -> None:
    well = TRAINING_TRUTH.complete.iloc[int(np.argsort(TRAINING_TRUTH.risk)[2])]
    prognosis = trained_model().predict(snapshot_of(well))
    assert headlines(prognosis, BINARY)[0] > 0.9
    assert answer(prognosis, BINARY).status is EndpointStatus.PREDICTED


def test_the_average_patient_is_typical_and_one_of_strange_proportions_is_told() -> None:
    average = {**PATIENT, "age": 62.0, "albumin": 3.8, "hemoglobin": 12.0}
    average |= {"functional_tumor_volume_t0": 12.2, "functional_tumor_volume_t1": 5.2}
    usual = trained_model().predict(snapshot_of(average)).typicality
    odd = trained_model().predict(snapshot_of({**average, "albumin": 4.7, "hemoglobin": 8.5})).typicality
    assert usual
    assert odd
    assert usual.percentile > 0.8
    assert odd.percentile < usual.percentile - 0.5
    assert set(odd.unusual_inputs[:2]) == {"albumin", "hemoglobin"}


def test_similar_groups_have_ten_patients_or_more_and_come_nearest_first() -> None:
    prognosis = trained_model().predict(given_only(frozenset(GROUPS)))
    assert prognosis.similar
    assert all(s.patients >= 10 for s in prognosis.similar)
    assert [s.distance for s in prognosis.similar] == sorted(s.distance for s in prognosis.similar)
    for outcome in (o for s in prognosis.similar for o in s.outcomes):
        assert 0 <= outcome.interval.lower <= outcome.share <= outcome.interval.upper <= 1


def test_observed_under_compares_only_treatments_of_ten_similar_patients_and_says_which_was_given() -> None:
    options = {o.category: o for o in trained_model().predict(given_only(frozenset(GROUPS))).observed_under}
    assert set(options) == set(REGIMENS)
    assert [v for v, o in options.items() if o.given] == [PATIENT["neoadjuvant_regimen"]]
    for option in options.values():
        assert (option.patients >= 10) == bool(option.predictions)
        assert (option.withheld is None) == bool(option.predictions)
    given = options[PATIENT["neoadjuvant_regimen"]]
    whole = trained_model().predict(given_only(frozenset(GROUPS)))
    predicted = {c.endpoint_id: c.value for c in given.predictions}
    assert predicted[BINARY] == pytest.approx(headlines(whole, BINARY)[0])
    assert predicted[SURVIVAL] == pytest.approx(headlines(whole, SURVIVAL)[-1])


def test_a_treatment_of_fewer_than_ten_similar_patients_is_withheld() -> None:
    engine = tabular_engine(trained_model())
    few = [p.model_copy(update={"treatments": {REGIMENS[0]: 9, REGIMENS[1]: 10}}) for p in engine.similar.prototypes]
    model = replace(trained_model(), engine=replace(engine, similar=replace(engine.similar, prototypes=few)))
    options = {o.category: o for o in model.predict(given_only(frozenset(GROUPS))).observed_under}
    assert options[REGIMENS[0]].predictions == ()
    assert options[REGIMENS[0]].withheld
    assert options[REGIMENS[0]].withheld.code == "TOO_FEW_SIMILAR_PATIENTS"
    assert options[REGIMENS[1]].predictions


def test_an_unseen_category_is_an_issue_and_its_group_rejected_if_it_was_all() -> None:
    prognosis = trained_model().predict(snapshot_of({**PATIENT, "neoadjuvant_regimen": "paclitaxel_neratinib"}))
    therapy = next(i for i in prognosis.inputs if i.group == "therapy")
    assert therapy.status is InputStatus.REJECTED
    assert therapy.reason
    assert therapy.reason.code == "UNSEEN_CATEGORY"
    assert therapy.worth
    without = trained_model().predict(given_only(frozenset(GROUPS) - {"therapy"}))
    assert headlines(prognosis, SURVIVAL) == headlines(without, SURVIVAL)
    assert not [o for o in prognosis.observed_under if o.given]


def issues_of(name: str, **change: object) -> tuple[Prognosis, set[str]]:
    """The answer where one of the patient's features is changed, and the codes of its issues."""
    whole = given_only(frozenset(GROUPS))
    features = tuple(replace(f, **change) if f.name == name else f for f in whole.features)  # type: ignore[arg-type]
    prognosis = trained_model().predict(replace(whole, features=features))
    return prognosis, {i.code for i in prognosis.issues}


@pytest.mark.parametrize(
    ("change", "code", "used"),
    [
        ({"value": 5.4}, "OUTSIDE_TRAINING_RANGE", True),
        ({"comparator": "<"}, "BOUND_USED_AS_VALUE", True),
        ({"unit": "g/L"}, "IMPLAUSIBLE_VALUE", False),
        ({"value": 70.0}, "IMPLAUSIBLE_VALUE", False),
        ({"value": float("nan")}, "IMPLAUSIBLE_VALUE", False),
    ],
)
def test_a_doubtful_value_is_told_and_a_wrong_one_is_not_used(change: dict[str, object], code: str, used: bool) -> None:
    prognosis, codes = issues_of("albumin", **change)
    assert codes == {code}
    clinical = next(i for i in prognosis.inputs if i.group == "clinical")
    words = next(f.words for f in clinical.features if f.input == "albumin")
    assert ("not given" in words) == (not used)
    assert clinical.status is InputStatus.USED


@pytest.mark.parametrize("days", [0.0, -5.0, 730.5, float("inf"), float("nan")])
def test_a_horizon_beyond_follow_up_is_refused(days: float) -> None:
    with pytest.raises(HorizonOutOfRange):
        trained_model().predict(given_only(frozenset(GROUPS)), (days,))


def test_every_kind_of_endpoint_survives_the_wire() -> None:
    for groups in (SUBSETS[0], SUBSETS[3], SUBSETS[-1]):
        prognosis = trained_model().predict(given_only(groups))
        assert prognosis_from(prognosis_to(prognosis)) == prognosis


def test_rows_of_a_table_are_answered_as_the_same_patients_one_by_one() -> None:
    engine = tabular_engine(trained_model())
    some = TRAINING_PATIENTS.inputs.iloc[:12]
    rows = predict_rows(engine, some)
    for k in range(12):
        prognosis = trained_model().predict(snapshot_of(some.iloc[k]))
        if rows.abstains[k] is not None:
            assert {r.code for r in prognosis.endpoints[0].reasons} == {rows.abstains[k]}
            continue
        assert headlines(prognosis, BINARY)[0] == pytest.approx(rows.outputs[BINARY].headline()[k, 0], abs=1e-12)
        expected = rows.outputs[COMPETING].headline((182, 365))[k]
        assert headlines(prognosis, COMPETING) == pytest.approx(expected, abs=1e-12)


def test_deleting_the_inputs_that_count_most_moves_the_answer_more_than_deleting_random_ones() -> None:
    """Faithfulness: the two inputs with the largest contributions against two at random, over 40 patients."""
    model, rng = trained_model(), np.random.default_rng(0)
    _, truth = simulated(40, seed=99)
    by_reason, by_chance = [], []
    for _, row in truth.complete.iterrows():
        inputs = row.to_dict()
        prognosis = model.predict(snapshot_of(inputs))
        if answer(prognosis, BINARY).estimate is None:
            continue
        whole = headlines(prognosis, BINARY)[0]
        found = [f for i in prognosis.inputs for f in i.features if f.endpoint_id == BINARY]
        strongest = [f.input for f in sorted(found, key=lambda f: -abs(f.value))[:2]]
        for gone, moves in ((strongest, by_reason), (list(rng.choice(list(inputs), 2, replace=False)), by_chance)):
            left = model.predict(snapshot_of({n: v for n, v in inputs.items() if n not in gone}))
            moves.append(abs(headlines(left, BINARY)[0] - whole))
    assert len(by_reason) > 30
    assert np.mean(by_reason) > 1.5 * np.mean(by_chance)


def test_contributions_of_inputs_point_where_the_truth_does() -> None:
    low, high = (
        trained_model().predict(snapshot_of({**PATIENT, "albumin": value, "hemoglobin": None})) for value in (3.2, 4.4)
    )
    worse, better = (
        next(f for i in p.inputs for f in i.features if f.input == "albumin" and f.endpoint_id == SURVIVAL)
        for p in (low, high)
    )
    assert worse.value > 0 > better.value
    assert "raises the hazard" in worse.words
    assert "albumin 4.4 g/dL (1." in better.words


def test_a_model_whose_weights_do_not_fit_is_unknown(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = trained_model()
    engine = tabular_engine(model)
    manifests.dump(model.manifest, tmp_path)
    with pytest.raises(UnknownModel):
        TabularEngine.load(tmp_path, model.manifest)
    engine.save(tmp_path)
    again = TabularEngine.load(tmp_path, model.manifest)
    reading = engine.read(given_only(frozenset(GROUPS)))
    everything = np.ones((1, len(GROUPS)), dtype=bool)
    for name, output in again.outputs(reading, everything).items():
        assert output.headline(HORIZONS) == pytest.approx(engine.outputs(reading, everything)[name].headline(HORIZONS))
    (tmp_path / "tabular.safetensors").write_bytes(b"junk")
    with pytest.raises(UnknownModel):
        TabularEngine.load(tmp_path, model.manifest)
