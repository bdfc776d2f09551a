"""The floors of ``../shared/data/README.md``: plain ridge regression, nothing tuned, scored on each published fold.

Logistic regression for a binary outcome (AUC), Cox regression for a time (Harrell's C), fitted on the other folds. A
model scored on the same folds can be compared with them in pairs. The README gives the figures, not the penalties:
those here reproduce every figure within .01 (``tests/reference/test_cohorts.py``) and are fixed.

With competing events the floor is the Cox model of the first cause: the others are censored when fitting, and never
come when scoring (Wolbers 2009). The README's progression has no competing death: ``hcc_sysucc.read(folder, None)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import (
    breast_ispy2,
    glioma_ucsf_pdgm,
    hcc_sysucc,
    immunotherapy_chowell,
    sarcoma_pet_ct_mr,
)
from tumorcast_training.cohorts.base import Array, BinaryOutcome, Cohort, Outcome, SurvivalOutcome
from tumorcast_training.floor_regression import Columns, ridge_cox, ridge_logistic
from tumorcast_training.metrics.discrimination import auc, harrell_c

LOGISTIC_PENALTY = 10.0
COX_PENALTY_PER_ROW = 0.1

Derive = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Floor:
    """The inputs that a floor reads, and ``derive``, which turns them row by row into its columns."""

    inputs: tuple[str, ...]
    derive: Derive
    first_visit_only: bool = False

    def columns(self, cohort: Cohort) -> pd.DataFrame:
        """The floor's columns of a cohort's rows, before completion and scaling."""
        return self.derive(cohort.inputs[list(self.inputs)])


def fold_scores(cohort: Cohort, endpoint_id: str, which: str, *, every_visit: bool = False) -> Array:
    """AUC or C of one floor on every published fold, (repeats, folds); NaN where a fold's rows order no pair.

    Of a cohort of visits only the first of each patient counts, unless ``every_visit``. Raises ``InvalidInput`` where
    the cohort has no such endpoint, floor or folds.
    """
    floor = floor_of(cohort.name, endpoint_id, which)
    rows = cohort.outcomes[endpoint_id].known()
    if floor.first_visit_only and cohort.landmark_days is not None and not every_visit:
        rows &= cohort.landmark_days == 0
    count = int(cohort.folds.max()) + 1
    if count < 2:
        raise InvalidInput("The cohort has no folds.")
    scores = np.full((cohort.folds.shape[1], count), np.nan)
    for repeat, fold in np.ndindex(scores.shape):
        of_rows = cohort.folds[:, repeat]
        train, test = rows & (of_rows >= 0) & (of_rows != fold), rows & (of_rows == fold)
        risk = predict(floor, cohort[train], cohort[test], endpoint_id)
        scores[repeat, fold] = score(cohort.outcomes[endpoint_id][test], risk)
    return scores


def floors_of(cohort_name: str, endpoint_id: str) -> tuple[str, ...]:
    """Names of the floors of a cohort's endpoint, the one with most inputs last.

    >>> floors_of("hcc_sysucc", "progression")
    ('imaging', 'labs', 'all')
    """
    return tuple(FLOORS.get((cohort_name, endpoint_id), ()))


def floor_of(cohort_name: str, endpoint_id: str, which: str) -> Floor:
    """The floor of that name; raises ``InvalidInput`` where there is none."""
    try:
        return FLOORS[cohort_name, endpoint_id][which]
    except KeyError as e:
        raise InvalidInput("There is no floor of that name for the cohort's endpoint.") from e


def predict(floor: Floor, train: Cohort, test: Cohort, endpoint_id: str) -> Array:
    """Linear predictor of ``test``, (n,), higher for the outcome or an early event, by a floor fitted on ``train``."""
    outcome = train.outcomes[endpoint_id]
    columns = Columns.of(floor.columns(train), scale_indicators=isinstance(outcome, SurvivalOutcome))
    x, new = columns(floor.columns(train)), columns(floor.columns(test))
    if isinstance(outcome, SurvivalOutcome):
        return new @ ridge_cox(x, outcome.days, outcome.event == 1, COX_PENALTY_PER_ROW * len(x))
    if isinstance(outcome, BinaryOutcome):
        return ridge_logistic(x, outcome.value, LOGISTIC_PENALTY, new)
    raise InvalidInput("An ordinal endpoint has no floor.")


def score(outcome: Outcome, risk: Array) -> float:
    """AUC of a binary outcome, Harrell's C of a time (of the first cause, where there are several)."""
    if isinstance(outcome, SurvivalOutcome):
        return float(harrell_c(outcome.days, outcome.event, risk)[0])
    if isinstance(outcome, BinaryOutcome):
        return float(auc(outcome.value, risk)[0])
    raise InvalidInput("An ordinal endpoint has no floor.")


def _as_they_are(inputs: pd.DataFrame) -> pd.DataFrame:
    return inputs


def _signed_log(values: pd.Series) -> NDArray[np.float64]:
    """Log of 1 plus the size, with the sign: defined for zero and for negative radiomics."""
    numbers = values.to_numpy(dtype=float)
    logs: NDArray[np.float64] = np.sign(numbers) * np.log1p(np.abs(numbers))
    return logs


def _logs_of(*names: str) -> Derive:
    return lambda inputs: inputs.assign(**{name: _signed_log(inputs[name]) for name in names if name in inputs})


def _log_mri_and_change(inputs: pd.DataFrame) -> pd.DataFrame:
    """Logs of the MRI readings, and of later visits their change from the first as well."""
    columns = inputs.copy()
    first, *later = breast_ispy2.TIMEPOINTS
    for name in breast_ispy2.NUMBERS:
        columns[f"{name}_{first}"] = _signed_log(inputs[f"{name}_{first}"])
        for timepoint in (t for t in later if f"{name}_{t}" in inputs):
            columns[f"{name}_{timepoint}"] = _signed_log(inputs[f"{name}_{timepoint}"])
            columns[f"{name}_{timepoint}_change"] = columns[f"{name}_{timepoint}"] - columns[f"{name}_{first}"]
    return columns


_CAPS = {"tumor_mutational_burden": 50.0, "neutrophil_lymphocyte_ratio": 25.0, "age": 85.0}  # Chang 2024


def _capped(inputs: pd.DataFrame) -> pd.DataFrame:
    return inputs.assign(**{name: inputs[name].clip(upper=cap) for name, cap in _CAPS.items()})


def _breast() -> dict[str, Floor]:
    clinical = ("age", "menopausal_status", "hormone_receptor_status", "her2_status", "mammaprint_risk")
    with_arm = (*clinical, "neoadjuvant_regimen")
    found = {"clinical": Floor(clinical, _as_they_are), "clinical_arm": Floor(with_arm, _as_they_are)}
    mri: tuple[str, ...] = ()
    for timepoint in breast_ispy2.TIMEPOINTS:
        mri += tuple(f"{name}_{timepoint}" for name in breast_ispy2.NUMBERS)
        found[f"clinical_arm_mri_{timepoint}"] = Floor((*with_arm, *mri), _log_mri_and_change)
    return found


def _immunotherapy() -> dict[str, Floor]:
    six = (
        "tumor_mutational_burden", "prior_systemic_therapy", "albumin", "neutrophil_lymphocyte_ratio", "age",
        "immunotherapy_cancer_type",
    )  # fmt: skip
    every = (*immunotherapy_chowell.NUMBERS, *immunotherapy_chowell.CATEGORIES, "immunotherapy_cancer_type")
    sixteen = tuple(name for name in every if name != "pd_l1_tumor_proportion_score")
    return {"six_inputs": Floor(six, _capped), "sixteen_inputs": Floor(sixteen, _capped)}


def _hepatocellular(*, age_without_treatment: bool) -> dict[str, Floor]:
    imaging = ("lesion_count", "largest_lesion_diameter", "new_lesion", *hcc_sysucc.SPREAD)
    labs = ("alpha_fetoprotein", "child_pugh_score")
    sets = {"imaging": imaging, "labs": labs, "imaging_labs_age": (*imaging, *labs, "age")}
    if not age_without_treatment:
        del sets["imaging_labs_age"]
    sets["all"] = (*imaging, *labs, "age", *hcc_sysucc.TREATMENTS)
    logs = _logs_of("alpha_fetoprotein", "largest_lesion_diameter")
    return {name: Floor(inputs, logs, first_visit_only=True) for name, inputs in sets.items()}


def _glioma() -> dict[str, Floor]:
    clinical = (
        "age", "sex", "who_cns_grade", "idh_mutation", "mgmt_promoter_methylation", "codeletion_1p19q",
        "extent_of_resection",
    )  # fmt: skip
    radiomics = glioma_ucsf_pdgm.RADIOMIC_INPUTS
    sets = {"clinical_molecular": clinical, "radiomics": radiomics, "all": (*clinical, *radiomics)}
    return {name: Floor(inputs, _logs_of(*radiomics)) for name, inputs in sets.items()}


def _sarcoma() -> dict[str, Floor]:
    statistics = (
        "mean", "median", "variance", "skewness", "excess_kurtosis", "percentile_10", "percentile_90", "maximum",
        "interquartile_range",
    )  # fmt: skip
    first_order = tuple(f"{image}_intensity_{name}_baseline" for image in ("pet", "ct", "mr") for name in statistics)
    return {"first_order": Floor(first_order, _logs_of(*first_order))}


FLOORS: Mapping[tuple[str, str], Mapping[str, Floor]] = {
    (breast_ispy2.NAME, "pathologic_complete_response"): _breast(),
    (immunotherapy_chowell.NAME, "objective_response"): _immunotherapy(),
    (immunotherapy_chowell.NAME, "progression_free_survival"): _immunotherapy(),
    (immunotherapy_chowell.NAME, "overall_survival"): _immunotherapy(),
    (hcc_sysucc.NAME, "overall_survival"): _hepatocellular(age_without_treatment=True),
    (hcc_sysucc.NAME, "progression"): _hepatocellular(age_without_treatment=False),
    (glioma_ucsf_pdgm.NAME, "overall_survival"): _glioma(),
    (sarcoma_pet_ct_mr.NAME, sarcoma_pet_ct_mr.ENDPOINT): _sarcoma(),
}
