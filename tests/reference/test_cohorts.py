"""The real cohorts of ../shared/data: counts, folds, and the README's floors by plain ridge."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorcast_core.catalog import catalog
from tumorcast_training import floors
from tumorcast_training.cohorts import breast_ispy2, glioma_ucsf_pdgm, hcc_sysucc, immunotherapy_chowell
from tumorcast_training.cohorts.base import NO_FOLD, BinaryOutcome, Cohort, SurvivalOutcome
from tumorcast_training.cohorts.hcc_progression import DEATH, PROGRESSION

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not (DATA / "hcc_sysucc").is_dir(), reason="../shared/data is not here")
TIMEPOINTS = breast_ispy2.TIMEPOINTS


@cache
def _cohort(name: str) -> Cohort:
    readers: dict[str, Callable[[], Cohort]] = {
        "breast": lambda: breast_ispy2.read(DATA / breast_ispy2.NAME),
        "immunotherapy": lambda: immunotherapy_chowell.read(DATA / immunotherapy_chowell.NAME),
        "immunotherapy test": lambda: immunotherapy_chowell.read(DATA / immunotherapy_chowell.NAME, "test"),
        "hepatocellular": lambda: hcc_sysucc.read(DATA / hcc_sysucc.NAME),
        "hepatocellular, no deaths": lambda: hcc_sysucc.read(DATA / hcc_sysucc.NAME, None),
        "glioma": lambda: glioma_ucsf_pdgm.read(DATA / glioma_ucsf_pdgm.NAME),
    }
    return readers[name]()


ALL = ["breast", "immunotherapy", "hepatocellular", "glioma"]


@pytest.mark.parametrize(
    ("name", "endpoint", "rows", "known", "events"),
    [
        ("breast", "pathologic_complete_response", 384, 384, 113),
        ("immunotherapy", "objective_response", 964, 964, 282),
        ("immunotherapy", "progression_free_survival", 964, 964, 813),
        ("immunotherapy", "overall_survival", 964, 964, 621),
        ("immunotherapy test", "objective_response", 515, 515, 127),
        ("glioma", "overall_survival", 501, 500, 250),
        ("hepatocellular", "overall_survival", 9299, 9188, 4213),
        ("hepatocellular", "progression", 9299, 7919, 4424),
    ],
)
def test_rows_and_events_are_those_of_the_data(name: str, endpoint: str, rows: int, known: int, events: int) -> None:
    cohort = _cohort(name)
    outcome = cohort.outcomes[endpoint]
    assert isinstance(outcome, BinaryOutcome | SurvivalOutcome)
    happened = outcome.event == 1 if isinstance(outcome, SurvivalOutcome) else outcome.value == 1
    assert (len(cohort), outcome.known().sum(), happened[outcome.known()].sum()) == (rows, known, events)


@pytest.mark.parametrize("name", ALL)
def test_patients_never_span_folds_and_each_is_in_one(name: str) -> None:
    cohort = _cohort(name)
    folds = pd.DataFrame(cohort.folds).groupby(cohort.patient_ids)
    assert folds.nunique().to_numpy().max() == 1
    known = np.logical_or.reduce([outcome.known() for outcome in cohort.outcomes.values()])
    assert set(np.unique(cohort.folds[known])) == {0, 1, 2, 3, 4}


def test_only_the_glioma_patient_without_survival_has_no_fold() -> None:
    cohort = _cohort("glioma")
    without = (cohort.folds == NO_FOLD).all(axis=1)
    assert without.tolist() == (~cohort.outcomes["overall_survival"].known()).tolist()
    assert (_cohort("immunotherapy test").folds == NO_FOLD).all()


@pytest.mark.parametrize("name", [*ALL, "immunotherapy test"])
def test_every_input_is_a_catalog_feature_with_values_that_it_takes(name: str) -> None:
    for column, values in _cohort(name).inputs.items():
        base, _, last = str(column).rpartition("_")
        known = catalog()[base if last in TIMEPOINTS else str(column)]
        for value in values.dropna().unique():
            known.check(value if isinstance(value, str) else float(value), known.unit)
        assert (values.dtype == object) == bool(known.categories)


def test_first_visits_progress_as_the_readme_says() -> None:
    """The README has 1,663 patients and 1,033 events: one patient's only later visit is of the first one's day."""
    cohort = _cohort("hepatocellular, no deaths")
    outcome = cohort.outcomes["progression"]
    assert isinstance(outcome, SurvivalOutcome)
    assert cohort.landmark_days is not None
    first = outcome.known() & (cohort.landmark_days == 0)
    assert (first.sum(), (outcome.event[first] == PROGRESSION).sum()) == (1662, 1032)


def test_progression_lies_between_two_visits_and_death_on_its_day() -> None:
    cohort = _cohort("hepatocellular")
    outcome, survival = cohort.outcomes["progression"], cohort.outcomes["overall_survival"]
    assert isinstance(outcome, SurvivalOutcome)
    assert isinstance(survival, SurvivalOutcome)
    progressed, died = outcome.event == PROGRESSION, outcome.event == DEATH
    assert (outcome.event_free_days[progressed] < outcome.days[progressed]).all()
    assert outcome.days[died].tolist() == survival.days[died].tolist()
    assert (survival.event[died] == 1).all()


def test_death_lies_on_the_same_day_from_every_visit_but_for_rounding() -> None:
    cohort = _cohort("hepatocellular")
    outcome = cohort.outcomes["overall_survival"]
    assert isinstance(outcome, SurvivalOutcome)
    assert cohort.landmark_days is not None
    ends = pd.Series(cohort.landmark_days + outcome.days).groupby(cohort.patient_ids)
    assert (ends.max() - ends.min()).max() < 1


@pytest.mark.parametrize(
    ("name", "endpoint", "which", "figure"),
    [
        ("breast", "pathologic_complete_response", "clinical", 0.707),
        ("breast", "pathologic_complete_response", "clinical_arm", 0.739),
        ("breast", "pathologic_complete_response", "clinical_arm_mri_t0", 0.731),
        ("breast", "pathologic_complete_response", "clinical_arm_mri_t1", 0.794),
        ("breast", "pathologic_complete_response", "clinical_arm_mri_t2", 0.823),
        ("breast", "pathologic_complete_response", "clinical_arm_mri_t3", 0.835),
        ("immunotherapy", "objective_response", "six_inputs", 0.721),
        ("immunotherapy", "objective_response", "sixteen_inputs", 0.724),
        ("immunotherapy", "progression_free_survival", "six_inputs", 0.649),
        ("immunotherapy", "progression_free_survival", "sixteen_inputs", 0.648),
        ("immunotherapy", "overall_survival", "six_inputs", 0.704),
        ("immunotherapy", "overall_survival", "sixteen_inputs", 0.710),
        ("hepatocellular", "overall_survival", "imaging", 0.661),
        ("hepatocellular", "overall_survival", "labs", 0.602),
        ("hepatocellular", "overall_survival", "imaging_labs_age", 0.677),
        ("hepatocellular", "overall_survival", "all", 0.683),
        ("hepatocellular, no deaths", "progression", "imaging", 0.611),
        ("hepatocellular, no deaths", "progression", "labs", 0.566),
        ("hepatocellular, no deaths", "progression", "all", 0.627),
        ("glioma", "overall_survival", "clinical_molecular", 0.742),
        ("glioma", "overall_survival", "radiomics", 0.650),
        ("glioma", "overall_survival", "all", 0.745),
    ],
)
def test_plain_ridge_reproduces_the_readmes_floors(name: str, endpoint: str, which: str, figure: float) -> None:
    scores = floors.fold_scores(_cohort(name), endpoint, which)
    assert scores.shape == (4, 5)
    assert scores.mean() == pytest.approx(figure, abs=0.01)
