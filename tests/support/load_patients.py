"""Simulated patients as queries: with studies, record and notes, and with nothing but their labs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from support.patients import group_of
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_platform.client import query_body
from tumorcast_platform.inputs import Question, gather, patient_folder
from tumorcast_training import simulator
from tumorcast_training.simulator import cohort, dicom_writer, phantom

MODEL = "simulated"
SEED = 29
HORIZONS_DAYS = (91.0, 182.0, 365.0)


@dataclass(frozen=True, slots=True)
class Queries:
    """Bodies of ``POST /v1/prognoses``, one a patient."""

    full: list[bytes]
    labs: list[bytes]


FINER = (3, 5, 5)
"""By how much the slices, rows and columns of a study of clinical size are finer than simulated ones."""


def queries(patients: Path, number: int, stores: list[Path], *, clinical_size: bool = False) -> Queries:
    """Simulate patients from whom nothing is missing, and put their studies into every store."""
    if clinical_size:
        with _finer():
            simulator.simulate(number, SEED, patients, complete=True)
    else:
        simulator.simulate(number, SEED, patients, complete=True)
    full, labs = [], []
    for folder in sorted(path for path in patients.iterdir() if path.is_dir()):
        case = gather(Question(MODEL, horizons_days=HORIZONS_DAYS), patient_folder(folder))
        for store in stores:
            for file in (file for study in case.studies for file in study.files):
                FolderStudyStore(store).add(file)
        full.append(query_body(case.query))
        labs.append(query_body(replace(case.query, fhir=_labs(case.query.fhir), documents=(), timepoints=())))
    return Queries(full, labs)


@contextmanager
def _finer() -> Iterator[None]:
    """Simulated studies have 120 slices of 480 × 480 in place of 40 of 96 × 96: the same volume, every voxel cut up."""
    render = cohort.render

    def finer(*arguments: Any) -> Any:
        return tuple(np.kron(array, np.ones(FINER, array.dtype)) for array in render(*arguments))

    shape = tuple(n * by for n, by in zip(phantom.SHAPE, FINER, strict=True))
    spacing_mm = tuple(mm / by for mm, by in zip(phantom.SPACING_MM, FINER, strict=True))
    with patch.object(cohort, "render", finer), patch.multiple(dicom_writer, SHAPE=shape, SPACING_MM=spacing_mm):
        yield


def _labs(bundle: bytes) -> bytes:
    found = json.loads(bundle)
    entries = [e["resource"] for e in found["entry"]]
    kept = [r for r in entries if r["resourceType"] == "Patient" or group_of(r) == "labs"]
    return json.dumps(found | {"entry": [{"resource": resource} for resource in kept]}).encode()
