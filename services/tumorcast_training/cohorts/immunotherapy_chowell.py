"""Immune-checkpoint blockade in 16 cancer types: objective response, progression-free and overall survival.

1,479 patients of Memorial Sloan Kettering (Chowell 2022, Nat Biotechnol 40:499; tables of Chang 2024, Nat Cancer
5:1158): ``train.csv`` started treatment in 2015 to 2017, ``test.csv`` in 2018. Codes: sex 1 male; stage 1 is IV, 0 is
I to III; MSI 1 is unstable, 0 stable or undetermined; systemic therapy history 1 is chemotherapy or targeted therapy
before. ``Drug`` is 0 for PD-1 or PD-L1 alone, 1 for both that and CTLA-4, 2 for CTLA-4 alone. The tables do not spell
it out: Chowell 2022 tells single drugs from combinations, and the five patients with 2, set apart later, are taken
for CTLA-4 alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tumorcast_training.cohorts.base import BinaryOutcome, Cohort, Outcome
from tumorcast_training.cohorts.tables import (
    AGE_BANDS,
    DAYS_PER_MONTH,
    Reading,
    bands,
    common,
    one_row_each,
    read_folds,
    read_ids,
    read_table,
)

NAME = "immunotherapy_chowell"
SMALLEST_TYPE = 40
NUMBERS = {
    "age": "Age",
    "body_mass_index": "BMI",
    "albumin": "Albumin",
    "hemoglobin": "HGB",
    "platelet_count": "Platelets",
    "neutrophil_lymphocyte_ratio": "NLR",
    "tumor_mutational_burden": "TMB",
    "hla_evolutionary_divergence": "HED",
    "fraction_copy_number_altered": "FCNA",
    "pd_l1_tumor_proportion_score": "PDL1_TPS(%)",
}
CATEGORIES = {
    "sex": ("Sex", ("female", "male")),
    "stage_iv": ("Stage", ("absent", "present")),
    "microsatellite_instability": ("MSI", ("stable", "high")),
    "hla_loss_of_heterozygosity": ("HLA_LOH", ("absent", "present")),
    "prior_systemic_therapy": ("Systemic_therapy_history", ("absent", "present")),
    "checkpoint_inhibitor_class": ("Drug", ("pd_1_or_pd_l1", "combination", "ctla_4")),
}
CANCER_TYPES: dict[str, str | None] = {
    "NSCLC": "non_small_cell_lung",
    "SCLC": "small_cell_lung",
    "Melanoma": "melanoma",
    "Renal": "renal",
    "Bladder": "bladder",
    "Head & Neck": "head_and_neck",
    "Gastric": "gastric",
    "Hepatobiliary": "hepatobiliary",
    "Sarcoma": "sarcoma",
    "Colorectal": "colorectal",
    "Endometrial": "endometrial",
    "Esophageal": "esophageal",
    "Ovarian": "ovarian",
    "Mesothelioma": "mesothelioma",
    "Pancreatic": "pancreatic",
    "Breast": "breast",
}
OUTCOMES = ("Response", "PFS_Months", "PFS_Event", "OS_Months", "OS_Event")


def read(folder: Path, split: Literal["train", "test"] = "train") -> Cohort:
    """Read one of the two tables, a row a patient; the patients of ``test`` are in no fold.

    Raises ``InvalidInput`` where a file or a column is missing.
    """
    file = f"{split}.csv"
    coded = [column for column, _ in CATEGORIES.values()]
    table = read_table(folder, file, ["SAMPLE_ID", "CancerType", *NUMBERS.values(), *coded, *OUTCOMES])
    patients = one_row_each(read_ids(table, "SAMPLE_ID", file, f"{split}_"), file)
    reading = Reading(table)
    for feature, column in NUMBERS.items():
        reading.number(feature, column)
    for feature, (column, names) in CATEGORIES.items():
        reading.flag(feature, column, names)
    cancer_type = reading.category("immunotherapy_cancer_type", "CancerType", CANCER_TYPES)
    outcomes: dict[str, Outcome] = {
        "objective_response": BinaryOutcome(reading.known("Response", (0, 1))),
        "progression_free_survival": reading.survival("PFS_Months", "PFS_Event", DAYS_PER_MONTH),
        "overall_survival": reading.survival("OS_Months", "OS_Event", DAYS_PER_MONTH),
    }
    inputs = reading.inputs()
    return Cohort(
        name=NAME,
        inputs=inputs,
        patient_ids=patients,
        outcomes=outcomes,
        folds=read_folds(folder, patients),
        subgroups={
            "cancer type": common(cancer_type, SMALLEST_TYPE),
            "sex": inputs["sex"].to_numpy(dtype=object),
            "age": bands(inputs["age"].to_numpy(dtype=float), AGE_BANDS),
            "drug class": inputs["checkpoint_inhibitor_class"].to_numpy(dtype=object),
            "prior systemic therapy": inputs["prior_systemic_therapy"].to_numpy(dtype=object),
        },
        notes=(f"{split}.csv only.", *reading.notes),
    )
