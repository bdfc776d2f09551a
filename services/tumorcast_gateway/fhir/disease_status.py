"""The preliminary response by RECIST 1.1 as Observation in the shape of mCODE 4's CancerDiseaseStatus.

The profile is not claimed: it is a clinician's judgment, and this is software's. A complete and a partial response are
both "improved": that lesions shrank, or are no longer seen on some images, is no remission of the patient's cancer.
"""

from __future__ import annotations

from collections.abc import Iterator

from tumorcast_core.recist import Response, VisitResponse
from tumorcast_gateway.fhir import codes
from tumorcast_gateway.fhir.codes import Json
from tumorcast_gateway.fhir.course import Followed, follow
from tumorcast_gateway.fhir.narrative import bullets, narrative, paragraph
from tumorcast_gateway.fhir.subject import Place
from tumorcast_gateway.fhir.tumor_size import tumor_size_id
from tumorcast_gateway.model.records import PredictionRecord

TRENDS = {
    Response.CR: codes.IMPROVED,
    Response.PR: codes.IMPROVED,
    Response.SD: codes.STABLE,
    Response.NON_CR_NON_PD: codes.STABLE,
    Response.PD: codes.WORSENED,
}
WORDS = {
    Response.CR: "complete response",
    Response.PR: "partial response",
    Response.SD: "stable disease",
    Response.NON_CR_NON_PD: "neither complete response nor progression",
    Response.PD: "progressive disease",
    Response.NE: "not evaluable",
}
UNSEEN = "Preliminary: computed from drawn lesions; no person has assessed it."


def disease_status(record: PredictionRecord, place: Place) -> Json | None:
    """The response at the last visit, or why there is none; ``None`` where no lesion was measured."""
    found = follow(record.snapshot)
    if found is None:
        return None
    id_ = f"{record.prognosis_id}-status"
    notes = [UNSEEN, *_figures(found)]
    return codes.filled(
        {
            "resourceType": "Observation",
            "id": id_,
            "meta": {"security": [codes.TEST_DATA]} if record.prognosis.simulated else None,
            "text": narrative(paragraph(sentence(found), bold=True), bullets(notes)),
            "extension": [{"url": codes.EVIDENCE_TYPE, "valueCodeableConcept": codes.IMAGING_EVIDENCE}],
            "identifier": [codes.identifier(id_)],
            "status": "preliminary",
            "category": [codes.IMAGING_CATEGORY],
            "code": codes.DISEASE_STATUS,
            "subject": place.patient(record.snapshot.patient_id),
            "effectiveDateTime": found.day,
            **_value(found),
            "method": {"text": "RECIST 1.1 (Eisenhauer 2009)"},
            "derivedFrom": [{"reference": f"Observation/{tumor_size_id(record, n)}"} for n in _numbers(record, found)],
            "note": [{"text": note} for note in notes],
        }
    )


def sentence(found: Followed) -> str:
    """The response in words, or that there is none and why."""
    if found.response and found.response.overall in TRENDS:
        overall = found.response.overall
        return f"RECIST 1.1, preliminary: {overall} ({WORDS[overall]})."
    return f"RECIST 1.1 cannot be said: {found.reason}"


def _value(found: Followed) -> Json:
    if found.response and (trend := TRENDS.get(found.response.overall)):
        return {"valueCodeableConcept": codes.concept(codes.SNOMED, *trend, sentence(found))}
    code = ("unknown", "Unknown") if found.response else ("not-performed", "Not Performed")
    return {"dataAbsentReason": codes.concept(codes.DATA_ABSENT, *code, sentence(found))}


def _figures(found: Followed) -> Iterator[str]:
    """Sum, baseline, nadir and reasons, as the engine gives them."""
    response = found.response
    if response is None:
        return
    yield from _sums(response)
    if response.new_lesion:
        yield "A lesion was drawn that the baseline does not have."
    yield "Slices are taken to be at most 5 mm thick, and lesions that were not drawn again are not counted as gone."
    yield f"Reasons: {', '.join(response.reasons)}."


def _sums(response: VisitResponse) -> Iterator[str]:
    for name, value in (
        ("Sum of diameters", response.sum_mm),
        ("at baseline", response.baseline_mm),
        ("smallest before", response.nadir_mm),
    ):
        if value is not None:
            yield f"{name}: {value:.4g} mm."


def _numbers(record: PredictionRecord, found: Followed) -> Iterator[int]:
    used = {id(lesion) for lesion in found.lesions}
    return (n for n, lesion in enumerate(record.snapshot.lesions, 1) if id(lesion) in used)
