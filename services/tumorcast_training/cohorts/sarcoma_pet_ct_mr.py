"""Soft-tissue sarcoma: lung metastasis from PET, CT and T1-weighted MR, read from DICOM.

40 patients (IBSI validation data, CC BY 3.0, TCIA 10.7937/K9/TCIA.2015.7GO2GSKS), each with an RTSTRUCT on every
series, 17 with lung metastasis during follow-up. No follow-up times and no clinical table are given. The outcomes were
joined by patient order with the published vector: the join is supported, not proven.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model import EncoderManifest
from tumorcast_training.cohorts.base import BinaryOutcome, Cohort
from tumorcast_training.cohorts.tables import one_row_each, read_folds, read_ids, read_table
from tumorcast_training.parallel import Map, in_turn
from tumorcast_training.pixels.patients import ImagedPatient, PackedStudy, read_packed

NAME = "sarcoma_pet_ct_mr"
OUTCOMES = "outcomes.csv"
ENDPOINT = "lung_metastasis"
TIMEPOINT = "baseline"


def read(folder: Path, manifest: EncoderManifest, run: Map = in_turn) -> tuple[Cohort, tuple[ImagedPatient, ...]]:
    """Read tables and DICOM: the cohort with every measure as a column, and its patients with their crops.

    Raises ``InvalidInput`` where a file or a column is missing.
    """
    table = read_table(folder, OUTCOMES, ["patient_id", ENDPOINT])
    ids = one_row_each(read_ids(table, "patient_id", OUTCOMES), OUTCOMES)
    outcome = pd.to_numeric(table[ENDPOINT], errors="coerce").to_numpy(float)
    archives = [folder / f"{patient}.tar.xz" for patient in ids]
    if not all(archive.is_file() for archive in archives):
        raise InvalidInput("The archive of a patient is missing.")
    studies = [
        PackedStudy(str(patient), archive, TIMEPOINT, manifest) for patient, archive in zip(ids, archives, strict=True)
    ]
    patients = tuple(run(read_packed, studies))
    cohort = Cohort(
        name=NAME,
        inputs=_inputs(patients),
        patient_ids=ids,
        outcomes={ENDPOINT: BinaryOutcome(np.where(np.isin(outcome, (0, 1)), outcome, np.nan))},
        folds=read_folds(folder, ids),
        notes=_notes(patients),
    )
    return cohort, patients


def of_inputs(cohort: Cohort, names: Sequence[str]) -> Cohort:
    """The cohort with these columns only; those that no patient has are missing."""
    return replace(cohort, inputs=cohort.inputs.reindex(columns=list(names)))


def _inputs(patients: Sequence[ImagedPatient]) -> pd.DataFrame:
    names = sorted({name for patient in patients for name in patient.values})
    columns = {f"{name}_{TIMEPOINT}": [patient.values.get(name, np.nan) for patient in patients] for name in names}
    return pd.DataFrame(columns, dtype=float)


def _notes(patients: Sequence[ImagedPatient]) -> tuple[str, ...]:
    counts = Counter(code for patient in patients for code in set(patient.problems))
    have = Counter(modality for patient in patients for modality in patient.crops)
    read_all = ", ".join(f"{have[m]} {m}" for m in sorted(have))
    return (f"series read with their contour: {read_all}", *(f"{code}: {n} patients" for code, n in counts.items()))
