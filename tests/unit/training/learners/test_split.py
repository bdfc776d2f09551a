"""A column that splits the rows: on its side the linear learner has coefficients of its own."""

from dataclasses import replace

import numpy as np
import pytest

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.manifest import Column
from tumorcast_fusion.model.tabular import Design, LinearPredictor
from tumorcast_training.learners import LinearRecipe, Target, TrainingSet, fit_linear

GROUPS = {"x": "labs", "day": "visit"}
RECIPE = LinearRecipe(members=0, fewest_patients=20)


def columns(*, splits: bool) -> tuple[Column, ...]:
    return (
        Column(name="x", kind="value", inputs=("x",)),
        Column(name="day<=0", kind="at_most", inputs=("day",), splits=splits),
    )


def data(*, splits: bool) -> TrainingSet:
    """The effect of x turns around between first visits (day 0) and later ones."""
    rng = np.random.default_rng(0)
    x, day = rng.normal(size=600), np.where(np.arange(600) % 3 == 0, 0.0, 90.0)
    chance = 1 / (1 + np.exp(-np.where(day == 0, -2, 2) * x))
    design = Design(columns(splits=splits), ("labs", "visit"), GROUPS)
    z = design.matrix({"x": x, "day": day}, 600)
    happened = (rng.random(600) < chance).astype(float)
    target = Target(EndpointKind.BINARY, happened[:, None], ())
    ids = np.array([f"p{i}" for i in range(600)], dtype=object)
    return TrainingSet(design, z, np.ones((600, 2), dtype=bool), np.ones(600), ids, target)


def slope(predictor: LinearPredictor, day: float, *, with_visit: bool = True) -> float:
    z = predictor.design.matrix({"x": np.array([0.0, 1.0]), "day": np.full(2, day)}, 2)
    link = predictor.links(z, np.tile([True, with_visit], (2, 1)))[0, :, 0, 0]
    return float(link[1] - link[0])


def test_effects_may_turn_around_where_a_column_splits() -> None:
    split, whole = (fit_linear(data(splits=s), RECIPE, 0) for s in (True, False))
    assert slope(split, 0.0) < -1
    assert slope(whole, 0.0) > 0
    assert slope(split, 90.0) == pytest.approx(slope(whole, 90.0))


def test_rows_of_the_split_are_answered_as_by_a_model_of_just_those_rows() -> None:
    everyone = data(splits=True)
    first = np.flatnonzero(everyone.design.split_holds(everyone.z, everyone.present))
    alone = fit_linear(replace(data(splits=False)[first]), RECIPE, 0)
    assert slope(fit_linear(everyone, RECIPE, 0), 0.0) == pytest.approx(slope(alone, 0.0), abs=1e-6)


def test_without_the_splitting_input_all_rows_answer() -> None:
    split, whole = (fit_linear(data(splits=s), RECIPE, 0) for s in (True, False))
    assert slope(split, 0.0, with_visit=False) == pytest.approx(slope(whole, 0.0, with_visit=False))
    assert not split.design.split_holds(np.array([[1.0, np.nan]]), np.ones((1, 2), dtype=bool)).any()
