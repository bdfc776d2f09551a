"""A blueprint is checked before training, and fits columns to training rows only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from support.cohorts import BLUEPRINT, SURVIVAL, plan_of, simulated
from tumorcast_core.errors import InvalidInput, TumorcastError, UnknownFeature, UnknownModel
from tumorcast_core.snapshot import Modality
from tumorcast_training import blueprint as blueprints
from tumorcast_training.blueprint import Blueprint, ColumnRule, EndpointPlan, GroupPlan, edges_of
from tumorcast_training.cohorts import SurvivalOutcome


def of_groups(**columns: ColumnRule) -> Blueprint:
    """A blueprint of three numbers and three categories."""
    plan = GroupPlan(
        id="all",
        modality=Modality.CLINICAL,
        features=("age", "albumin", "hemoglobin", "sex", "her2_status", "menopausal_status"),
    )
    other = {"groups": (plan,), "columns": columns, "therapy_input": "", "baseline_groups": ()}
    return Blueprint.model_validate({**BLUEPRINT.model_dump(), **other})


def table(rows: int = 40, **columns: object) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    plain: dict[str, object] = {
        "age": rng.uniform(40, 80, rows),
        "albumin": rng.uniform(3, 5, rows),
        "hemoglobin": rng.uniform(9, 15, rows),
    }
    return pd.DataFrame({**plain, **columns})


def words(*counts: tuple[str | None, int]) -> pd.Series:
    return pd.Series([word for word, count in counts for _ in range(count)], dtype=object)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (words(("negative", 25), ("positive", 15)), {"positive": "negative"}),
        (
            words(("negative", 20), ("positive", 10), ("equivocal", 10)),
            {"negative": "", "positive": "", "equivocal": ""},
        ),
        (words(("negative", 20), ("positive", 16), ("equivocal", 4)), {"positive": "negative"}),
        (words(("negative", 36), ("positive", 4)), {}),
        (words(("negative", 40)), {}),
        (words((None, 40)), {}),
    ],
)
def test_categories_become_columns_where_they_were_seen_often_enough(
    values: pd.Series, expected: dict[str, str]
) -> None:
    found = of_groups().fit_columns(table(her2_status=values))
    assert {c.category: c.reference for c in found if c.inputs == ("her2_status",)} == expected


@pytest.mark.parametrize("value", [0.1, 0.3, 1e-9, 123456.789])
def test_a_constant_input_has_no_column_whatever_the_rounding(value: float) -> None:
    found = of_groups().fit_columns(table(albumin=np.full(40, value), hemoglobin=np.full(40, np.nan)))
    assert [c.name for c in found] == ["age"]


def test_columns_are_clipped_and_standardized_by_the_training_rows() -> None:
    made = {c.name: c for c in of_groups(age=ColumnRule(hinges=(60,), at_most=50, high=75)).fit_columns(table())}
    age = table()["age"].to_numpy()
    value, hinge, early = made["age"], made["age>60"], made["age<=50"]
    assert value.low == pytest.approx(np.quantile(age, 0.005), rel=1e-5)
    assert value.high == 75
    clipped = np.clip(age, value.low, 75)
    assert (value.mean, value.sd) == pytest.approx((clipped.mean(), clipped.std()), rel=1e-4)
    assert (hinge.mean, hinge.knot) == pytest.approx((np.maximum(clipped - 60, 0).mean(), 60), rel=1e-4)
    assert early.mean == pytest.approx((age <= 50).mean())


def test_a_knot_of_a_logarithm_is_on_the_logarithms_scale() -> None:
    rule = ColumnRule(transform="log", offset=1.0, hinges=(10.0,))
    hinge = next(c for c in of_groups(hemoglobin=rule).fit_columns(table()) if c.kind == "hinge")
    assert hinge.knot == pytest.approx(np.log(11))


def test_the_test_rows_do_not_move_the_columns() -> None:
    cohort, _ = simulated(100, seed=1)
    train = cohort[np.arange(60)]
    before = BLUEPRINT.fit_columns(train.inputs)
    cohort.inputs.loc[60:, "age"] = 119.0
    cohort.inputs.loc[60:, "sex"] = None
    assert BLUEPRINT.fit_columns(cohort[np.arange(60)].inputs) == before


def test_interval_ends_share_the_events_evenly_and_stop_at_the_end_of_follow_up() -> None:
    days = np.arange(1.0, 1001)
    outcome = SurvivalOutcome.exact(days, np.ones(1000, dtype=np.int64))
    assert edges_of(plan_of(SURVIVAL), outcome)[-1] == 730
    counts = np.histogram(days[days < 730], bins=[0, *edges_of(plan_of(SURVIVAL), outcome)])[0]
    assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize("event", [np.zeros(20), np.eye(20)[3], np.ones(20)])
@pytest.mark.parametrize("day", [0.0, 5.0, 730.0, 900.0])
def test_interval_ends_ascend_whatever_the_events(event: np.ndarray, day: float) -> None:
    outcome = SurvivalOutcome.exact(np.full(20, day), event.astype(np.int64))
    edges = edges_of(plan_of(SURVIVAL), outcome)
    assert edges[-1] == 730
    assert (np.diff((0.0, *edges)) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline_groups": ("none",)},
        {"wide_groups": ("none",)},
        {"exact_groups": ("none",)},
        {"therapy_input": "age_t9"},
        {"columns": {"agee": {}}},
        {"columns": {"age": {"change_from": ["agee"]}}},
        {"groups": ()},
        {"groups": (BLUEPRINT.groups[0], BLUEPRINT.groups[0])},
        {"groups": (BLUEPRINT.groups[0], BLUEPRINT.groups[0].model_copy(update={"id": "again"}))},
        {"endpoints": ()},
        {"endpoints": (BLUEPRINT.endpoints[0], BLUEPRINT.endpoints[0])},
        {"unknown_field": 1},
    ],
    ids=str,
)
def test_a_blueprint_that_names_what_is_not_there_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Blueprint.model_validate({**BLUEPRINT.model_dump(), **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "trajectory"},
        {"kind": "binary", "outcomes": ("a", "b", "c")},
        {"kind": "binary", "outcomes": ("a",)},
        {"kind": "ordinal", "outcomes": ("a", "a")},
        {"kind": "time-to-event"},
        {"kind": "time-to-event", "follow_up_days": 365, "horizons_days": (366,)},
        {"kind": "competing-risks", "follow_up_days": 365, "horizons_days": (0,)},
        {"kind": "competing-risks", "follow_up_days": 365, "horizons_days": (365,), "intervals": 0},
    ],
    ids=str,
)
def test_an_endpoint_that_cannot_be_asked_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndpointPlan.model_validate({"id": "x", "definition": "none", **wrong})


@pytest.mark.parametrize("content", [b"a: [", b"name: x", b"\xff\xfe", b"", b"[]"])
def test_a_broken_file_is_invalid_input(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput):
        blueprints.load(file)


def test_a_blueprint_of_ones_own_is_read_and_unknown_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    raw = BLUEPRINT.model_dump(mode="json")
    file.write_text(yaml.safe_dump(raw))
    assert blueprints.load(file) == BLUEPRINT
    raw["groups"][0]["features"][0] = "no_such_feature"
    file.write_text(yaml.safe_dump(raw))
    with pytest.raises(UnknownFeature):
        blueprints.load(file)
    for name in ("none", str(tmp_path / "absent.yaml")):
        with pytest.raises(TumorcastError):
            blueprints.load(name)
    with pytest.raises(UnknownModel):
        blueprints.load("none")


@pytest.mark.parametrize("name", sorted(p.stem for p in blueprints.BLUEPRINTS.glob("*.yaml")))
def test_shipped_blueprints_are_sound(name: str) -> None:
    found = blueprints.load(name)
    assert found.name == name
    assert found.attribution
    assert found.not_for_use
    assert not found.simulated
