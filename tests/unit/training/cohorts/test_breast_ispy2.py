"""I-SPY 2: arms, menopause and MammaPrint by name, centimeters to millimeters, MRI by visit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import breast_ispy2

ROW = {
    "patient_id": "7", "age_years": "47.0", "race": "Asian", "ethnicity": "Hispanic or Latino", "pcr": "1",
    "menopausal_status": "Premenopausal(<6 months since LMP)", "hr_positive": "1", "her2_positive": "0",
    "mammaprint_high_risk": "1", "treatment_arm": "Paclitaxel + ABT 888 + Carboplatin",
}  # fmt: skip
READINGS = {"ftv_ml": 12.0, "longest_diameter_cm": 3.0, "sphericity": 0.4, "background_enhancement_pct": 20.0}
MRI = {f"{name}_t{t}": str(value / (t + 1)) for t in range(4) for name, value in READINGS.items()}


def _write(folder: Path, *changes: dict[str, str]) -> Path:
    rows = [ROW | MRI | {"patient_id": str(i)} | change for i, change in enumerate(changes or ({},))]
    pd.DataFrame(rows).to_csv(folder / "ispy2_mri_visits.csv", index=False)
    folds = [{"patient_id": str(i)} | {f"repeat_{r}": (i + r) % 5 for r in range(4)} for i in range(len(rows))]
    pd.DataFrame(folds).to_csv(folder / "folds.csv", index=False)
    return folder


def test_a_patient_is_read_into_catalog_units_and_names(tmp_path: Path) -> None:
    row = breast_ispy2.read(_write(tmp_path)).inputs.iloc[0]
    assert row["mri_longest_diameter_t0"] == 30.0
    assert row["functional_tumor_volume_t3"] == 3.0
    assert row["tumor_sphericity_t1"] == 0.2
    assert row["mammaprint_risk"] == "high_2"
    assert row["neoadjuvant_regimen"] == "paclitaxel_veliparib_carboplatin"
    assert (row["hormone_receptor_status"], row["her2_status"]) == ("positive", "negative")


def test_race_and_ethnicity_are_subgroups_and_no_inputs(tmp_path: Path) -> None:
    cohort = breast_ispy2.read(_write(tmp_path))
    assert not {"race", "ethnicity"} & set(cohort.inputs)
    assert cohort.subgroups["ethnicity"].tolist() == ["Hispanic or Latino"]
    assert cohort.subgroups["race"].tolist() == ["other or several"]
    assert cohort.subgroups["receptor subtype"].tolist() == ["HR positive, HER2 negative"]
    assert cohort.subgroups["age"].tolist() == ["40 to 49"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Premenopausal(< 6 months since LMP)", "premenopausal"),
        ("Perimenopausal (6-12 months)", "perimenopausal"),
        ("Postmenopausal (prior bilateral ovariectomy)", "postmenopausal"),
        ("Above categories not applicable AND Age > 50", None),
        ("", None),
    ],
)
def test_a_menopause_that_is_not_applicable_is_missing(text: str, expected: str | None, tmp_path: Path) -> None:
    cohort = breast_ispy2.read(_write(tmp_path, {"menopausal_status": text}))
    assert cohort.inputs["menopausal_status"].tolist() == [expected]


def test_a_diameter_of_zero_is_a_value(tmp_path: Path) -> None:
    assert (
        breast_ispy2.read(_write(tmp_path, {"longest_diameter_cm_t3": "0"})).inputs["mri_longest_diameter_t3"][0] == 0
    )


def test_an_unknown_arm_is_missing_and_noted(tmp_path: Path) -> None:
    cohort = breast_ispy2.read(_write(tmp_path, {}, {"treatment_arm": "Paclitaxel + Moonshine"}))
    assert cohort.inputs["neoadjuvant_regimen"].tolist() == ["paclitaxel_veliparib_carboplatin", None]
    assert any(note.startswith("treatment_arm: 1 ") for note in cohort.notes)


def test_every_arm_has_its_own_category_of_the_catalog() -> None:
    assert sorted(breast_ispy2.REGIMENS.values(), key=str) == sorted(entry("neoadjuvant_regimen").categories)


def test_an_outcome_other_than_0_and_1_is_unknown(tmp_path: Path) -> None:
    outcome = breast_ispy2.read(_write(tmp_path, {}, {"pcr": ""}, {"pcr": "3"})).outcomes[
        "pathologic_complete_response"
    ]
    assert outcome.known().tolist() == [True, False, False]


def test_a_patient_who_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        breast_ispy2.read(_write(tmp_path, {}, {"patient_id": "0"}))


def test_rows_chosen_keep_their_outcomes_and_folds(tmp_path: Path) -> None:
    cohort = breast_ispy2.read(_write(tmp_path, {}, {"pcr": "0"}, {}))[np.array([1])]
    assert (len(cohort), cohort.patient_ids.tolist(), cohort.folds.tolist()) == (1, ["1"], [[1, 2, 3, 4]])
