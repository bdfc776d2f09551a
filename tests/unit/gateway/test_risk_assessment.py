"""A prognosis as FHIR R4 RiskAssessment, read back by an independent implementation."""

from dataclasses import replace
from decimal import Decimal

import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment
from hypothesis import given, settings
from hypothesis import strategies as st

from support.full_prognosis import BEST_RESPONSE, FULL, GROWTH, PROGRESSION, SURVIVAL
from support.gateway import PROGNOSIS
from support.prognoses import prognoses
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


def told(*endpoints: Endpoint) -> list[tuple[str, Decimal, str | None]]:
    """Outcome, percentage and last day of each prediction that is not an interval."""
    found = read(replace(FULL, endpoints=endpoints)).prediction
    ends = (p.whenPeriod and p.whenPeriod.end.isoformat() for p in found if p.probabilityDecimal is not None)
    points = [p for p in found if p.probabilityDecimal is not None]
    return [(p.outcome.text, p.probabilityDecimal, end) for p, end in zip(points, ends, strict=True)]


def test_competing_risks_become_one_prediction_per_cause_and_horizon() -> None:
    assert told(PROGRESSION) == [
        ("progression: progression first, within 182 days", 25, "2026-09-02"),
        ("progression: progression first, within 365 days", 50, "2027-03-04"),
        ("progression: death first, within 182 days", Decimal("6.25"), "2026-09-02"),
        ("progression: death first, within 365 days", Decimal("12.5"), "2027-03-04"),
    ]
    interval = read(replace(FULL, endpoints=(PROGRESSION,))).prediction[1]
    assert (interval.probabilityRange.low.value, interval.probabilityRange.high.value) == (12.5, 37.5)


def test_ordered_outcomes_become_one_prediction_per_category() -> None:
    predictions = read(replace(FULL, endpoints=(BEST_RESPONSE,))).prediction
    assert [(p.outcome.text, float(p.probabilityDecimal)) for p in predictions] == [
        ("best_response: CR", 6.25),
        ("best_response: PR", 25),
        ("best_response: SD", 50),
        ("best_response: PD", 18.75),
    ]
    assert {p.rationale for p in predictions} == {"Cannot be excluded: PR, SD."}


def test_a_trajectory_becomes_the_chances_of_its_criteria_and_notes_of_its_values() -> None:
    resource = read(replace(FULL, endpoints=(GROWTH,)))
    criteria = told(GROWTH)
    assert len(criteria) == len(resource.prediction) == 6
    assert criteria[2] == (
        "sum_of_diameters_forecast: RECIST 1.1 PD of target lesions by day 168",
        Decimal("37.5"),
        "2026-08-19",
    )
    notes = [note.text for note in resource.note]
    assert (
        "sum_of_diameters_forecast: forecast sum_of_diameters 72 mm at day 168 "
        "(50 % interval 56 to 88; 90 % interval 40 to 104)." in notes
    )
    assert "sum_of_diameters_forecast: specific growth rate 0.35 % per day (95 % interval 0.1 to 0.6)." in notes


def test_bound_typicality_and_what_limits_an_answer_are_told() -> None:
    notes = [note.text for note in read(replace(FULL, endpoints=(SURVIVAL, PROGRESSION))).note]
    assert "overall_survival: the event comes later than 120 days with probability 90 %." in notes
    assert "progression: The horizon is near the end of follow-up. [FEW_EVENTS]" in notes
    assert "2 % of the training patients are less typical; unusual inputs: alpha_fetoprotein, lesion_count." in notes


def test_what_was_observed_under_treatments_is_not_told_as_a_risk() -> None:
    text = risk_assessment(FULL, "").decode()
    assert "embolization" not in text


@settings(max_examples=60, deadline=None)
@given(prognoses)
def test_every_prognosis_is_a_valid_risk_assessment(prognosis: Prognosis) -> None:
    resource = read(replace(prognosis, prognosis_id="0123456789abcdef", disclaimer="Not a medical device."))
    for prediction in resource.prediction or ():
        if prediction.probabilityDecimal is not None:
            assert 0 <= prediction.probabilityDecimal <= 100
        if prediction.whenPeriod:
            assert prediction.whenPeriod.start <= prediction.whenPeriod.end
