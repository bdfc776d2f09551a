"""A prognosis as FHIR R4 RiskAssessment (https://hl7.org/fhir/R4/riskassessment.html).

What is a probability becomes a prediction (``predictions.py``); what is none, or qualifies one, becomes a note: bounds,
forecast sizes, abstentions, doubts, issues. Reasons by single input, similar patients and treatments are in JSON only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from tumorcast_core.catalog import catalog
from tumorcast_core.prognosis import (
    Endpoint,
    EndpointStatus,
    InputStatus,
    InputUse,
    Prognosis,
    SurvivalEstimate,
    TrajectoryEstimate,
)
from tumorcast_core.snapshot import Feature
from tumorcast_gateway.fhir import codes
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.narrative import bullets, narrative, paragraph, table
from tumorcast_gateway.fhir.predictions import predictions
from tumorcast_gateway.fhir.subject import NOWHERE, Place, fhir_date

SIMULATED = "SIMULATED: the model was trained on simulated patients; this must not inform care."
HEAD = ("Outcome", "Until", "Probability", "Interval")


def risk_assessment(prognosis: Prognosis, patient_id: str, features: Iterable[Feature] = ()) -> bytes:
    """Render a prognosis as JSON; ``patient_id`` may be empty, ``features`` are those of its snapshot."""
    return msgspec.json.encode(assessment(prognosis, patient_id, features))


def assessment(prognosis: Prognosis, patient_id: str, features: Iterable[Feature] = (), place: Place = NOWHERE) -> Json:
    """The resource; its basis are the used input groups and where their features were read."""
    notes = told_notes(prognosis)
    used = [use for use in prognosis.inputs if use.status is InputStatus.USED]
    return codes.filled(
        {
            "resourceType": "RiskAssessment",
            "id": prognosis.prognosis_id,
            "meta": {"security": [codes.TEST_DATA]} if prognosis.simulated else None,
            "text": narrative(
                paragraph("Tumor prognosis", bold=True),
                estimates(prognosis),
                bullets(notes),
                paragraph(_model(prognosis)),
            ),
            "contained": [_device(prognosis)],
            "identifier": [codes.identifier(prognosis.prognosis_id)] if prognosis.prognosis_id else None,
            "status": "final",
            "method": {"coding": [_coding(prognosis)], "text": _model(prognosis)},
            "code": codes.PROGNOSIS,
            "subject": place.patient(patient_id),
            "occurrenceDateTime": fhir_date(prognosis.index_date),
            "performer": {"reference": "#model"},
            "basis": [
                *({"display": codes.plain(f"{use.group} ({use.modality})")} for use in used),
                *place.sources(_sources(used, features)),
            ],
            "prediction": [p for endpoint in prognosis.endpoints for p in predictions(endpoint, prognosis.index_date)],
            "note": [{"text": note} for note in notes],
        }
    )


def told_notes(prognosis: Prognosis) -> list[str]:
    """What limits and explains the probabilities, one sentence each."""
    return [note for note in map(codes.plain, _notes(prognosis)) if note]


def estimates(prognosis: Prognosis) -> str:
    """The probabilities as an XHTML table, each with its interval."""
    return table("Probabilities", HEAD, _rows(prognosis))


def _rows(prognosis: Prognosis) -> Iterator[tuple[str, str, str, str]]:
    for endpoint in prognosis.endpoints:
        told = list(predictions(endpoint, prognosis.index_date))
        for i, prediction in enumerate(told):
            if "probabilityDecimal" in prediction:
                beside = told[i + 1] if i + 1 < len(told) else {}
                until = prediction.get("whenPeriod", {}).get("end", "")
                yield (
                    prediction["outcome"]["text"],
                    until,
                    f"{prediction['probabilityDecimal']:.0f} %",
                    _between(beside),
                )
        if endpoint.status is EndpointStatus.ABSTAINED:
            yield endpoint.id, "", "no answer", "the model abstained; this is not a low risk"


def _between(prediction: Json) -> str:
    interval = prediction.get("probabilityRange")
    return f"{interval['low']['value']:.0f} to {interval['high']['value']:.0f} %" if interval else ""


def _model(prognosis: Prognosis) -> str:
    ref = prognosis.model
    return codes.plain(f"Tumorcast model {ref.name} {ref.version}, {ref.sha256}")


def _coding(prognosis: Prognosis) -> Json:
    ref = prognosis.model
    code = "_".join(codes.plain(ref.name).split()) or "unnamed"  # a code has no blanks
    return codes.filled({"system": codes.MODEL, "version": codes.plain(ref.version), "code": code})


def _device(prognosis: Prognosis) -> Json:
    """The model as the device that performed the assessment."""
    ref = prognosis.model
    return codes.filled(
        {
            "resourceType": "Device",
            "id": "model",
            "identifier": [{"system": codes.MODEL, "value": codes.plain(ref.sha256)}]
            if codes.plain(ref.sha256)
            else None,
            "deviceName": [{"name": codes.plain(ref.name) or "unnamed", "type": "model-name"}],
            "version": [{"value": codes.plain(ref.version) or "unknown"}],
            "type": {"text": "prognosis model (software)"},
        }
    )


def _sources(used: Iterable[InputUse], features: Iterable[Feature]) -> Iterator[str]:
    """Where the features of the used modalities were read; derived ones name several places."""
    modalities = {use.modality for use in used}
    for feature in features:
        entry = catalog().get(feature.name)
        if entry and entry.modality in modalities:
            yield from (feature.source, *feature.sources)


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
