"""UCSF-PDGM: molecular words to categories, radiomics joined by patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import glioma_ucsf_pdgm
from tumorcast_training.cohorts.base import NO_FOLD, SurvivalOutcome
from tumorcast_training.cohorts.glioma_ucsf_pdgm import RADIOMIC_INPUTS

ROW = {
    "ID": "G-0", "Sex": "F", "Age at MRI": "61", "WHO CNS Grade": "4", "MGMT status": "positive", "1p/19q": "intact",
    "IDH": "wildtype", "1-dead 0-alive": "1", "OS": "400.0", "EOR": "STR",
}  # fmt: skip
COLUMNS = glioma_ucsf_pdgm._COLUMNS_OF_RADIOMICS


def _write(folder: Path, *changes: dict[str, str], with_radiomics: bool = True) -> Path:
    rows = [ROW | {"ID": f"G-{i}"} | change for i, change in enumerate(changes or ({},))]
    pd.DataFrame(rows).to_csv(folder / "clinical.csv", index=False)
    radiomics = [{"ID": row["ID"]} | dict.fromkeys(COLUMNS, 0.5) for row in rows[:: -1 if with_radiomics else 2]]
    pd.DataFrame(radiomics).to_csv(folder / "radiomics_t1_gad.csv", index=False)
    pd.DataFrame([{"patient_id": "G-0"} | {f"repeat_{r}": r for r in range(4)}]).to_csv(
        folder / "folds.csv", index=False
    )
    return folder


def test_there_are_a_hundred_radiomics_named_by_pyradiomics() -> None:
    assert len(RADIOMIC_INPUTS) == len(set(COLUMNS)) == 100
    columns = dict(zip(RADIOMIC_INPUTS, COLUMNS, strict=True))
    assert columns["t1_gad_shape_mesh_volume"] == "original_shape_MeshVolume"
    assert columns["t1_gad_firstorder_percentile_10"] == "original_firstorder_10Percentile"
    assert columns["t1_gad_glcm_imc_1"] == "original_glcm_Imc1"


def test_a_patient_is_read_into_catalog_names(tmp_path: Path) -> None:
    row = glioma_ucsf_pdgm.read(_write(tmp_path)).inputs.iloc[0]
    assert (row["sex"], row["age"], row["who_cns_grade"]) == ("female", 61, 4)
    assert row["t1_gad_shape_sphericity"] == 0.5


@pytest.mark.parametrize(
    ("column", "text", "name", "expected"),
    [
        ("IDH", "IDH1 p.R132H", "idh_mutation", "present"),
        ("IDH", "IDH2 p.Arg172Trp", "idh_mutation", "present"),
        ("IDH", "mutated (NOS)", "idh_mutation", "present"),
        ("IDH", "wildtype", "idh_mutation", "absent"),
        ("IDH", "unclear", "idh_mutation", None),
        ("MGMT status", "negative", "mgmt_promoter_methylation", "unmethylated"),
        ("MGMT status", "indeterminate", "mgmt_promoter_methylation", None),
        ("1p/19q", "co-deletion", "codeletion_1p19q", "present"),
        ("1p/19q", "Co-deletion", "codeletion_1p19q", "present"),
        ("1p/19q", "relative co-deletion", "codeletion_1p19q", None),
        ("EOR", "GTR", "extent_of_resection", "gross_total"),
        ("EOR", "biopsy", "extent_of_resection", "biopsy"),
        ("EOR", "", "extent_of_resection", None),
    ],
)
def test_words_of_the_table_are_categories(
    column: str, text: str, name: str, expected: str | None, tmp_path: Path
) -> None:
    assert glioma_ucsf_pdgm.read(_write(tmp_path, {column: text})).inputs[name].tolist() == [expected]


def test_radiomics_are_joined_by_patient_whatever_their_order(tmp_path: Path) -> None:
    folder = _write(tmp_path, {}, {})
    radiomics = pd.DataFrame([{"ID": f"G-{i}"} | dict.fromkeys(COLUMNS, i / 10) for i in (1, 0)])
    radiomics.to_csv(folder / "radiomics_t1_gad.csv", index=False)
    assert glioma_ucsf_pdgm.read(folder).inputs["t1_gad_shape_flatness"].tolist() == [0.0, 0.1]


def test_a_patient_without_radiomics_or_folds_stays(tmp_path: Path) -> None:
    cohort = glioma_ucsf_pdgm.read(_write(tmp_path, {}, {}, with_radiomics=False))
    assert np.isnan(cohort.inputs["t1_gad_shape_flatness"]).tolist() == [False, True]
    assert cohort.folds.tolist() == [[0, 1, 2, 3], [NO_FOLD] * 4]


def test_a_survival_that_is_not_stated_is_unknown(tmp_path: Path) -> None:
    outcome = glioma_ucsf_pdgm.read(_write(tmp_path, {}, {"OS": ""})).outcomes["overall_survival"]
    assert isinstance(outcome, SurvivalOutcome)
    assert outcome.known().tolist() == [True, False]
    assert (outcome.days[0], outcome.event[0]) == (400.0, 1)


def test_a_missing_radiomics_column_is_named(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    pd.read_csv(folder / "radiomics_t1_gad.csv").drop(columns="original_shape_MeshVolume").to_csv(
        folder / "radiomics_t1_gad.csv", index=False
    )
    with pytest.raises(InvalidInput, match="original_shape_MeshVolume"):
        glioma_ucsf_pdgm.read(folder)
