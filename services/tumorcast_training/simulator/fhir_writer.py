"""Writes a patient's record as a FHIR R4 Bundle, in the mix of units and codes that real records have.

Codes: LOINC, SNOMED CT, RxNorm, ICD-10-CM; cancer resources after mCODE 4 (http://hl7.org/fhir/us/mcode).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from tumorcast_training.simulator.patient import SimulatedPatient
from tumorcast_training.simulator.process import THERAPIES

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
UCUM, RXNORM = "http://unitsofmeasure.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
Resource = dict[str, Any]

_CHEMOTHERAPY = (("32592", "oxaliplatin"), ("12574", "gemcitabine"), ("2555", "cisplatin"))
_IMMUNOTHERAPY = (("1597876", "nivolumab"), ("1547545", "pembrolizumab"), ("1792776", "atezolizumab"))
_ECOG = ("LA9622-7", "LA9623-5", "LA9624-3")
_STAGE = {"III": "258224005", "IV": "258228008"}  # SNOMED CT 261612004, stages


def bundle(patient: SimulatedPatient, rng: np.random.Generator) -> Resource:
    """The record as a collection Bundle; groups that are missing leave no trace in it."""
    resources = [_patient(patient, rng), _condition(patient), *_clinical(patient), *_medications(patient, rng)]
    if "labs" not in patient.missing:
        resources += _labs(patient, rng)
    if "genomics" not in patient.missing:
        resources += _genomics(patient, rng)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]},
        "entry": [{"fullUrl": uuid5(NAMESPACE_URL, r["id"]).urn, "resource": r} for r in resources],
    }


def _coding(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _subject(patient: SimulatedPatient) -> Resource:
    return {"reference": f"Patient/{patient.id}"}


def _observation(patient: SimulatedPatient, id_: str, code: Resource, day: date, **value: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"{patient.id}-{id_}",
        "status": "final",
        "code": code,
        "subject": _subject(patient),
        "effectiveDateTime": day.isoformat(),
        **value,
    }


def _quantity(value: float, digits: int, code: str, unit: str | None = None) -> Resource:
    quantity = {"value": round(value, digits), "unit": unit or code}
    return {"valueQuantity": quantity if unit and unit != code else {**quantity, "system": UCUM, "code": code}}


def _patient(patient: SimulatedPatient, rng: np.random.Generator) -> Resource:
    age_years = float(np.clip(64 + 10 * patient.trait("age"), 20, 100))
    born = patient.index_date - timedelta(days=age_years * 365.25 + float(rng.uniform(0, 1)))
    return {
        "resourceType": "Patient",
        "id": patient.id,
        "gender": "male" if patient.trait("male") else "female",
        "birthDate": born.isoformat(),
    }


def _condition(patient: SimulatedPatient) -> Resource:
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    verification = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {
        "resourceType": "Condition",
        "id": f"{patient.id}-primary",
        "clinicalStatus": _coding(clinical, "active", "Active"),
        "verificationStatus": _coding(verification, "confirmed", "Confirmed"),
        "code": {
            "coding": [
                {"system": SNOMED, "code": "109841003", "display": "Liver cell carcinoma"},
                {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C22.0", "display": "Liver cell carcinoma"},
            ]
        },
        "subject": _subject(patient),
        "recordedDate": (patient.start - timedelta(days=30)).isoformat(),
    }


def _clinical(patient: SimulatedPatient) -> list[Resource]:
    stage = "IV" if patient.trait("stage_iv") else "III"
    ecog = int(patient.trait("ecog"))
    stage_code = _coding(LOINC, "21908-9", "Stage group.clinical Cancer")
    ecog_code = _coding(LOINC, "89247-1", "ECOG Performance Status score")
    return [
        _observation(
            patient,
            "stage",
            stage_code,
            patient.start - timedelta(days=14),
            valueCodeableConcept=_coding(SNOMED, _STAGE[stage], f"Stage {stage}"),
        ),
        _observation(
            patient,
            "ecog",
            ecog_code,
            patient.start - timedelta(days=3),
            valueCodeableConcept=_coding(LOINC, _ECOG[ecog], f"ECOG {ecog}"),
        ),
    ]


def _labs(patient: SimulatedPatient, rng: np.random.Generator) -> list[Resource]:
    day = patient.start - timedelta(days=int(rng.integers(0, 4)))
    lymphocytes = float(np.exp(np.log(1.4) + 0.35 * rng.standard_normal()))
    neutrophils = lymphocytes * float(np.exp(np.log(3.5) + 0.55 * patient.trait("nlr")))
    albumin_g_dl = float(np.clip(3.8 + 0.45 * patient.trait("albumin"), 1.5, 5.5))
    hemoglobin_g_dl = float(np.clip(12.5 + 1.6 * patient.trait("hemoglobin"), 6, 18))
    count = str(rng.choice(["10*9/L", "10*3/uL", "K/uL"]))
    cells = {"code": "10*3/uL", "unit": count} if count == "K/uL" else {"code": count}
    labs = [
        ("neutrophils", "751-8", "Neutrophils", _quantity(neutrophils, 2, **cells)),
        ("lymphocytes", "731-0", "Lymphocytes", _quantity(lymphocytes, 2, **cells)),
        ("albumin", "1751-7", "Albumin", _either(rng, (albumin_g_dl, 2, "g/dL"), (albumin_g_dl * 10, 1, "g/L"))),
        (
            "hemoglobin",
            "718-7",
            "Hemoglobin",
            _either(rng, (hemoglobin_g_dl, 1, "g/dL"), (hemoglobin_g_dl * 10, 0, "g/L")),
        ),
    ]
    if "ldh" not in patient.not_measured:
        ldh = float(np.exp(np.log(260) + 0.45 * patient.trait("ldh")))
        labs.append(("ldh", "2532-0", "Lactate dehydrogenase", _quantity(ldh, 0, "U/L")))
    return [_observation(patient, id_, _coding(LOINC, code, text), day, **value) for id_, code, text, value in labs]


def _either(rng: np.random.Generator, *choices: tuple[float, int, str]) -> Resource:
    return _quantity(*choices[int(rng.integers(len(choices)))])


def _genomics(patient: SimulatedPatient, rng: np.random.Generator) -> list[Resource]:
    day = patient.start - timedelta(days=int(rng.integers(5, 15)))
    tmb = float(np.exp(np.log(6) + 0.8 * patient.trait("tmb")))
    kras = ("LA9633-4", "Present") if patient.trait("kras") else ("LA9634-2", "Absent")
    tmb_code = _coding(LOINC, "94076-7", "Mutations per Megabase in Tumor")
    kras_code = _coding(LOINC, "21702-6", "KRAS gene mutations found in Blood or Tissue by Molecular genetics method")
    return [
        _observation(patient, "tmb", tmb_code, day, **_quantity(tmb, 2, "1/1000000{Nucleotide}")),
        _observation(patient, "kras", kras_code, day, valueCodeableConcept=_coding(LOINC, *kras)),
    ]


def _medications(patient: SimulatedPatient, rng: np.random.Generator) -> list[Resource]:
    therapy = THERAPIES[int(patient.trait("therapy"))]
    drugs = []
    if therapy != "immunotherapy":
        drugs.append(_CHEMOTHERAPY[int(rng.integers(len(_CHEMOTHERAPY)))])
    if therapy != "chemotherapy":
        drugs.append(_IMMUNOTHERAPY[int(rng.integers(len(_IMMUNOTHERAPY)))])
    return [
        {
            "resourceType": "MedicationRequest",
            "id": f"{patient.id}-{name}",
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": _coding(RXNORM, code, name),
            "subject": _subject(patient),
            "authoredOn": patient.start.isoformat(),
        }
        for code, name in drugs
    ]
