"""Whose word counts where sources and the caller state the same, and whose patient it is."""

from dataclasses import replace

import pytest

from support.gateway import (
    ALBUMIN,
    FHIR_PATIENT,
    NOTE,
    QUERY,
    Fakes,
    ask,
    codes,
    study,
)
from tumorcast_core.query import FhirPatient, Query
from tumorcast_core.snapshot import Extraction, Feature, Severity


def test_a_callers_feature_wins_over_an_extracted_one_of_the_same_name_and_timepoint() -> None:
    fakes = Fakes()
    own = Feature("albumin", 2.0, "g/dL")
    at_visit = Feature("albumin", 2.5, "g/dL", timepoint="follow_up")
    ask(replace(QUERY, features=(own, at_visit)), fakes)
    found = [f for f in fakes.fusion.snapshot.features if f.name == "albumin"]
    assert [(f.value, f.timepoint, f.source) for f in found] == [(2.0, "", "caller"), (2.5, "follow_up", "caller")]
    assert found[0].coding.code == "1751-7"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (Feature("albumin", 39.0, "g/L"), "IMPLAUSIBLE_VALUE"),
        (Feature("albumin", 3900.0, "g/dL"), "IMPLAUSIBLE_VALUE"),
        (Feature("shoe_size", 43.0), "UNKNOWN_FEATURE"),
        (Feature("ascites", "a lot"), "IMPLAUSIBLE_VALUE"),
    ],
)
def test_a_bad_feature_of_the_caller_is_an_issue_and_wins_over_nothing(bad: Feature, code: str) -> None:
    fakes = Fakes()
    answer = ask(replace(QUERY, features=(bad,)), fakes)
    assert codes(answer) == {(code, "gateway", "")}
    assert answer.issues[0].location == "features[0]"
    assert {f.name for f in fakes.fusion.snapshot.features} == {"tumor_volume", "albumin", "ascites"}


def test_values_of_the_caller_that_contradict_each_other_are_issues_and_win_over_nothing() -> None:
    fakes = Fakes()
    rivals = (Feature("albumin", 2.0, "g/dL"), Feature("albumin", 5.0, "g/dL"))
    answer = ask(replace(QUERY, features=rivals), fakes)
    assert [(issue.code, issue.location) for issue in answer.issues] == [
        ("CONFLICTING_VALUES", "features[0]"),
        ("CONFLICTING_VALUES", "features[1]"),
    ]
    assert fakes.fusion.snapshot.feature("albumin").value == 3.9


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_callers_feature_that_is_no_result_wins_over_nothing(status: str) -> None:
    fakes = Fakes()
    answer = ask(replace(QUERY, features=(Feature("albumin", 2.0, "g/dL", status=status),)), fakes)
    assert codes(answer) == {("NO_RESULT", "gateway", "")}
    assert fakes.fusion.snapshot.feature("albumin").value == 3.9


def test_a_callers_feature_after_the_index_date_wins_over_nothing() -> None:
    fakes = Fakes()
    ask(replace(QUERY, features=(Feature("albumin", 2.0, "g/dL", effective="2026-04-01"),)), fakes)
    assert fakes.fusion.snapshot.feature("albumin").value == 3.9


def test_patient_ids_that_differ_are_a_warning_that_quotes_none() -> None:
    fakes = Fakes()
    fakes.imaging.answer = lambda t: study(t, patient_id="OTHER-9")
    answer = ask(QUERY, fakes)
    assert codes(answer) == {("PATIENT_ID_DIFFERS", "gateway", "")}
    (issue,) = answer.issues
    assert issue.severity is Severity.WARNING
    assert "imaging (baseline)" in issue.message
    assert "OTHER-9" not in issue.message
    assert "SIM-000017" not in issue.message


@pytest.mark.parametrize(("named", "kept"), [("SIM-000017", True), ("", True), ("SIM-000018", False)])
def test_a_servers_record_of_another_patient_than_asked_for_is_not_used(named: str, kept: bool) -> None:
    fakes = Fakes()
    fakes.clinical.answer = Extraction((ALBUMIN,), patient_id=named, date="2026-03-01")
    answer = ask(replace(QUERY, fhir=b"", fhir_server=FHIR_PATIENT), fakes)
    assert ("albumin" in {f.name for f in fakes.fusion.snapshot.features}) is kept
    assert codes(answer) == (set() if kept else {("PATIENT_ID_DIFFERS", "clinical", "")})
    assert all("SIM-00001" not in issue.message for issue in answer.issues)


@pytest.mark.parametrize(
    ("base_url", "patient_id"), [("http://127.0.0.1:8080", "17"), ("https://ehr/a/~b%20c", "a.b-C")]
)
def test_an_ordinary_servers_url_and_id_are_taken(base_url: str, patient_id: str) -> None:
    Query("simulated", fhir_server=FhirPatient(base_url, patient_id)).check()


@pytest.mark.parametrize(("patient_id", "kept"), [("P-1", {"baseline"}), ("", set()), ("neither", set())])
def test_images_of_two_patients_are_never_used_together(patient_id: str, kept: set[str]) -> None:
    fakes = Fakes()
    fakes.imaging.answer = lambda t: study(t, patient_id="P-1" if t.role == "baseline" else "P-2")
    answer = ask(replace(QUERY, patient_id=patient_id), fakes)
    seen = {part.timepoint for part in (*fakes.fusion.snapshot.features, *fakes.fusion.snapshot.embeddings)}
    assert seen & {"baseline", "follow_up"} == kept
    errors = {i.timepoint for i in answer.issues if i.code == "PATIENT_ID_DIFFERS" and i.origin == "imaging"}
    assert errors == {"baseline", "follow_up"} - kept


def test_a_query_shows_nothing_of_the_patient_when_printed() -> None:
    assert "SIM-000017" not in repr(QUERY)
    assert "ascites" not in repr(NOTE)
    assert "SIM-000017" not in repr(FHIR_PATIENT)
