"""Hepatocellular carcinoma at SYSUCC: overall survival and derived progression from any visit.

1,888 patients of Sun Yat-sen University Cancer Center (data set of the R package SurvivalPath, MIT), a row a visit,
and every visit a landmark: inputs are what that visit and those before it showed. ``lesion_count`` is capped at 4 and
AFP at 121,000 ng/mL in the source. Of several visits on one day the first listed counts. Treatments are those of the
visit (given, or decided on, at it); ``_before`` says what earlier visits had. At a patient's first visit the past is
missing, not empty. An age of 0 or of 100 and more is missing, and so is a ``new_lesion`` other than 0 and 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts.base import Array, Cohort, SurvivalOutcome
from tumorcast_training.cohorts.hcc_progression import DEATH_WITHIN_DAYS, Visits, progression
from tumorcast_training.cohorts.tables import AGE_BANDS, Reading, bands, read_folds, read_ids, read_table

NAME = "hcc_sysucc"
FILE = "visits.csv"
AGE_YEARS = (1.0, 99.0)
PREVIOUS = "previous"
NUMBERS = {
    "lesion_count": "lesion_count",
    "largest_lesion_diameter": "largest_diameter_mm",
    "alpha_fetoprotein": "afp_ng_ml",
    "child_pugh_score": "child_pugh_score",
}
FLAGS = {
    "new_lesion": "new_lesion",
    "vascular_invasion": "vascular_invasion",
    "metastasis_lymph_node": "nodal_metastasis",
    "distant_metastasis": "distant_metastasis",
    "targeted_therapy": "targeted_therapy",
    "embolization": "embolization",
    "liver_resection": "resection",
}
SPREAD = ("vascular_invasion", "metastasis_lymph_node", "distant_metastasis")
TREATMENTS = ("targeted_therapy", "embolization", "liver_resection")
OF_PREVIOUS = ("lesion_count", "largest_lesion_diameter", "new_lesion", "alpha_fetoprotein", "child_pugh_score")


def read(folder: Path, death_within_days: float | None = DEATH_WITHIN_DAYS) -> Cohort:
    """Read the cohort, a row a visit, in order of patient and day.

    ``death_within_days`` after the last visit a death competes with progression; None: it never does.
    Raises ``InvalidInput`` where a file or a column is missing or a visit has no day.
    """
    outcomes = ("death", "os_days_from_visit")
    table = read_table(folder, FILE, ["patient_id", "day", "age_years", *NUMBERS.values(), *FLAGS.values(), *outcomes])
    table, twice = _in_order(table)
    patients, day = read_ids(table, "patient_id", FILE), table["day"].to_numpy(dtype=float)
    reading = Reading(table)
    age = reading.number("age", "age_years", within=AGE_YEARS)
    for feature, column in NUMBERS.items():
        reading.number(feature, column)
    for feature, column in FLAGS.items():
        reading.flag(feature, column)
    inputs = _with_past(reading.inputs(), patients, day)
    survival = reading.survival("os_days_from_visit", "death")
    derived = _progression(inputs, patients, day, survival, death_within_days)
    notes = (f"{twice} visits on a day that the patient has another visit on left out", *reading.notes)
    return Cohort(
        name=NAME,
        inputs=inputs,
        patient_ids=patients,
        outcomes={"overall_survival": survival, "progression": derived},
        folds=read_folds(folder, patients),
        subgroups=_subgroups(inputs, patients, age),
        landmark_days=day,
        notes=notes,
    )


def _in_order(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Visits by patient and day, one a day, and how many were left out."""
    day = pd.to_numeric(table["day"], errors="coerce")
    if not bool(day.between(0, np.inf, inclusive="left").all()):
        raise InvalidInput(f"A visit in {FILE} has no day, or one below 0.")
    ordered = table.assign(day=day.astype(float)).sort_values(["patient_id", "day"], kind="stable")
    kept = ordered.drop_duplicates(["patient_id", "day"], keep="first").reset_index(drop=True)
    return kept, len(table) - len(kept)


def _with_past(now: pd.DataFrame, patients: NDArray[np.object_], day: Array) -> pd.DataFrame:
    """The inputs of each visit with what the patient's earlier visits showed."""
    of_patient = now.groupby(patients, sort=False)
    since = pd.Series(day).groupby(patients, sort=False)
    past: dict[str, pd.Series] = {
        f"{PREVIOUS}_{feature}": of_patient[feature].shift().astype(now[feature].dtype) for feature in OF_PREVIOUS
    }
    past["days_since_previous_visit"] = since.diff()
    past["days_since_first_visit"] = pd.Series(day) - since.transform("first")
    first = past["days_since_previous_visit"].isna()
    past["largest_lesion_diameter_nadir"] = of_patient["largest_lesion_diameter"].cummin().where(~first)
    for treatment in TREATMENTS:
        given = (now[treatment] == "present").astype(float)
        times = (given.groupby(patients, sort=False).cumsum() - given).where(~first)
        past[f"{treatment}_before"] = pd.Series(_presence(times), dtype=object)
        if treatment == "embolization":
            past["embolization_count_before"] = times
    return _none_for_missing(pd.concat([now, pd.DataFrame(past)], axis=1))


def _presence(times: pd.Series) -> list[str | None]:
    return [None if np.isnan(count) else "present" if count > 0 else "absent" for count in times]


def _none_for_missing(inputs: pd.DataFrame) -> pd.DataFrame:
    categories = inputs.select_dtypes(object)
    return inputs.assign(**{name: column.where(column.notna(), None) for name, column in categories.items()})


def _progression(
    inputs: pd.DataFrame,
    patients: NDArray[np.object_],
    day: Array,
    survival: SurvivalOutcome,
    death_within_days: float | None,
) -> SurvivalOutcome:
    """Derived progression from every visit, patient by patient."""
    diameter = inputs["largest_lesion_diameter"].to_numpy(dtype=float)
    new_lesion = _as_number(inputs["new_lesion"])
    spread = np.stack([_as_number(inputs[site]) for site in SPREAD], axis=1)
    to_death = np.where(survival.event == 1, survival.days, np.nan)
    days, event, event_free = np.empty(len(day)), np.empty(len(day), np.int64), np.empty(len(day))
    for rows in pd.Series(day).groupby(patients).indices.values():
        visits = Visits(day[rows], diameter[rows], new_lesion[rows], spread[rows], to_death[rows])
        outcome = progression(visits, death_within_days)
        days[rows], event[rows], event_free[rows] = outcome.days, outcome.event, outcome.event_free_days
    return SurvivalOutcome(days, event, event_free)


def _as_number(presence: pd.Series) -> Array:
    return np.array([np.nan if value is None else float(value == "present") for value in presence])


def _subgroups(inputs: pd.DataFrame, patients: NDArray[np.object_], age: Array) -> dict[str, NDArray[np.object_]]:
    visit = pd.Series(1, index=inputs.index).groupby(patients, sort=False).cumcount().to_numpy() + 1
    child_pugh = inputs["child_pugh_score"].to_numpy(dtype=float)
    extent = [_extent(*sites) for sites in zip(*(inputs[site] for site in SPREAD), strict=True)]
    return {
        "visit": np.array(
            ["first" if x == 1 else "second or third" if x < 4 else "later" for x in visit], dtype=object
        ),
        "age": bands(age, AGE_BANDS),
        "Child-Pugh class": np.array(
            [None if np.isnan(x) else "A" if x <= 6 else "B or C" for x in child_pugh], dtype=object
        ),
        "extent": np.array(extent, dtype=object),
    }


def _extent(vascular: str | None, nodal: str | None, distant: str | None) -> str | None:
    """BCLC-like extent: outside the liver, else in its vessels, else in the liver alone."""
    if "present" in (nodal, distant):
        return "nodal or distant spread"
    if vascular == "present":
        return "vascular invasion"
    return None if None in (vascular, nodal, distant) else "liver alone"
