"""Immunotherapy: codes to categories, months to days, train and test apart."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from tumorcast_core.catalog import entry
from tumorcast_training.cohorts import immunotherapy_chowell
from tumorcast_training.cohorts.base import NO_FOLD, SurvivalOutcome

ROW = {
    "SAMPLE_ID": "1", "Year of ICI treatment start": "2016", "TMB": "5.5", "PDL1_TPS(%)": "", "Age": "63.5",
    "Systemic_therapy_history": "1", "Albumin": "3.9", "CancerType": "Head & Neck", "NLR": "2.5", "FCNA": "0.2",
    "Drug": "0", "Sex": "1", "MSI": "0", "Stage": "1", "HLA_LOH": "0", "HED": "6.5", "Platelets": "250", "HGB": "12",
    "BMI": "27", "PFS_Event": "1", "PFS_Months": "2", "OS_Event": "0", "OS_Months": "24", "Response": "1",
}  # fmt: skip


def _write(folder: Path, *changes: dict[str, str], split: str = "train") -> Path:
    rows = [ROW | {"SAMPLE_ID": str(i)} | change for i, change in enumerate(changes or ({},))]
    pd.DataFrame(rows).to_csv(folder / f"{split}.csv", index=False)
    folds = [{"patient_id": f"train_{i}"} | {f"repeat_{r}": i % 5 for r in range(4)} for i in range(len(rows))]
    pd.DataFrame(folds).to_csv(folder / "folds.csv", index=False)
    return folder


def test_a_patient_is_read_into_catalog_names(tmp_path: Path) -> None:
    row = immunotherapy_chowell.read(_write(tmp_path)).inputs.iloc[0]
    assert row["immunotherapy_cancer_type"] == "head_and_neck"
    assert (row["sex"], row["stage_iv"], row["prior_systemic_therapy"]) == ("male", "present", "present")
    assert (row["microsatellite_instability"], row["hla_loss_of_heterozygosity"]) == ("stable", "absent")
    assert np.isnan(row["pd_l1_tumor_proportion_score"])


def test_the_year_of_treatment_is_no_input(tmp_path: Path) -> None:
    assert not [name for name in immunotherapy_chowell.read(_write(tmp_path)).inputs if "year" in name]


@pytest.mark.parametrize(
    ("code", "expected"), [("0", "pd_1_or_pd_l1"), ("1", "combination"), ("2", "ctla_4"), ("3", None), ("", None)]
)
def test_drug_codes_are_classes(code: str, expected: str | None, tmp_path: Path) -> None:
    cohort = immunotherapy_chowell.read(_write(tmp_path, {"Drug": code}))
    assert cohort.inputs["checkpoint_inhibitor_class"].tolist() == [expected]


def test_months_are_days(tmp_path: Path) -> None:
    outcomes = immunotherapy_chowell.read(_write(tmp_path)).outcomes
    progression, survival = outcomes["progression_free_survival"], outcomes["overall_survival"]
    assert isinstance(progression, SurvivalOutcome)
    assert isinstance(survival, SurvivalOutcome)
    assert (progression.days.tolist(), progression.event.tolist()) == ([60.875], [1])
    assert (survival.days.tolist(), survival.event.tolist()) == ([730.5], [0])


@pytest.mark.parametrize(("split", "fold"), [("train", 0), ("test", NO_FOLD)])
def test_only_the_training_table_has_folds(split: Literal["train", "test"], fold: int, tmp_path: Path) -> None:
    cohort = immunotherapy_chowell.read(_write(tmp_path, split=split), split)
    assert cohort.patient_ids.tolist() == [f"{split}_0"]
    assert cohort.folds.tolist() == [[fold] * 4]


@pytest.mark.parametrize(("column", "value"), [("TMB", "-1"), ("FCNA", "1.4"), ("Albumin", "39"), ("BMI", "0")])
def test_an_implausible_value_is_missing_and_noted(column: str, value: str, tmp_path: Path) -> None:
    cohort = immunotherapy_chowell.read(_write(tmp_path, {column: value}))
    name = next(n for n, c in immunotherapy_chowell.NUMBERS.items() if c == column)
    assert cohort.inputs[name].isna().all()
    assert any(note.startswith(f"{column}: 1 ") for note in cohort.notes)


def test_cancer_types_of_few_patients_are_one_subgroup(tmp_path: Path) -> None:
    many = [{"CancerType": "Melanoma"}] * immunotherapy_chowell.SMALLEST_TYPE
    cohort = immunotherapy_chowell.read(_write(tmp_path, *many, {"CancerType": "Breast"}))
    assert set(cohort.subgroups["cancer type"]) == {"melanoma", "other"}


def test_every_cancer_type_has_its_own_category_of_the_catalog() -> None:
    named = sorted(immunotherapy_chowell.CANCER_TYPES.values(), key=str)
    assert named == sorted(entry("immunotherapy_cancer_type").categories)
