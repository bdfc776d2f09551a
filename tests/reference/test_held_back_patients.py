"""The immunotherapy test set, held back and scored once: the shipped model gives the committed figures again."""

import json
from pathlib import Path

import pytest

from tumorcast_fusion.model import SHIPPED
from tumorcast_training import blueprint
from tumorcast_training.cohort_data import held_out_cohort, training_cohort
from tumorcast_training.held_back import score_test

DATA = Path(__file__).parents[3] / "shared" / "data"
FOLDER = SHIPPED / "immunotherapy"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def test_the_committed_test_figures_are_those_of_the_shipped_model() -> None:
    plan = blueprint.load("immunotherapy")
    held_back = held_out_cohort(DATA, plan)
    assert held_back is not None
    found = score_test(FOLDER, plan, training_cohort(DATA, plan), held_back)
    committed = json.loads((FOLDER / "metrics.json").read_text(encoding="utf-8"))["test"]
    for endpoint, scores in found.items():
        name = "auc" if "auc" in scores["scores"] else "harrell_c"
        assert scores["scores"][name] == pytest.approx(committed[endpoint]["scores"][name], abs=1e-4)
        for which, floor in scores["floors"].items():
            assert floor["difference"] == pytest.approx(committed[endpoint]["floors"][which]["difference"], abs=1e-4)


def test_no_patient_held_back_is_among_those_trained_on() -> None:
    plan = blueprint.load("immunotherapy")
    held_back = held_out_cohort(DATA, plan)
    assert held_back is not None
    assert len(held_back) == 515
    assert not set(held_back.patient_ids) & set(training_cohort(DATA, plan).patient_ids)
