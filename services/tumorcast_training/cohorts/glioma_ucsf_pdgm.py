"""UCSF-PDGM: overall survival of diffuse glioma by clinical, molecular and radiomic inputs.

501 patients (TCIA, CC BY 4.0): age, sex, WHO grade, IDH, MGMT, 1p/19q, extent of resection, and 100 PyRadiomics
features of the tumor in T1-weighted MRI with gadolinium. A 1p/19q result of "relative co-deletion" is left out: of
six, four are diagnosed as codeleted oligodendroglioma and two as astrocytoma. An indeterminate MGMT is missing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tumorcast_core.catalog import catalog, entry
from tumorcast_training.cohorts.base import Cohort
from tumorcast_training.cohorts.tables import (
    AGE_BANDS,
    Reading,
    bands,
    one_row_each,
    read_folds,
    read_ids,
    read_table,
)

NAME = "glioma_ucsf_pdgm"
CLINICAL, RADIOMICS = "clinical.csv", "radiomics_t1_gad.csv"
IDH = "IDH"
SEXES: dict[str, str | None] = {"F": "female", "M": "male"}
METHYLATION: dict[str, str | None] = {"negative": "unmethylated", "positive": "methylated", "indeterminate": None}
CODELETION: dict[str, str | None] = {"intact": "absent", "co-deletion": "present", "Co-deletion": "present"}
RESECTION: dict[str, str | None] = {"biopsy": "biopsy", "STR": "subtotal", "GTR": "gross_total"}
COLUMNS = (
    "ID", "Sex", "Age at MRI", "WHO CNS Grade", "MGMT status", "1p/19q", IDH, "1-dead 0-alive", "OS", "EOR",
)  # fmt: skip

RADIOMIC_INPUTS = tuple(name for name in catalog() if name.startswith("t1_gad_"))
# the display of their code is PyRadiomics' family and name: "shape MeshVolume"
_COLUMNS_OF_RADIOMICS = tuple(
    f"original_{entry(name).codings[0].display.replace(' ', '_')}" for name in RADIOMIC_INPUTS
)


def read(folder: Path) -> Cohort:
    """Read the cohort, a row a patient; raises ``InvalidInput`` where a file or a column is missing."""
    table = _joined(folder)
    patients = read_ids(table, "ID", CLINICAL)
    reading = Reading(table)
    age = reading.number("age", "Age at MRI", within=(1.0, 110.0))
    sex = reading.category("sex", "Sex", SEXES)
    grade = reading.number("who_cns_grade", "WHO CNS Grade")
    idh = reading.category("idh_mutation", IDH, {text: _idh(text) for text in table[IDH].astype(str).str.strip()})
    reading.category("mgmt_promoter_methylation", "MGMT status", METHYLATION)
    reading.category("codeletion_1p19q", "1p/19q", CODELETION)
    reading.category("extent_of_resection", "EOR", RESECTION)
    for feature, column in zip(RADIOMIC_INPUTS, _COLUMNS_OF_RADIOMICS, strict=True):
        reading.number(feature, column)
    return Cohort(
        name=NAME,
        inputs=reading.inputs(),
        patient_ids=patients,
        outcomes={"overall_survival": reading.survival("OS", "1-dead 0-alive")},
        folds=read_folds(folder, patients),
        subgroups={
            "sex": sex,
            "age": bands(age, AGE_BANDS),
            "grade": np.array([None if np.isnan(x) else f"grade {x:g}" for x in grade], dtype=object),
            "IDH": np.array([None if x is None else f"IDH mutation {x}" for x in idh], dtype=object),
        },
        notes=tuple(reading.notes),
    )


def _joined(folder: Path) -> pd.DataFrame:
    """Clinical rows with the radiomics of the same patient, empty where there is none."""
    clinical = read_table(folder, CLINICAL, COLUMNS)
    radiomics = read_table(folder, RADIOMICS, ["ID", *_COLUMNS_OF_RADIOMICS])
    for table, file in ((clinical, CLINICAL), (radiomics, RADIOMICS)):
        one_row_each(read_ids(table, "ID", file), file)
    return clinical.merge(radiomics, on="ID", how="left")


def _idh(text: str) -> str | None:
    """Whether IDH1 or IDH2 is mutated, by the words of the table.

    >>> _idh("IDH1 p.R132H"), _idh("wildtype"), _idh("mutated (NOS)"), _idh("nan")
    ('present', 'absent', 'present', None)
    """
    if text.lower() == "wildtype":
        return "absent"
    return "present" if text.startswith(("mutated", "IDH1 p.", "IDH2 p.")) else None
