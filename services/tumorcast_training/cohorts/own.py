"""A user's own cohort: a folder of outcomes, and of tables, FHIR records and DICOM studies to read inputs from.

::

    DIR/outcomes.csv                   patient_id, index_date (time zero), the endpoints' outcome columns
    DIR/features.csv                   patient_id, inputs by name; as known at time zero       (any of these three)
    DIR/<patient_id>/fhir.json         FHIR R4; only what is dated up to time zero is read
    DIR/<patient_id>/dicom/<role>/     a study with its SEG, measured; not if dated after time zero
    DIR/blueprint.yaml                 what to train; optional

A value in features.csv goes before what a record or study says. A patient without any input is counted and kept out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts.base import BinaryOutcome, Cohort, OrdinalOutcome, Outcome
from tumorcast_training.cohorts.patient_folder import PatientFolder, PatientInputs, read_patient
from tumorcast_training.parallel import Map, in_turn
from tumorcast_training.tables import ColumnReport, Role, Schema, TableCohort, assembled, read_table, read_text
from tumorcast_training.tables.cells import Refusal, is_missing, plain
from tumorcast_training.tables.reader import PATIENT_ID, SINGLE_ID, labels_of_input

OUTCOMES, FEATURES, BLUEPRINT = "outcomes.csv", "features.csv", "blueprint.yaml"
INDEX_DATE = "index_date"
REPEATS, FOLDS = 4, 5


def read(
    folder: Path, schema: Schema, *, subgroups: Sequence[str] = (), run: Map = in_turn, seed: int = 0
) -> TableCohort:
    """Read a cohort folder, a row a patient; ``run`` reads patients' folders side by side.

    Raises ``InvalidInput`` where outcomes.csv is missing, has no patient_id or no outcome, names a patient twice, or no
    patient has any input.
    """
    known = _outcomes(folder, schema, subgroups)
    cohort, ids = known.table.cohort, list(known.table.cohort.patient_ids)
    given, notes = _features(folder, schema, ids)
    folders = list(_folders(folder, ids, known.days, schema))
    found = dict(zip((f.patient_id for f in folders), run(read_patient, folders), strict=True))
    notes += _told(found.values(), ids, known.days)
    inputs = _inputs(schema, given, [found.get(id_) for id_ in ids])
    have = np.array([any(not pd.isna(v) for v in row) for row in inputs.itertuples(index=False)], dtype=bool)
    if not have.any():
        raise InvalidInput("No patient of the cohort has any of the inputs.")
    if lacking := int((~have).sum()):
        notes.append(f"{lacking} patients without any input kept out")
    labels = {**cohort.subgroups, **_labels(inputs, [name for name in subgroups if name not in cohort.subgroups])}
    whole = replace(cohort, inputs=inputs, subgroups=labels, notes=tuple(notes))[have]
    whole = replace(whole, folds=folds_of(whole, seed))
    reports = [*known.table.columns, *_reports(whole.inputs)]
    absent = [name for name in known.table.absent if name not in schema.features]
    absent += [name for name in schema.features if name not in inputs or inputs[name].isna().all()]
    return TableCohort(whole, tuple(reports), tuple(absent), known.table.not_read)


@dataclass(frozen=True)
class _Known:
    """Outcomes as read, and each patient's time zero, empty where it is no day."""

    table: TableCohort
    days: tuple[str, ...]


def _outcomes(folder: Path, schema: Schema, subgroups: Sequence[str]) -> _Known:
    file = folder / OUTCOMES
    if not file.is_file():
        raise InvalidInput(f"The cohort folder has no {OUTCOMES}.")
    bare = Schema(schema.name, {}, {}, schema.endpoints)
    text = read_text(file, [PATIENT_ID, INDEX_DATE, *bare.outcome_names(), *subgroups])
    if PATIENT_ID not in text.columns:
        raise InvalidInput(f"{OUTCOMES} has no column {PATIENT_ID}.")
    table = assembled(text, bare, [name for name in subgroups if plain(name) in text.columns])
    if not table.cohort.outcomes:
        raise InvalidInput(f"{OUTCOMES} has the outcome columns of none of the endpoints.")
    _check_ids(text.columns[PATIENT_ID], OUTCOMES)
    stated = text.columns.get(INDEX_DATE, [""] * text.rows)
    days = tuple(t.strip() if _is_day(t) else "" for t in stated)
    missing = sum(is_missing(t) for t in stated)
    wrong = sum(not day for day in days) - missing
    refused = {Refusal.NOT_A_DAY.value: wrong} if wrong else {}
    report = ColumnReport(INDEX_DATE, Role.TIME_ZERO, text.rows - missing - wrong, missing, refused)
    return _Known(replace(table, columns=(*table.columns, report)), days)


def _check_ids(stated: Sequence[str], file: str) -> None:
    ids = [text.strip() for text in stated]
    if any(is_missing(id_) for id_ in ids):
        raise InvalidInput(f"A row of {file} has no {PATIENT_ID}.")
    if len(set(ids)) < len(ids):
        raise InvalidInput(f"A patient stands twice in {file}.")


def _features(folder: Path, schema: Schema, ids: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Inputs of features.csv in the order of the outcomes, and what was noticed."""
    file = folder / FEATURES
    if not file.is_file():
        return pd.DataFrame(index=pd.RangeIndex(len(ids))), []
    read = read_table(file, Schema(schema.name, schema.features, schema.groups, ()))
    if all(column.name != PATIENT_ID for column in read.columns):
        raise InvalidInput(f"{FEATURES} has no column {PATIENT_ID}.")
    patients = read.cohort.patient_ids
    if any(column.name == PATIENT_ID and column.missing for column in read.columns):
        raise InvalidInput(f"A row of {FEATURES} has no {PATIENT_ID}.")
    if len(set(patients)) < len(patients):
        raise InvalidInput(f"A patient stands twice in {FEATURES}.")
    notes = [
        f"{FEATURES}, {column.name}: {count} values refused ({reason})"
        for column in read.columns
        for reason, count in column.refused.items()
    ]
    if strangers := len(set(patients) - set(ids)):
        notes.append(f"{FEATURES}: {strangers} patients without outcomes left out")
    table = read.cohort.inputs.set_index(pd.Index(patients)).reindex(list(ids)).reset_index(drop=True)
    return table, notes


def _folders(folder: Path, ids: Sequence[str], days: Sequence[str], schema: Schema) -> Iterator[PatientFolder]:
    """Patients' folders with their time zero; an id that is no plain name has none."""
    wanted = tuple(schema.places().items())
    for id_, day in zip(ids, days, strict=True):
        where = folder / id_
        if SINGLE_ID.fullmatch(id_) and day and where.is_dir():
            yield PatientFolder(id_, where, day, wanted)


def _inputs(schema: Schema, given: pd.DataFrame, found: Sequence[PatientInputs | None]) -> pd.DataFrame:
    """A column per input that anybody may have: from features.csv, else from the patient's folder."""
    columns = {}
    for name, feature in schema.features.items():
        read = [None if one is None else one.values.get(name) for one in found]
        if name not in given and all(value is None for value in read):
            continue
        stated = given[name].tolist() if name in given else [None] * len(read)
        merged = [r if pd.isna(s) else s for s, r in zip(stated, read, strict=True)]
        dtype = object if entry(feature).categories else np.float64
        columns[name] = pd.Series(merged, dtype=dtype)
        if dtype is object:
            columns[name] = columns[name].where(columns[name].notna(), None)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(found)))


def _labels(inputs: pd.DataFrame, names: Sequence[str]) -> dict[str, NDArray[np.object_]]:
    """Subgroups that are inputs."""
    if lacking := sum(name not in inputs for name in names):
        raise InvalidInput(f"The cohort lacks {lacking} of the columns named as subgroups.")
    return {name: labels_of_input(inputs[name]) for name in names}


def _told(patients: Collection[PatientInputs], ids: Sequence[str], days: Sequence[str]) -> list[str]:
    counts = Counter(code for one in patients for code in one.problems)
    notes = [f"{code}: {count} times in records and images" for code, count in sorted(counts.items())]
    if dateless := sum(not day for day in days):
        notes.append(f"{dateless} patients without a time zero: their records and images were not read")
    if patients:
        notes.append(f"records and images of {len(patients)} of {len(ids)} patients read")
    return notes


def _reports(inputs: pd.DataFrame) -> list[ColumnReport]:
    missing = inputs.isna().sum()
    return [
        ColumnReport(str(n), Role.INPUT, len(inputs) - int(missing[n]), int(missing[n]), {}) for n in inputs.columns
    ]


def _is_day(text: str) -> bool:
    try:
        np.datetime64(text.strip(), "D")
    except ValueError:
        return False
    return len(text.strip()) == len("YYYY-MM-DD")


def folds_of(cohort: Cohort, seed: int = 0) -> NDArray[np.int64]:
    """Four repeats of five folds, (n, 4): whole patients, stratified by the first endpoint's outcome, by seed."""
    patients, index = np.unique(cohort.patient_ids.astype(str), return_inverse=True)
    strata = np.full(len(patients), -1.0)
    np.maximum.at(strata, index, _stratum(next(iter(cohort.outcomes.values()), None), len(cohort)))
    folds = np.empty((len(cohort), REPEATS), dtype=np.int64)
    for repeat in range(REPEATS):
        rng = np.random.default_rng([seed, repeat])
        order = np.concatenate([rng.permutation(np.flatnonzero(strata == s)) for s in np.unique(strata)])
        dealt = np.empty(len(patients), dtype=np.int64)
        dealt[order] = np.arange(len(patients)) % FOLDS
        folds[:, repeat] = dealt[index]
    return folds


def _stratum(outcome: Outcome | None, rows: int) -> NDArray[np.float64]:
    if outcome is None:
        return np.zeros(rows)
    if isinstance(outcome, BinaryOutcome):
        values = outcome.value
    elif isinstance(outcome, OrdinalOutcome):
        values = outcome.rank
    else:
        values = outcome.event.astype(float)
    return np.where(outcome.known(), values, -1.0)
