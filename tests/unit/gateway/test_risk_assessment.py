"""A prognosis as FHIR R4 RiskAssessment, read back by an independent implementation."""

from dataclasses import replace
from decimal import Decimal

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment
from hypothesis import given
from hypothesis import strategies as st

from support.gateway import PROGNOSIS
from tumorcast_core.prognosis import Endpoint, EndpointKind, EndpointStatus, Interval, ProbabilityEstimate, Prognosis
from tumorcast_core.snapshot import Issue, Severity
from tumorcast_gateway.fhir.risk_assessment import risk_assessment

ANSWER = replace(PROGNOSIS, prognosis_id="0123456789abcdef")


def read(prognosis: Prognosis, patient_id: str = "SIM-000017") -> RiskAssessment:
    return RiskAssessment.model_validate_json(risk_assessment(prognosis, patient_id))


def test_probabilities_are_percentages_with_their_intervals_beside_them() -> None:
    point, interval = read(ANSWER).prediction[:2]
    assert point.outcome.text == interval.outcome.text == "objective_response"
    assert point.probabilityDecimal == Decimal("43.75")
    assert (interval.probabilityRange.low.value, interval.probabilityRange.high.value) == (25, 62.5)
    assert interval.probabilityRange.low.code == "%"
    assert interval.rationale.startswith("95 %")


def test_survival_becomes_one_prediction_per_horizon_with_its_period() -> None:
    predictions = [p for p in read(ANSWER).prediction[2:] if p.probabilityDecimal is not None]
    assert [p.probabilityDecimal for p in predictions] == [75, 50]
    assert [(p.whenPeriod.start.isoformat(), p.whenPeriod.end.isoformat()) for p in predictions] == [
        ("2026-03-04", "2026-06-02"),
        ("2026-03-04", "2026-08-31"),
    ]
    assert predictions[0].outcome.text == "progression_free_survival: no event within 90 days"


def test_a_simulated_answer_is_marked_for_machines_and_for_readers() -> None:
    resource = read(ANSWER)
    assert [(c.system, c.code) for c in resource.meta.security] == [
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST")
    ]
    assert "SIMULATED" in resource.text.div
    assert resource.note[0].text.startswith("SIMULATED")


def test_an_answer_for_care_is_not_marked_as_simulated() -> None:
    resource = read(replace(ANSWER, simulated=False))
    assert resource.meta is None
    assert "SIMULATED" not in resource.text.div


def test_model_basis_abstention_and_disclaimer_are_told() -> None:
    issue = Issue(Severity.ERROR, "SERVICE_UNAVAILABLE", "The notes service does not answer.", origin="notes")
    resource = read(replace(ANSWER, issues=(issue,)))
    notes = [note.text for note in resource.note]
    assert "simulated 1.2.3" in resource.method.text
    assert [b.display for b in resource.basis] == ["labs (labs)"]
    assert "Not a medical device." in notes
    assert "error: The notes service does not answer. [SERVICE_UNAVAILABLE]" in notes
    assert "notes (notes) absent: No document was given. [NOT_GIVEN]" in notes
    assert any(note.startswith("overall_survival: the model abstained") for note in notes)
    assert resource.text.div.count("Too few &lt;inputs&gt; &amp; reasons.") == 1


def test_an_anonymous_patient_without_dates_is_told_too() -> None:
    resource = read(replace(ANSWER, index_date=""), patient_id="")
    assert resource.subject.display == "anonymous patient"
    assert resource.occurrenceDateTime is None
    assert all(p.whenPeriod is None for p in resource.prediction)


def test_the_patient_is_named_by_the_callers_id() -> None:
    assert read(ANSWER).subject.identifier.value == "SIM-000017"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_no_percentage_leaves_its_range(probability: float, low: float, high: float) -> None:
    estimate = ProbabilityEstimate(probability, Interval(min(low, high), max(low, high), 0.95), (), 0.0)
    endpoint = Endpoint("e", EndpointKind.BINARY, EndpointStatus.PREDICTED, estimate=estimate)
    point, interval = read(replace(ANSWER, endpoints=(endpoint,))).prediction
    assert 0 <= point.probabilityDecimal <= 100
    assert float(point.probabilityDecimal) == pytest.approx(100 * probability, abs=1e-4)
    assert 0 <= interval.probabilityRange.low.value <= interval.probabilityRange.high.value <= 100
