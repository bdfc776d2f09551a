"""A prognosis as FHIR R4 RiskAssessment (https://hl7.org/fhir/R4/riskassessment.html).

What is a probability becomes a prediction (``predictions.py``); what is none, or qualifies one, becomes a note: bounds,
forecast sizes, abstentions, doubts, issues. Reasons by single input, similar patients and treatments are in JSON only.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec

from tumorcast_core.prognosis import (
    Endpoint,
    EndpointStatus,
    InputStatus,
    InputUse,
    Prognosis,
    SurvivalEstimate,
    TrajectoryEstimate,
)
from tumorcast_gateway.fhir.predictions import predictions

TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
SIMULATED = "SIMULATED: the model was trained on simulated patients; this must not inform care."


def risk_assessment(prognosis: Prognosis, patient_id: str) -> bytes:
    """Render a prognosis as JSON; ``patient_id`` may be empty."""
    notes = [note for note in _notes(prognosis) if note]
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
        "prediction": [p for endpoint in prognosis.endpoints for p in predictions(endpoint, prognosis.index_date)],
        "note": [{"text": note} for note in notes],
    }
    return msgspec.json.encode({key: value for key, value in resource.items() if value})  # FHIR has no empty values


def _notes(prognosis: Prognosis) -> Iterator[str]:
    if prognosis.simulated:
        yield SIMULATED
    yield prognosis.disclaimer
    for endpoint in prognosis.endpoints:
        yield from _endpoint_notes(endpoint)
    if prognosis.typicality:
        unusual = ", ".join(prognosis.typicality.unusual_inputs)
        share = f"{100 * prognosis.typicality.percentile:.3g} % of the training patients are less typical"
        yield f"{share}; unusual inputs: {unusual}." if unusual else f"{share}."
    for use in prognosis.inputs:
        if use.status is not InputStatus.USED:
            yield _unused(use)
    yield from (f"{issue.severity}: {issue.message} [{issue.code}]" for issue in prognosis.issues)


def _endpoint_notes(endpoint: Endpoint) -> Iterator[str]:
    reasons = " ".join(f"{reason.message} [{reason.code}]" for reason in endpoint.reasons)
    if endpoint.status is EndpointStatus.ABSTAINED:
        yield f"{endpoint.id}: the model abstained, which is not a low risk. {reasons}".strip()
    elif reasons:
        yield f"{endpoint.id}: {reasons}"
    match endpoint.estimate:
        case SurvivalEstimate(lower_bound_days=days, lower_bound_level=level) if level and days is not None:
            yield f"{endpoint.id}: the event comes later than {days:g} days with probability {100 * level:g} %."
        case TrajectoryEstimate():
            yield from _forecast(endpoint.id, endpoint.estimate)


def _forecast(endpoint_id: str, estimate: TrajectoryEstimate) -> Iterator[str]:
    """Growth rate and last forecast value; the whole curve is in the JSON answer."""
    if estimate.growth_rate:
        rate, interval = estimate.growth_rate.per_day, estimate.growth_rate.interval
        around = f"{100 * interval.level:g} % interval {100 * interval.lower:.3g} to {100 * interval.upper:.3g}"
        yield f"{endpoint_id}: specific growth rate {100 * rate:.3g} % per day ({around})."
    future = [point for point in estimate.points if point.day > 0]
    if future:
        last = future[-1]
        bands = "; ".join(f"{100 * i.level:g} % interval {i.lower:.4g} to {i.upper:.4g}" for i in last.intervals)
        value = f"{estimate.quantity} {last.value:.4g} {estimate.unit}".rstrip()
        yield f"{endpoint_id}: forecast {value} at day {last.day:g}{f' ({bands})' if bands else ''}."


def _unused(use: InputUse) -> str:
    why = f": {use.reason.message} [{use.reason.code}]" if use.reason else "."
    return f"{use.group} ({use.modality}) {use.status}{why}"


def _narrative(prognosis: Prognosis, notes: list[str]) -> str:
    lines = [*_sentences(prognosis), *notes]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><p>Tumor prognosis</p><ul>{items}</ul></div>'


def _sentences(prognosis: Prognosis) -> Iterator[str]:
    for endpoint in prognosis.endpoints:
        for prediction in predictions(endpoint, prognosis.index_date):
            if "probabilityDecimal" in prediction:
                yield f"{prediction['outcome']['text']}: {prediction['probabilityDecimal']:.0f} %"
