"""What the simulator writes is what it drew: the services' own readers get the traits back."""

import csv
import filecmp
import json
from pathlib import Path

import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle

from tumorcast_clinical.model import extract_features
from tumorcast_imaging.dicom import read_study
from tumorcast_imaging.model import SHIPPED, EncoderManifest
from tumorcast_notes.model import Document, encode_notes
from tumorcast_training.simulated_cohort import read_patient
from tumorcast_training.simulator import fhir_writer, notes_writer, process, simulate
from tumorcast_training.simulator.patient import SimulatedPatient, draw_patient
from tumorcast_training.simulator.phantom import SPACING_MM, draw_shape, render

SEED = 21


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cohort")
    seen = []
    simulate(2, SEED, out, lambda done, total: seen.append((done, total)), complete=True)
    assert seen == [(1, 2), (2, 2)]
    return out


def patients() -> list[SimulatedPatient]:
    return [draw_patient(SEED, number, complete=True) for number in range(40)]


def test_the_same_seed_writes_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    simulate(1, SEED, tmp_path, complete=True)
    first = tmp_path / patients()[0].id
    names = [str(p.relative_to(first)) for p in first.rglob("*") if p.is_file()]
    assert len(names) == 2 * 41 + 2
    assert filecmp.cmpfiles(first, cohort / first.name, names, shallow=False) == (names, [], [])


def test_a_missing_group_is_a_missing_file(tmp_path: Path) -> None:
    simulate(6, SEED, tmp_path)
    for number in range(6):
        patient = draw_patient(SEED, number)
        folder = tmp_path / patient.id
        for role in ("baseline", "follow_up"):
            assert (folder / "dicom" / role).exists() == (f"ct_{role}" not in patient.missing)
        assert (folder / "notes").exists() == ("notes" not in patient.missing)


def test_the_outcomes_table_holds_patients_outcomes_and_truth(cohort: Path) -> None:
    with (cohort / "outcomes.csv").open(encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    for row, patient in zip(rows, patients()[:2], strict=True):
        assert row["patient"] == patient.id
        assert int(row["response"]) == patient.responded
        assert float(row["pfs_days"]) <= patient.pfs_days + 0.1
        assert 0 <= float(row["oracle_response"]) <= 1


def test_the_bundle_is_valid_fhir_r4() -> None:
    for number, patient in enumerate(patients()):
        raw = fhir_writer.bundle(patient, np.random.default_rng(number))
        Bundle.model_validate(raw)


def test_labs_genomics_and_stage_are_read_back_in_canonical_units() -> None:
    for number, patient in enumerate(patients()):
        raw = json.dumps(fhir_writer.bundle(patient, np.random.default_rng(number))).encode()
        extraction = extract_features(raw, patient.index_date.isoformat())
        values = {f.name: f.value for f in extraction.features}
        assert not [i for i in extraction.issues if i.blocks]
        assert values["albumin"] == pytest.approx(np.clip(3.8 + 0.45 * patient.trait("albumin"), 1.5, 5.5), abs=0.01)
        assert values["hemoglobin"] == pytest.approx(np.clip(12.5 + 1.6 * patient.trait("hemoglobin"), 6, 18), abs=0.06)
        ratio = np.exp(np.log(3.5) + 0.55 * patient.trait("nlr"))
        assert values["neutrophil_lymphocyte_ratio"] == pytest.approx(ratio, rel=0.05)
        assert values["tumor_mutational_burden"] == pytest.approx(
            np.exp(np.log(6) + 0.8 * patient.trait("tmb")), abs=0.01
        )
        assert values["kras_mutation"] == ("present" if patient.trait("kras") else "absent")
        assert values["stage_group"] == ("IV" if patient.trait("stage_iv") else "III")
        assert values["ecog_performance_status"] == patient.trait("ecog")
        assert values["therapy_class"] == process.THERAPIES[int(patient.trait("therapy"))]
        assert values["sex"] == ("male" if patient.trait("male") else "female")


def test_every_note_is_read_back_as_it_was_meant() -> None:
    for number in range(300):
        patient = draw_patient(SEED, number, complete=True)
        day, text = notes_writer.note(patient, np.random.default_rng(number))
        document = Document(id="n", date=day.isoformat(), content=text.encode())
        found = {f.name: f.value for f in encode_notes([document]).extraction.features}
        meant = {t: "present" if patient.trait(t) else "absent" for t in ("weight_loss", "ascites", "pain")}
        assert found == meant, text


def test_a_rendered_tumor_has_the_diameter_asked_for() -> None:
    rng = np.random.default_rng(0)
    for diameter_mm in (20.0, 45.0, 80.0):
        _, mask = render(draw_shape(rng, 0, 0), diameter_mm, rng)
        rows, columns = np.nonzero(mask.any(axis=0))
        extent = max(np.ptp(rows) + 1, np.ptp(columns) + 1) * SPACING_MM[1]
        assert extent == pytest.approx(diameter_mm, rel=0.3, abs=SPACING_MM[1])


def test_necrosis_darkens_the_tumor() -> None:
    means = []
    for necrosis in (-2.0, 2.0):
        rng = np.random.default_rng(3)
        hu, mask = render(draw_shape(rng, necrosis, 0), 50.0, rng)
        means.append(hu[mask].mean())
    assert means[0] > means[1] + 20


def test_images_are_accepted_without_an_issue_and_measured(cohort: Path) -> None:
    patient = patients()[0]
    manifest = EncoderManifest.load(SHIPPED / "ct-lesion")
    inputs = read_patient(cohort / patient.id, patient.index_date.isoformat(), manifest)
    assert not [i for study in inputs.studies for i in study.issues]
    assert [len(study.crops) for study in inputs.studies] == [1, 1]
    measured = inputs.snapshot.feature("tumor_longest_diameter", "baseline")
    assert measured is not None
    assert measured.value == pytest.approx(patient.baseline_diameter_mm, rel=0.25, abs=3)
    volume = read_study(cohort / patient.id / "dicom" / "baseline").volumes[0]
    assert volume.patient_id == patient.id
    assert volume.array.min() >= -1024
