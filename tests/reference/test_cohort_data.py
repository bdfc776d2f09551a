"""``--data`` finds the public cohorts, from the folder of all of them or from their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tumorcast_core.errors import InvalidInput
from tumorcast_training import blueprint
from tumorcast_training.cohort_data import blueprint_for, read_data, training_cohort
from tumorcast_training.tables import Schema

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not (DATA / "hcc_sysucc").is_dir(), reason="../shared/data is not here")


@pytest.mark.parametrize(
    ("name", "rows"), [("breast-neoadjuvant", 384), ("immunotherapy", 964), ("glioma", 501), ("hepatocellular", 9299)]
)
def test_a_public_cohort_is_found_and_known_to_be_what_the_model_was_trained_on(name: str, rows: int) -> None:
    plan = blueprint.load(name)
    schema = Schema.of_blueprint(plan)
    for data in (DATA, DATA / plan.folder):
        table, trained_on_these = read_data(data, schema)
        assert (len(table.cohort), trained_on_these) == (rows, True)
    assert not set(table.cohort.inputs) - set(schema.features)
    assert set(table.cohort.outcomes) == {endpoint.id for endpoint in plan.endpoints}
    assert len(training_cohort(DATA, blueprint_for(name, None, DATA))) == rows


def test_the_test_split_is_not_what_the_model_was_trained_on() -> None:
    table, trained_on_these = read_data(DATA, Schema.of_blueprint(blueprint.load("immunotherapy")), split="test")
    assert (len(table.cohort), trained_on_these) == (515, False)
    with pytest.raises(InvalidInput, match="split"):
        read_data(DATA, Schema.of_blueprint(blueprint.load("glioma")), split="test")
