"""A prognosis as FHIR R4 RiskAssessment (https://hl7.org/fhir/R4/riskassessment.html).

``probabilityDecimal`` is a percentage of at most 100 there. A second prediction beside each one holds its interval as
``probabilityRange``. Survival becomes one pair per horizon, over the period from the index date to the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from html import escape
from typing import Any

import msgspec

from tumorcast_core.prognosis import (
    Endpoint,
    EndpointStatus,
    InputStatus,
    Interval,
    ProbabilityEstimate,
    Prognosis,
    SurvivalEstimate,
    SurvivalPoint,
)

UCUM = "http://unitsofmeasure.org"
TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
SIMULATED = "SIMULATED: the model was trained on simulated patients; this must not inform care."


def risk_assessment(prognosis: Prognosis, patient_id: str) -> bytes:
    """Render a prognosis as JSON; ``patient_id`` may be empty."""
    notes = _notes(prognosis)
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": prognosis.prognosis_id,
        "meta": {"security": [TEST_DATA]} if prognosis.simulated else None,
        "text": {"status": "generated", "div": _narrative(prognosis, notes)},
        "status": "final",
        "method": {
            "text": f"Tumorcast model {prognosis.model.name} {prognosis.model.version}, {prognosis.model.sha256}"
        },
        "code": {"text": "Tumor prognosis"},
        "subject": {"identifier": {"value": patient_id}} if patient_id else {"display": "anonymous patient"},
        "occurrenceDateTime": prognosis.index_date,
        "basis": [
            {"display": f"{use.group} ({use.modality})"} for use in prognosis.inputs if use.status is InputStatus.USED
        ],
        "prediction": [p for endpoint in prognosis.endpoints for p in _predictions(endpoint, prognosis.index_date)],
        "note": [{"text": note} for note in notes],
    }
    return msgspec.json.encode({key: value for key, value in resource.items() if value})  # FHIR has no empty values


def _predictions(endpoint: Endpoint, index_date: str) -> Iterator[dict[str, Any]]:
    match endpoint.estimate:
        case ProbabilityEstimate(probability, interval, possible):
            cannot_exclude = f"Cannot be excluded: {', '.join(possible)}." if possible else ""
            yield from _pair(endpoint.id, probability, interval, {}, cannot_exclude)
        case SurvivalEstimate(points):
            for point in points:
                outcome = f"{endpoint.id}: no event within {point.horizon_days:g} days"
                yield from _pair(outcome, point.survival, point.interval, _when(point, index_date), "")


def _pair(
    outcome: str, probability: float, interval: Interval, when: dict[str, Any], rationale: str
) -> Iterator[dict[str, Any]]:
    common = {"outcome": {"text": outcome}, **when}
    yield common | {"probabilityDecimal": _percent(probability)} | ({"rationale": rationale} if rationale else {})
    yield common | {
        "probabilityRange": {"low": _percent_quantity(interval.lower), "high": _percent_quantity(interval.upper)},
        "rationale": f"{100 * interval.level:g} % interval of the probability above, from the limited training data.",
    }


def _percent(probability: float) -> float:
    return min(round(100 * probability, 4), 100.0)


def _percent_quantity(probability: float) -> dict[str, Any]:
    return {"value": _percent(probability), "unit": "%", "system": UCUM, "code": "%"}


def _when(point: SurvivalPoint, index_date: str) -> dict[str, Any]:
    """The period until a horizon, to whole days (the outcome's text has the exact horizon); none without a start."""
    try:
        end = date.fromisoformat(index_date) + timedelta(days=round(point.horizon_days))
    except (ValueError, OverflowError):
        return {}
    return {"whenPeriod": {"start": index_date, "end": end.isoformat()}}


def _notes(prognosis: Prognosis) -> list[str]:
    notes = [SIMULATED] if prognosis.simulated else []
    notes.append(prognosis.disclaimer)
    for endpoint in prognosis.endpoints:
        if endpoint.status is EndpointStatus.ABSTAINED:
            reasons = " ".join(f"{reason.message} [{reason.code}]" for reason in endpoint.reasons)
            notes.append(f"{endpoint.id}: the model abstained, which is not a low risk. {reasons}".strip())
    for use in prognosis.inputs:
        if use.status is not InputStatus.USED:
            why = f": {use.reason.message} [{use.reason.code}]" if use.reason else "."
            notes.append(f"{use.group} ({use.modality}) {use.status}{why}")
    notes.extend(f"{issue.severity}: {issue.message} [{issue.code}]" for issue in prognosis.issues)
    return [note for note in notes if note]


def _narrative(prognosis: Prognosis, notes: list[str]) -> str:
    lines = [*_sentences(prognosis), *notes]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>Tumor prognosis</p><ul>{items}</ul></div>'


def _sentences(prognosis: Prognosis) -> Iterator[str]:
    for endpoint in prognosis.endpoints:
        for prediction in _predictions(endpoint, prognosis.index_date):
            if "probabilityDecimal" in prediction:
                yield f"{prediction['outcome']['text']}: {prediction['probabilityDecimal']:.0f} %"
