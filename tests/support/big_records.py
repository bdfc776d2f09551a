"""Bundles of laboratory results of any length, as hospitals send them and as lean as FHIR allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.records import LOINC, UCUM, bundle, concept, observation, patient

_LABS = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", 12.5, "g/dL"),
    ("1751-7", "Albumin [Mass/volume] in Serum or Plasma", 38.0, "g/L"),
    ("751-8", "Neutrophils [#/volume] in Blood by Automated count", 4.5, "10*3/uL"),
    ("731-0", "Lymphocytes [#/volume] in Blood by Automated count", 1.5, "10*9/L"),
    ("2532-0", "Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma", 3.4, "ukat/L"),
)
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


def lab_results(count: int, *, lean: bool = False) -> Iterator[dict[str, Any]]:
    """Results of five labs, one draw a day; ``lean`` leaves out all that R4 lets out."""
    for i in range(count):
        code, name, value, unit = _LABS[i % len(_LABS)]
        day = i // len(_LABS)
        moment = f"{2000 + day // 336 % 25}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}T08:{day % 60:02d}:00+01:00"
        value = round(value * (1 + (i * 7919 % 100) / 400), 2)
        result = observation(f"lab-{i}", code, value, unit, effectiveDateTime=moment)
        yield result if lean else result | _usual(result, i, name, unit, moment)


def _usual(result: dict[str, Any], i: int, name: str, unit: str, moment: str) -> dict[str, Any]:
    code = result["code"]["coding"][0]["code"]
    quantity = result["valueQuantity"] | {"system": UCUM, "code": unit}
    return {
        "meta": {"versionId": "1", "lastUpdated": moment},
        "identifier": [{"system": "https://lab.example.org/results", "value": f"R{i:08d}"}],
        "category": [concept(_CATEGORY, "laboratory", "Laboratory")],
        "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name.split(" [")[0]},
        "encounter": {"reference": f"Encounter/e{i // 50}"},
        "issued": moment,
        "performer": [{"reference": "Organization/lab", "display": "Central laboratory"}],
        "valueQuantity": quantity,
        "interpretation": [concept(_FLAGS, "N", "Normal")],
        "referenceRange": [{"low": quantity | {"value": 1}, "high": quantity | {"value": 999}}],
    }


def lab_bundle(count: int, *, lean: bool = False) -> bytes:
    """A Bundle of the patient and ``count`` results."""
    return bundle(*lab_results(count, lean=lean))


def lab_lines(count: int) -> Iterator[bytes]:
    """The same as newline-delimited JSON."""
    for resource in (patient(), *lab_results(count)):
        yield json.dumps(resource).encode() + b"\n"
