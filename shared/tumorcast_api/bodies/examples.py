"""Queries to begin with."""

from __future__ import annotations

from typing import Any

EXAMPLE: dict[str, Any] = {
    "model": "simulated",
    "patient_id": "SIM-000017",
    "index_date": "2026-03-04",
    "horizons_days": [90, 180],
    "fhir": {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "resource": {
                    "resourceType": "Observation",
                    "status": "final",
                    "code": {"coding": [{"system": "http://loinc.org", "code": "1751-7"}]},
                    "effectiveDateTime": "2026-03-01",
                    "valueQuantity": {"value": 3.9, "system": "http://unitsofmeasure.org", "code": "g/dL"},
                }
            }
        ],
    },
    "documents": [{"id": "visit", "date": "2026-03-04", "text": "HISTORY: Denies pain. No ascites."}],
    "timepoints": [{"role": "baseline", "study_instance_uid": "2.25.314159"}],
    "features": [{"name": "tumor_mutational_burden", "number": 7.5, "unit": "1/1000000{Nucleotide}"}],
}

SERVER_EXAMPLE: dict[str, Any] = {
    "model": "simulated",
    "index_date": "2026-03-04",
    "fhir_server": {"base_url": "https://ehr.example.org/fhir", "patient_id": "17"},
}
