"""A record as a hospital has it → the model ``immunotherapy``: what no resource states under one code is derived."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from support.records import (
    LOINC,
    Resource,
    bundle,
    concept,
    diagnosis,
    features,
    medication,
    observation,
)
from tumorcast_clinical.model import extract_features
from tumorcast_core.prognosis import EndpointStatus, InputStatus, Prognosis
from tumorcast_platform.inputs import Question, Sources, gather
from tumorcast_platform.local import predict
from tumorcast_platform.weights import Weights

INDEX = "2026-03-28"
MODEL = Path(str(files("tumorcast_fusion"))) / "models" / "immunotherapy"
ICD10, ICD_O_3 = "http://hl7.org/fhir/sid/icd-10-cm", "http://terminology.hl7.org/CodeSystem/icd-o-3"
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
CARBOPLATIN, PEMBROLIZUMAB, IPILIMUMAB = "40048", "1547545", "1094833"
LABS = (
    observation("alb", "1751-7", 38, "g/L"),
    observation("neu", "751-8", 5.6, "10*9/L"),
    observation("lym", "731-0", 1.4, "10*9/L"),
    observation("hgb", "718-7", 12.5, "g/dL"),
    observation("plt", "777-3", 260, "10*9/L"),
)
GENOMICS = (
    observation("tmb", "94076-7", 12, "1/1000000{Nucleotide}"),
    observation("msi", "81695-9", valueCodeableConcept=concept(LOINC, "LA14122-8", "Stable")),
)
DISEASE = (
    diagnosis(
        (ICD10, "C34.11"),
        id="cancer",
        extension=[{"url": MORPHOLOGY, "valueCodeableConcept": concept(ICD_O_3, "8140/3")}],
        stage=[{"summary": {"text": "Stage IV"}}],
    ),
    observation("weight", "29463-7", 70, "kg"),
    observation("height", "8302-2", 175, "cm"),
)
THERAPY = (
    medication(
        "MedicationStatement",
        "before",
        CARBOPLATIN,
        status="completed",
        effectiveDateTime=None,
        effectivePeriod={"start": "2025-07-01", "end": "2025-10-01"},
    ),
    medication("MedicationRequest", "planned", PEMBROLIZUMAB, authoredOn="2026-03-27"),
)
PARTS = {"labs": LABS, "genomics": GENOMICS, "clinical": DISEASE, "therapy": THERAPY}
RECORD = tuple(resource for part in PARTS.values() for resource in part)
LATER = (
    diagnosis((ICD10, "C50.911"), id="second", recordedDate="2026-04-02"),
    observation("later", "1751-7", 20, "g/L", effectiveDateTime="2026-04-02"),
    observation("restaged", "21908-9", valueCodeableConcept={"text": "Stage I"}, effectiveDateTime="2026-04-02"),
    medication("MedicationAdministration", "added", IPILIMUMAB, effectiveDateTime="2026-04-02"),
)
needs_model = pytest.mark.skipif(not MODEL.is_dir(), reason="the model immunotherapy is not shipped here")


def answer(folder: Path, *resources: Resource) -> Prognosis:
    record = folder / "fhir.json"
    record.write_bytes(bundle(*resources))
    return predict(gather(Question("immunotherapy", index_date=INDEX), Sources(fhir=record)), Weights.of(None))


def statuses(prognosis: Prognosis) -> dict[str, InputStatus]:
    return {use.group: use.status for use in prognosis.inputs}


def test_a_record_gives_the_inputs_of_all_four_groups() -> None:
    found = {f.name: f.value for f in extract_features(bundle(*RECORD), INDEX).features}
    assert (
        found.items()
        >= {
            "albumin": 3.8,
            "neutrophil_lymphocyte_ratio": pytest.approx(4.0),
            "hemoglobin": 12.5,
            "platelet_count": 260.0,
            "tumor_mutational_burden": 12.0,
            "microsatellite_instability": "stable",
            "age": 65.0,
            "sex": "male",
            "body_mass_index": pytest.approx(22.857, abs=1e-3),
            "immunotherapy_cancer_type": "non_small_cell_lung",
            "stage_iv": "present",
            "prior_systemic_therapy": "present",
            "checkpoint_inhibitor_class": "pd_1_or_pd_l1",
        }.items()
    )


def test_the_drugs_of_the_record_are_those_that_their_codes_mean() -> None:
    found = features(bundle(*THERAPY), "systemic_therapy")
    assert {f.coding.display for f in found if f.coding} == {"carboplatin", "pembrolizumab"}


@needs_model
def test_all_three_endpoints_are_answered_from_all_four_groups(tmp_path: Path) -> None:
    prognosis = answer(tmp_path, *RECORD)
    assert statuses(prognosis) == dict.fromkeys(PARTS, InputStatus.USED)
    assert {e.id: e.status for e in prognosis.endpoints} == dict.fromkeys(
        ("objective_response", "progression_free_survival", "overall_survival"), EndpointStatus.PREDICTED
    )
    assert not prognosis.simulated


@needs_model
def test_nothing_later_than_the_index_date_moves_the_answer(tmp_path: Path) -> None:
    assert answer(tmp_path, *RECORD, *LATER).endpoints == answer(tmp_path, *RECORD).endpoints


@needs_model
@pytest.mark.parametrize("group", ["labs", "genomics", "therapy"])
def test_without_a_group_it_still_answers_and_says_so(tmp_path: Path, group: str) -> None:
    rest = [resource for name, part in PARTS.items() if name != group for resource in part]
    found = statuses(answer(tmp_path, *rest))
    assert found == dict.fromkeys(PARTS, InputStatus.USED) | {group: InputStatus.ABSENT}
