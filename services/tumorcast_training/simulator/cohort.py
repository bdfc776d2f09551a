"""Writes a simulated cohort to disk.

``DIR/outcomes.csv`` and, per patient, ``DIR/<patient>/{dicom/baseline, dicom/follow_up, fhir.json, notes/*.txt}``; a
missing input is a missing file. The same seed writes the same bytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tumorcast_training.simulator import fhir_writer, notes_writer, oracle, process
from tumorcast_training.simulator.dicom_writer import StudyIdentity, write_study
from tumorcast_training.simulator.patient import SimulatedPatient, draw_patient
from tumorcast_training.simulator.phantom import render

Row = dict[str, str | float]
BASELINE_DAYS_BEFORE_START = 7
COLUMNS = (
    *("patient", "index_date", "response", "pfs_days", "pfs_event"),
    *("necrosis", "spiculation", "kill_rate_per_day", "growth_rate_per_day", "resistant_fraction", "true_pfs_days"),
    *("oracle_response", *(f"oracle_pfs_{int(h)}" for h in oracle.HORIZONS_DAYS), "oracle_rmst_days"),
)


def simulate(
    patients: int,
    seed: int,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    complete: bool = False,
    workers: int = 1,
) -> None:
    """Write ``patients`` patients of cohort ``seed`` into ``out``; ``progress(done, total)`` is called after each.

    ``complete`` makes patients from whom no input is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    write = partial(write_patient, seed=seed, out=out, complete=complete)
    rows: list[Row] = []

    def keep(row: Row) -> None:
        rows.append(row)
        if progress:
            progress(len(rows), patients)

    if workers > 1:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for row in pool.map(write, range(patients), chunksize=8):
                keep(row)
    else:
        for number in range(patients):
            keep(write(number))
    with (out / "outcomes.csv").open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_patient(number: int, *, seed: int, out: Path, complete: bool = False) -> Row:
    """Write one patient's folder and return the row of ``outcomes.csv``."""
    patient = draw_patient(seed, number, complete=complete)
    rng = np.random.default_rng([seed, number, 1])  # its own stream: what is written does not move what happens
    folder = out / patient.id
    folder.mkdir(exist_ok=True)
    _write_images(patient, folder, rng)
    record = json.dumps(fhir_writer.bundle(patient, rng), indent=1)
    (folder / "fhir.json").write_text(record, encoding="utf-8")
    if "notes" not in patient.missing:
        day, text = notes_writer.note(patient, rng)
        (folder / "notes").mkdir(exist_ok=True)
        (folder / "notes" / f"{day.isoformat()}-oncology.txt").write_text(text, encoding="utf-8")
    return _row(patient, np.random.default_rng([seed, number, 2]))


def _write_images(patient: SimulatedPatient, folder: Path, rng: np.random.Generator) -> None:
    visits = {
        "baseline": (patient.start - timedelta(days=BASELINE_DAYS_BEFORE_START), patient.baseline_diameter_mm),
        "follow_up": (patient.index_date, patient.follow_up_diameter_mm),
    }
    for role, (day, diameter_mm) in visits.items():
        if f"ct_{role}" in patient.missing:
            continue
        hu, mask = render(patient.shape, float(np.clip(diameter_mm, 10, 110)), rng)
        identity = StudyIdentity(patient.id, role, day)
        write_study(folder / "dicom" / role, identity, hu, mask, male=bool(patient.trait("male")))


def _row(patient: SimulatedPatient, rng: np.random.Generator) -> Row:
    best = oracle.posterior(patient.observed(), rng)
    kill, growth, resistant = process.kinetics(patient.traits)
    return {
        "patient": patient.id,
        "index_date": patient.index_date.isoformat(),
        "response": int(patient.responded),
        "pfs_days": round(min(patient.pfs_days, patient.censored_days), 1),
        "pfs_event": int(patient.pfs_days <= patient.censored_days),
        "necrosis": round(patient.trait("necrosis"), 4),
        "spiculation": round(patient.trait("spiculation"), 4),
        "kill_rate_per_day": round(kill[0], 6),
        "growth_rate_per_day": round(growth[0], 6),
        "resistant_fraction": round(resistant[0], 5),
        "true_pfs_days": round(patient.pfs_days, 1),
        "oracle_response": round(best.response, 5),
        **{f"oracle_pfs_{int(h)}": round(s, 5) for h, s in zip(oracle.HORIZONS_DAYS, best.survival, strict=True)},
        "oracle_rmst_days": round(best.rmst_days, 2),
    }
