"""I-SPY 2: pathologic complete response to neoadjuvant therapy, breast MRI at up to four visits.

384 patients with all four MRIs (TCIA 10.7937/TCIA.D8Z0-9T85, CC BY 4.0): T0 before treatment, T1 after about 3 weeks,
T2 between the drug regimens, T3 before surgery. Every patient of the trial had a MammaPrint; those with hormone
receptor positive, HER2 negative tumors entered with high risk only. As the table's ``mammaprint_high_risk`` is 0 in
73 % of just these, it tells ultra-high risk (MP2) from high risk (MP1), which is how I-SPY 2 splits its signatures
(Wolf 2017, npj Breast Cancer 3:31). Among HER2 positive tumors a 0 may stand for low risk too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.cohorts.base import BinaryOutcome, Cohort
from tumorcast_training.cohorts.tables import Reading, bands, common, one_row_each, read_folds, read_ids, read_table

NAME = "breast_ispy2"
FILE = "ispy2_mri_visits.csv"
TIMEPOINTS = ("t0", "t1", "t2", "t3")
MM_PER_CM = 10.0
SMALLEST_RACE = 20
NUMBERS = {
    "functional_tumor_volume": ("ftv_ml", 1.0),
    "mri_longest_diameter": ("longest_diameter_cm", MM_PER_CM),
    "tumor_sphericity": ("sphericity", 1.0),
    "background_parenchymal_enhancement": ("background_enhancement_pct", 1.0),
}
REGIMENS: dict[str, str | None] = {
    "Paclitaxel": "paclitaxel",
    "Paclitaxel + AMG 386": "paclitaxel_trebananib",
    "Paclitaxel + Ganitumab": "paclitaxel_ganitumab",
    "Paclitaxel + Ganetespib": "paclitaxel_ganetespib",
    "Paclitaxel + Neratinib": "paclitaxel_neratinib",
    "Paclitaxel + Pembrolizumab": "paclitaxel_pembrolizumab",
    "Paclitaxel + MK-2206": "paclitaxel_mk_2206",
    "Paclitaxel + ABT 888 + Carboplatin": "paclitaxel_veliparib_carboplatin",
    "Paclitaxel + Trastuzumab": "paclitaxel_trastuzumab",
    "Paclitaxel + Pertuzumab + Trastuzumab": "paclitaxel_pertuzumab_trastuzumab",
    "Paclitaxel + MK-2206 + Trastuzumab": "paclitaxel_mk_2206_trastuzumab",
    "Paclitaxel + AMG 386 + Trastuzumab": "paclitaxel_trebananib_trastuzumab",
    "T-DM1 + Pertuzumab": "trastuzumab_emtansine_pertuzumab",
}
MENOPAUSE = ("premenopausal", "perimenopausal", "postmenopausal")
RECEPTORS = ("negative", "positive")


def read(folder: Path) -> Cohort:
    """Read the cohort, a row a patient; raises ``InvalidInput`` where a file or a column is missing."""
    visits = [f"{column}_{timepoint}" for column, _ in NUMBERS.values() for timepoint in TIMEPOINTS]
    table = read_table(folder, FILE, [*_CLINICAL, *visits])
    patients = one_row_each(read_ids(table, "patient_id", FILE), FILE)
    reading = Reading(table)
    age = reading.number("age", "age_years", within=(18.0, 100.0))
    reading.category("menopausal_status", "menopausal_status", _menopause(reading))
    hormone = reading.flag("hormone_receptor_status", "hr_positive", RECEPTORS)
    her2 = reading.flag("her2_status", "her2_positive", RECEPTORS)
    reading.flag("mammaprint_risk", "mammaprint_high_risk", ("high_1", "high_2"))
    reading.category("neoadjuvant_regimen", "treatment_arm", REGIMENS)
    for timepoint in TIMEPOINTS:
        for feature, (column, factor) in NUMBERS.items():
            reading.number(feature, f"{column}_{timepoint}", timepoint=timepoint, factor=factor)
    response = BinaryOutcome(reading.known("pcr", (0, 1)))
    return Cohort(
        name=NAME,
        inputs=reading.inputs(),
        patient_ids=patients,
        outcomes={"pathologic_complete_response": response},
        folds=read_folds(folder, patients),
        subgroups={
            "receptor subtype": _subtypes(hormone, her2),
            "race": common(reading.texts("race"), SMALLEST_RACE, "other or several"),
            "ethnicity": reading.texts("ethnicity"),
            "age": bands(age, (40.0, 50.0, 60.0)),
        },
        notes=("Only patients with all four MRIs: a selected group of the trial.", *reading.notes),
    )


_CLINICAL = (
    "patient_id", "age_years", "race", "ethnicity", "menopausal_status", "hr_positive", "her2_positive",
    "mammaprint_high_risk", "treatment_arm", "pcr",
)  # fmt: skip


def _menopause(reading: Reading) -> dict[str, str | None]:
    """The category that each text of the table begins with; "above categories not applicable" has none."""
    texts = {str(text).strip() for text in reading.table["menopausal_status"]}
    return {text: next((name for name in MENOPAUSE if text.lower().startswith(name)), None) for text in texts}


def _subtypes(hormone: NDArray[np.object_], her2: NDArray[np.object_]) -> NDArray[np.object_]:
    pairs = zip(hormone, her2, strict=True)
    labels = [None if h is None or e is None else f"HR {h}, HER2 {e}" for h, e in pairs]
    return np.array(labels, dtype=object)
