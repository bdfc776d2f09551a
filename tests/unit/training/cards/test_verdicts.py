"""Verdicts: every claim that figures refute is said, and none that they do not."""

import json
from typing import Any

import pytest

from support import card_metrics
from tumorcast_training.cards.reading import Endpoint, Source
from tumorcast_training.cards.verdicts import calibrated, clears, findings, miscalibrations, selection

METRICS = json.dumps(card_metrics.metrics())
PLANS = {plan.id: plan for plan in card_metrics.BLUEPRINT.endpoints}


def source(metrics: dict[str, Any]) -> Source:
    return Source.of(card_metrics.manifest(), card_metrics.BLUEPRINT, metrics, card_metrics.SHA256, {})


def response(changes: dict[str, Any]) -> Source:
    """Metrics of the response alone, with some of its figures changed."""
    metrics = json.loads(METRICS)
    of = metrics["endpoints"]["objective_response"]
    for key, value in changes.items():
        of[key] = of[key] | value if isinstance(value, dict) and isinstance(of.get(key), dict) else value
    whole = source(metrics)
    spec = whole.manifest.endpoints[0]
    manifest = whole.manifest.model_copy(update={"endpoints": (spec,)})
    return Source.of(manifest, whole.blueprint, metrics, whole.sha256, {})


def endpoint(figures: dict[str, Any], id_: str = "objective_response") -> Endpoint:
    spec = next(e for e in card_metrics.manifest().endpoints if e.id == id_)
    return Endpoint(spec, PLANS[id_], figures)


def test_a_model_that_keeps_its_claims_has_no_negative_finding() -> None:
    assert findings(response({})) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {
                "floors": {
                    "few": {"score": [0.72, 0.02], "gain": card_metrics.paired(0.001, -0.01, 0.4), "clears": False}
                }
            },
            "floor `few` (0.720 ± 0.020) does not clear noise: +0.001 (above -0.010, p = 0.400)",
        ),
        ({"baseline": {"gain_of_all": card_metrics.paired(0.01, -0.01, 0.2)}}, "do not add to the clinical baseline"),
        ({"scores": {"calibration_slope": [0.7, 0.5, 0.9]}}, "calibration slope 0.700 [0.500, 0.900] excludes 1"),
        (
            {"scores": {"calibration_intercept": [0.3, 0.1, 0.5]}},
            "calibration intercept 0.300 [0.100, 0.500] excludes 0",
        ),
        (
            {"scores": {"ece": [0.08, 0.05, 0.1], "ece_null": {"percentile_95": 0.05, "p": 0.001, "within": False}}},
            "is above its null's 95th percentile, 0.050",
        ),
        (
            {"scores": {"prediction_sets": {"nominal": 0.9, "coverage": [0.8, 0.75, 0.85], "contains_nominal": False}}},
            "does not contain the nominal 0.9 (it lies below: too narrow)",
        ),
        (
            {"subsets": [{"groups": ["labs"], "difference_to_own": card_metrics.paired(-0.03, -0.05, 0.9)}]},
            "for 1 of 1 subsets of the groups",
        ),
        ({"shuffled": {"score": [0.6, 0.55, 0.65]}}, "something leaks"),
    ],
    ids=["floor", "baseline", "slope", "intercept", "ece", "coverage", "subsets", "shuffled"],
)
def test_a_refuted_claim_is_one_finding(changes: dict[str, Any], said: str) -> None:
    found = findings(response(changes))
    assert len(found) == 1
    assert found[0].startswith("`objective_response`: ")
    assert said in found[0]


def test_a_floor_given_alone_counts_as_well() -> None:
    floor = {"score": 0.72, "gain": card_metrics.paired(0.0, -0.02, 0.5), "clears": False}
    assert any("floor `floor` (0.720)" in text for text in findings(response({"floor": floor, "floors": None})))


@pytest.mark.parametrize(
    ("floor", "expected"),
    [
        ({"clears": False, "gain": {"p": 0.01}}, False),
        ({"gain": {"p": 0.01}}, True),
        ({"gain": {"p": 0.2}}, False),
        ({"gain": None}, None),
        ({}, None),
    ],
)
def test_a_floor_is_cleared_as_training_said_or_by_its_p_value(floor: dict[str, Any], expected: bool | None) -> None:
    assert clears(floor) is expected


def test_the_first_screen_compares_with_the_floor_that_is_hardest_to_beat() -> None:
    floors = {"few": {"score": [0.75, 0.02], "clears": False}, "many": {"score": [0.7, 0.02], "clears": True}}
    assert endpoint({"floors": floors}).best_floor["clears"] is False


def test_horizons_whose_intervals_exclude_the_target_are_named_together() -> None:
    good, bad = {"calibration_slope": [1.0, 0.8, 1.2]}, {"calibration_slope": [0.5, 0.3, 0.7]}
    scores = {"rows": 9, "horizons": {"91": bad, "182": good, "365": bad}}
    assert miscalibrations(scores) == ["calibration slope excludes 1 at day 91, 365"]
    assert calibrated(endpoint({"scores": scores}, "overall_survival")) == "**no**"


def test_a_second_cause_that_is_off_makes_the_endpoint_off() -> None:
    good, bad = ({"rows": 9, "horizons": {"365": {"calibration_slope": s}}} for s in ([1, 0.9, 1.1], [0.5, 0.3, 0.7]))
    assert calibrated(endpoint({"scores": {"progression": good, "death": bad}}, "progression")) == "**no**"
    assert calibrated(endpoint({"scores": [good, good]}, "progression")) == "yes"
    assert calibrated(endpoint({"scores": {}}, "progression")) == "not computed"


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("linear", "**linear** is shipped, the simplest. No gain over it clears noise: boosted +0.004"),
        ("boosted", "**boosted** is shipped: its gain over linear clears noise, +0.004 (above -0.006, p = 0.420)"),
    ],
)
def test_the_choice_says_who_won_and_by_how_much(chosen: str, said: str) -> None:
    figures = json.loads(METRICS)["endpoints"]["objective_response"] | {"chosen": chosen}
    assert selection(endpoint(figures)).startswith(said)
