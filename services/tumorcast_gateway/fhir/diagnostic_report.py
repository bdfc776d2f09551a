"""The prognosis as a report that a clinician reads: FHIR R4 DiagnosticReport with a narrative.

Its status is ``partial``: R4 says of it that data may be incomplete or unverified, while ``preliminary`` says that
early results *are* verified, and nobody has verified these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tumorcast_core.prognosis import EndpointStatus
from tumorcast_gateway.fhir import codes
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.course import follow
from tumorcast_gateway.fhir.disease_status import UNSEEN, sentence
from tumorcast_gateway.fhir.narrative import bullets, narrative, paragraph, table
from tumorcast_gateway.fhir.predictions import predictions
from tumorcast_gateway.fhir.risk_assessment import SIMULATED, estimates, told_notes
from tumorcast_gateway.fhir.subject import Place, fhir_date
from tumorcast_gateway.fhir.tumor_size import words
from tumorcast_gateway.model.records import PredictionRecord

_MOST_IN_CONCLUSION = 12


def diagnostic_report(record: PredictionRecord, place: Place, results: Sequence[Json]) -> Json:
    """The report on the Observations in ``results``."""
    prognosis = record.prognosis
    id_ = f"{record.prognosis_id}-report"
    return codes.filled(
        {
            "resourceType": "DiagnosticReport",
            "id": id_,
            "meta": {"security": [codes.TEST_DATA]} if prognosis.simulated else None,
            "text": _narrative(record),
            "extension": [
                {
                    "url": codes.REPORT_RISK,
                    "valueReference": {"reference": f"RiskAssessment/{record.prognosis_id}"},
                }
            ],
            "identifier": [codes.identifier(id_)],
            "status": "partial",
            "category": [codes.OTHER_SECTION],
            "code": codes.PROGNOSIS,
            "subject": place.patient(record.snapshot.patient_id),
            "effectiveDateTime": fhir_date(prognosis.index_date),
            "issued": codes.instant(record.created_at),
            "result": [{"reference": f"Observation/{result['id']}"} for result in results],
            "conclusion": codes.plain("\n".join(_conclusion(record))),
        }
    )


def _conclusion(record: PredictionRecord) -> Iterator[str]:
    """The probabilities in words, one line each."""
    prognosis = record.prognosis
    if prognosis.simulated:
        yield SIMULATED
    told = [
        f"{p['outcome']['text']}: {p['probabilityDecimal']:.0f} %"
        for endpoint in prognosis.endpoints
        for p in predictions(endpoint, prognosis.index_date)
        if "probabilityDecimal" in p
    ]
    yield from told[:_MOST_IN_CONCLUSION]
    if len(told) > _MOST_IN_CONCLUSION:
        yield f"{len(told) - _MOST_IN_CONCLUSION} more probabilities stand in the RiskAssessment."
    for endpoint in prognosis.endpoints:
        if endpoint.status is EndpointStatus.ABSTAINED:
            yield f"{endpoint.id}: no answer; this is not a low risk."
    yield prognosis.disclaimer


def _narrative(record: PredictionRecord) -> Json:
    prognosis = record.prognosis
    model = f"Model {prognosis.model.name} {prognosis.model.version}. Time zero: {prognosis.index_date or 'not known'}."
    followed = follow(record.snapshot)
    return narrative(
        paragraph("Tumor prognosis by software, not verified by a person", bold=True),
        paragraph(SIMULATED if prognosis.simulated else "", bold=True),
        paragraph(model),
        estimates(prognosis),
        table("Measured lesions", ("Lesion",), ((words(lesion),) for lesion in record.snapshot.lesions)),
        paragraph(f"{sentence(followed)} {UNSEEN}" if followed else ""),
        bullets(told_notes(prognosis)),
    )
