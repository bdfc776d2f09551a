"""Answers as they look, for OpenAPI; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

_PROGNOSIS_ID = "f574283512eb4fb19abb84bc31b9b078"
_AT = "2026-03-04T15:38:24.997402Z"
_SHA256 = "a2ddd779a2de94d3ba31e3b703606b80aa4e8ffe00cb575486f556079315d7d1"
_MODEL = {"name": "simulated", "version": "1.0.0", "sha256": _SHA256}
_NO_ESTIMATE = dict.fromkeys(("probability", "survival", "competing_risks", "categories", "trajectory"))

PROGNOSIS: dict[str, Any] = {
    "prognosis_id": _PROGNOSIS_ID,
    "model": _MODEL,
    "index_date": "2026-03-04",
    "endpoints": [
        _NO_ESTIMATE
        | {
            "id": "objective_response",
            "kind": "binary",
            "status": "predicted",
            "reasons": [],
            "probability": {
                "probability": 0.67,
                "interval": {"lower": 0.46, "upper": 0.82, "level": 0.95},
                "prediction_set": ["response"],
                "prediction_set_level": 0.9,
                "clinical_baseline": 0.54,
            },
        }
    ],
    "inputs": [
        {
            "modality": "labs",
            "group": "labs",
            "status": "used",
            "reason": None,
            "contributions": [{"endpoint_id": "objective_response", "value": 0.13, "horizon_days": 0}],
            "features": [],
            "worth": [],
        },
        {
            "modality": "imaging",
            "group": "ct_follow_up",
            "status": "absent",
            "reason": {"code": "NOT_PROVIDED", "message": "Nothing of this group was in the input."},
            "contributions": [],
            "features": [],
            "worth": [
                {
                    "endpoint_id": "objective_response",
                    "score": "AUC",
                    "gain": 0.08,
                    "interval": {"lower": 0.02, "upper": 0.14, "level": 0.95},
                }
            ],
        },
    ],
    "issues": [
        {
            "severity": "information",
            "code": "INDEX_DATE_ASSUMED",
            "message": "No index date was given; the latest date seen is taken.",
            "location": "index_date",
            "origin": "gateway",
            "timepoint": "",
        }
    ],
    "disclaimer": "SIMULATED: trained on simulated patients. Never use it for care.",
    "simulated": True,
    "typicality": None,
    "similar": [],
    "observed_under": [],
}
FEEDBACK: dict[str, Any] = {
    "feedback_id": "3f1d8b5e0a6d4a1c9b7e2d4c6a8b0e1f",
    "prognosis_id": _PROGNOSIS_ID,
    "created_at": _AT,
    "decision": "overridden",
    "reason_code": "patient-preference",
    "comment": "The board prefers a biopsy first.",
}
OUTCOME: dict[str, Any] = {
    "outcome_id": "9a4e1c7b2d5f4830a6b1c2d3e4f50617",
    "prognosis_id": _PROGNOSIS_ID,
    "created_at": _AT,
    "endpoint_id": "progression_free_survival",
    "occurred": True,
    "category": "",
    "time_days": 143,
    "value": None,
}
JOB: dict[str, Any] = {
    "job_id": "0c7f5e3d1b9a4c2e8f6d4b2a0c1e3f5d",
    "created_at": _AT,
    "state": "running",
    "total": 500,
    "answered": 122,
    "failed": 1,
}
UPLOAD: dict[str, Any] = {
    "studies": [
        {
            "study_id": "5d2c1b0a9f8e4d7c6b5a4f3e2d1c0b9a",
            "study_instance_uid": "2.25.314159",
            "instances": 41,
            "segmentation_uids": ["2.25.314159.9"],
            "date": "2026-03-04",
        }
    ],
    "refusals": [{"position": 17, "code": "NOT_DICOM", "message": "The file is not DICOM."}],
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "PrognosisAnswer": PROGNOSIS,
    "FeedbackAnswer": FEEDBACK,
    "OutcomeAnswer": OUTCOME,
    "JobAnswer": JOB,
    "UploadAnswer": UPLOAD,
}
"""By the name of the document."""
