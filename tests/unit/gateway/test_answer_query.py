"""One query through the gateway with services in memory."""

import asyncio
import time
from dataclasses import replace

import pytest

from support.gateway import (
    ALBUMIN,
    ASCITES,
    BASELINE,
    FHIR_PATIENT,
    FOLLOW_UP,
    NOTE,
    PROGNOSIS,
    QUERY,
    Fakes,
    ask,
    codes,
    study,
)
from tumorcast_core import logs
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    HorizonOutOfRange,
    InvalidInput,
    MalformedFhir,
    MalformedRequest,
    NoInput,
    PayloadTooLarge,
    ServiceUnavailable,
    StudyNotFound,
    UnknownModel,
)
from tumorcast_core.query import FhirPatient, Query
from tumorcast_core.snapshot import Coding, Extraction, Feature, Issue, PlannedTherapy, Severity, Timepoint
from tumorcast_gateway.model import answer_query


def test_everything_that_was_read_reaches_fusion_in_one_snapshot() -> None:
    fakes = Fakes()
    therapy = PlannedTherapy(Coding("http://www.nlm.nih.gov/research/umls/rxnorm", "1597876"))
    answer = ask(replace(QUERY, planned_therapies=(therapy,)), fakes)
    snapshot = fakes.fusion.snapshot
    assert answer.endpoints == PROGNOSIS.endpoints
    assert [(f.name, f.timepoint) for f in snapshot.features] == [
        ("tumor_volume", "baseline"),
        ("tumor_volume", "follow_up"),
        ("albumin", ""),
        ("ascites", ""),
    ]
    assert [e.timepoint for e in snapshot.embeddings] == ["baseline", "follow_up"]
    assert (snapshot.patient_id, snapshot.index_date) == ("SIM-000017", "2026-03-04")
    assert snapshot.timepoints == (BASELINE, FOLLOW_UP)
    assert snapshot.planned_therapies == (therapy,)
    assert fakes.fusion.calls == [("simulated", (90.0, 180.0))]
    assert not answer.issues


def test_the_record_and_the_documents_go_out_as_they_came() -> None:
    fakes = Fakes()
    ask(QUERY, fakes)
    assert fakes.clinical.calls == [(QUERY.fhir, "2026-03-04")]
    assert fakes.notes.calls == [((NOTE,), "2026-03-04")]


def test_a_patient_on_a_server_is_the_clinical_services_to_fetch() -> None:
    fakes = Fakes()
    answer = ask(replace(QUERY, fhir=b"", fhir_server=FHIR_PATIENT), fakes)
    assert fakes.clinical.calls == [(FHIR_PATIENT, "2026-03-04")]
    assert fakes.fusion.snapshot.feature("albumin") == ALBUMIN
    assert not answer.issues


def test_a_server_that_cannot_be_read_makes_the_answer_narrower() -> None:
    fakes = Fakes()
    fakes.clinical.error = InvalidInput("The FHIR server's host is not allowed.")
    answer = ask(replace(QUERY, fhir=b"", fhir_server=FHIR_PATIENT), fakes)
    assert codes(answer) == {("INVALID_INPUT", "clinical", "")}
    assert {f.name for f in fakes.fusion.snapshot.features} == {"tumor_volume", "ascites"}


def test_the_answer_carries_the_request_id_or_a_new_one() -> None:
    async def twice() -> list[str]:
        logs.request_id.set("abc")
        with_id = (await answer_query(QUERY, Fakes().ports, Deadline())).prognosis
        logs.request_id.set("")
        without = (await answer_query(QUERY, Fakes().ports, Deadline())).prognosis
        return [with_id.prognosis_id, without.prognosis_id]

    with_id, without = asyncio.run(twice())
    assert with_id == "abc"
    assert len(without) == 32


def test_sources_are_read_at_the_same_time() -> None:
    fakes = Fakes()
    for port in (fakes.imaging, fakes.clinical, fakes.notes):
        port.delay_s = 0.2
    began = time.monotonic()
    ask(QUERY, fakes)
    assert time.monotonic() - began < 0.5  # one after another: 0.8


@pytest.mark.parametrize(
    ("service", "missing", "origins"),
    [
        ("imaging", "tumor_volume", {("imaging", "baseline"), ("imaging", "follow_up")}),
        ("clinical", "albumin", {("clinical", "")}),
        ("notes", "ascites", {("notes", "")}),
    ],
)
def test_a_service_that_is_down_makes_the_answer_narrower(
    service: str, missing: str, origins: set[tuple[str, str]]
) -> None:
    fakes = Fakes()
    getattr(fakes, service).error = ServiceUnavailable(f"The {service} service does not answer.")
    answer = ask(QUERY, fakes)
    names = {f.name for f in fakes.fusion.snapshot.features}
    assert names == {"tumor_volume", "albumin", "ascites"} - {missing}
    assert codes(answer) == {("SERVICE_UNAVAILABLE", *origin) for origin in origins}
    assert {issue.severity for issue in answer.issues} == {Severity.ERROR}


@pytest.mark.parametrize("service", ["imaging", "clinical", "notes"])
def test_a_service_that_dawdles_leaves_fusion_its_time(service: str) -> None:
    fakes = Fakes()
    getattr(fakes, service).delay_s = 30
    began = time.monotonic()
    answer = ask(QUERY, fakes, seconds=0.5)
    assert time.monotonic() - began < 0.5
    assert {(code, origin) for code, origin, _ in codes(answer)} == {("DEADLINE_EXCEEDED", service)}
    assert fakes.fusion.snapshot.features


def test_one_study_that_fails_leaves_the_other() -> None:
    fakes = Fakes()

    def only_baseline(timepoint: Timepoint) -> Extraction:
        if timepoint.role == "follow_up":
            raise StudyNotFound
        return study(timepoint)

    fakes.imaging.answer = only_baseline
    assert codes(ask(QUERY, fakes)) == {("STUDY_NOT_FOUND", "imaging", "follow_up")}
    assert [e.timepoint for e in fakes.fusion.snapshot.embeddings] == ["baseline"]


def test_an_issue_of_a_service_is_told_with_its_origin() -> None:
    fakes = Fakes()
    issue = Issue(Severity.WARNING, "SEGMENTATION_MISSING", "There is no segmentation.")
    fakes.imaging.answer = lambda t: replace(study(t), issues=(issue,))
    assert codes(ask(QUERY, fakes)) == {
        ("SEGMENTATION_MISSING", "imaging", "baseline"),
        ("SEGMENTATION_MISSING", "imaging", "follow_up"),
    }


def test_an_unknown_model_is_refused_before_any_image_is_read() -> None:
    fakes = Fakes()
    with pytest.raises(UnknownModel):
        ask(replace(QUERY, model="nope"), fakes)
    assert [*fakes.imaging.calls, *fakes.clinical.calls, *fakes.notes.calls] == []


@pytest.mark.parametrize("error", [ServiceUnavailable(), HorizonOutOfRange()])
def test_an_error_of_fusion_is_the_answer(error: Exception) -> None:
    fakes = Fakes()
    fakes.fusion.error = error
    with pytest.raises(type(error)):
        ask(QUERY, fakes)


def test_a_fusion_that_dawdles_ends_at_the_deadline() -> None:
    fakes = Fakes()
    fakes.fusion.delay_s = 30
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        ask(QUERY, fakes, seconds=0.3)
    assert time.monotonic() - began < 0.6


def test_an_unexpected_error_is_not_hidden_as_an_issue() -> None:
    fakes = Fakes()
    fakes.clinical.error = ZeroDivisionError()
    with pytest.raises(ExceptionGroup) as caught:
        ask(QUERY, fakes)
    assert caught.group_contains(ZeroDivisionError)


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ({"clinical": MalformedFhir()}, MalformedFhir),
        ({"clinical": MalformedFhir(), "notes": ServiceUnavailable()}, ServiceUnavailable),
    ],
)
def test_where_no_source_can_be_read_the_reason_is_the_answer(
    errors: dict[str, Exception], told: type[Exception]
) -> None:
    fakes = Fakes()
    for service, error in errors.items():
        getattr(fakes, service).error = error
    query = replace(QUERY, timepoints=(), documents=(NOTE,) if "notes" in errors else ())
    with pytest.raises(told):
        ask(query, fakes)
    assert fakes.fusion.snapshot is None


def test_where_sources_hold_nothing_usable_the_answer_says_why() -> None:
    fakes = Fakes()
    fakes.clinical.answer = Extraction(issues=(Issue(Severity.ERROR, "UNKNOWN_UNIT", "A unit is not known."),))
    with pytest.raises(NoInput, match=r"UNKNOWN_UNIT \(clinical\)"):
        ask(Query("simulated", fhir=b"{}"), fakes)


def test_a_query_without_input_is_refused() -> None:
    with pytest.raises(NoInput):
        ask(Query("simulated", timepoints=(Timepoint("baseline", "2026-03-04"),)), Fakes())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"model": ""}, "model"),
        ({"index_date": "2026-03"}, "index_date"),
        ({"index_date": "20260304"}, "index_date"),
        ({"index_date": "2026-02-30"}, "index_date"),
        ({"horizons_days": (90.0, 0.0)}, r"horizons_days\[1\]"),
        ({"horizons_days": (float("nan"),)}, r"horizons_days\[0\]"),
        ({"horizons_days": (float("inf"),)}, r"horizons_days\[0\]"),
        ({"timepoints": (BASELINE, replace(FOLLOW_UP, role="baseline"))}, r"timepoints\[1\].role"),
        ({"timepoints": (replace(BASELINE, role=""),)}, r"timepoints\[0\].role"),
        ({"timepoints": (replace(BASELINE, date="soon"),)}, r"timepoints\[0\].date"),
        ({"timepoints": (replace(BASELINE, study_instance_uid="../../etc"),)}, r"study_instance_uid"),
        ({"timepoints": (replace(BASELINE, segmentation_uid="1" * 65),)}, r"segmentation_uid"),
        ({"documents": (replace(NOTE, date="yesterday"),)}, r"documents\[0\].date"),
        ({"features": (replace(ALBUMIN, effective="03/01/2026"),)}, r"features\[0\].effective"),
        ({"features": (replace(ALBUMIN, comparator="~"),)}, r"features\[0\].comparator"),
        ({"planned_therapies": (PlannedTherapy(start_date="later"),)}, r"planned_therapies\[0\].start_date"),
        ({"fhir_server": FHIR_PATIENT}, "fhir and fhir_server exclude each other"),
        *(
            ({"fhir": b"", "fhir_server": FhirPatient(url, "17")}, r"fhir_server.base_url")
            for url in (
                *("", "ehr.example.org", "/fhir", "ftp://ehr/fhir", "file:///etc/passwd", "https://", "https://:443/a"),
                *("https://me:pw@ehr/fhir", "https://ehr/fhir?a=b", "https://ehr/fhir?", "https://ehr/fhir#a"),
                *(
                    "https://ehr:x/fhir",
                    "https://ehr:99999/",
                    "https://[::1/fhir",
                    "https://ehr/a b",
                    "https://ehr\n/a",
                ),
                *("https://ehr\\@evil/fhir", "https://klinik-köln/fhir"),
            )
        ),
        *(
            ({"fhir": b"", "fhir_server": FhirPatient("https://ehr/fhir", id_)}, r"fhir_server.patient_id")
            for id_ in ("", "..", "1/../2", "a b", "1?x=1", "1\n", "a" * 65, "$everything")
        ),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_the_place(change: dict[str, object], where: str) -> None:
    fakes = Fakes()
    with pytest.raises(MalformedRequest, match=where):
        ask(replace(QUERY, **change), fakes)
    assert not fakes.clinical.calls


def test_too_many_studies_are_refused() -> None:
    many = tuple(Timepoint(f"T{i}", "", "1.2.3") for i in range(33))
    with pytest.raises(PayloadTooLarge):
        ask(replace(QUERY, timepoints=many), Fakes())


def test_the_index_date_is_the_latest_date_seen_and_said_to_be_assumed() -> None:
    fakes = Fakes()
    later = replace(ALBUMIN, effective="2026-05-06T23:59:00-05:00")
    fakes.clinical.answer = Extraction((later, replace(ALBUMIN, effective="2026")))
    answer = ask(replace(QUERY, index_date=""), fakes)
    assert answer.index_date == "2026-05-06"
    assert codes(answer) == {("INDEX_DATE_ASSUMED", "gateway", "")}
    assert fakes.clinical.calls[0][1] == ""


def test_nothing_dated_after_the_index_date_is_used() -> None:
    fakes = Fakes()
    fakes.clinical.answer = Extraction(
        (
            ALBUMIN,
            replace(ALBUMIN, effective="2026-03-05"),
            replace(ALBUMIN, effective="2027"),
            replace(ALBUMIN, effective="2026"),
        )
    )
    fakes.imaging.answer = lambda t: study(replace(t, date="2026-03-09"))
    query = replace(QUERY, timepoints=(replace(BASELINE, date=""), replace(FOLLOW_UP, date="2026-03-05")))
    answer = ask(query, fakes)
    assert [c[0].role for c in fakes.imaging.calls] == ["baseline"]  # the other states its date
    assert [f.effective for f in fakes.fusion.snapshot.features if f.name == "albumin"] == ["2026-03-01", "2026"]
    assert not fakes.fusion.snapshot.embeddings
    assert not fakes.fusion.snapshot.timepoints
    assert codes(answer) == {
        ("AFTER_INDEX_DATE", "imaging", "baseline"),
        ("AFTER_INDEX_DATE", "imaging", "follow_up"),
        ("AFTER_INDEX_DATE", "clinical", ""),
    }


def test_an_undated_fact_of_a_visit_after_the_index_date_is_not_used() -> None:
    fakes = Fakes()
    fakes.notes.answer = Extraction((replace(ASCITES, effective="", timepoint="follow_up"),))
    late = replace(FOLLOW_UP, date="2026-03-09", study_instance_uid="")
    own = Feature("tumor_volume", 99.0, "mL", timepoint="follow_up")
    answer = ask(replace(QUERY, timepoints=(BASELINE, late), features=(own,)), fakes)
    assert {f.timepoint for f in fakes.fusion.snapshot.features} == {"baseline", ""}
    assert codes(answer) == {("AFTER_INDEX_DATE", "notes", ""), ("AFTER_INDEX_DATE", "gateway", "")}


def test_the_callers_date_of_a_study_stands_before_that_of_its_images() -> None:
    fakes = Fakes()
    fakes.imaging.answer = lambda t: study(replace(t, date="1999-01-01"))
    answer = ask(replace(QUERY, timepoints=(BASELINE,)), fakes)
    assert {f.effective for f in fakes.fusion.snapshot.features if f.timepoint} == {BASELINE.date}
    assert {e.effective for e in fakes.fusion.snapshot.embeddings} == {BASELINE.date}
    assert codes(answer) == {("STUDY_DATE_DIFFERS", "imaging", "baseline")}


def test_images_that_the_model_does_not_read_are_not_decoded() -> None:
    fakes = Fakes()
    answer = ask(replace(QUERY, timepoints=(Timepoint("T9", "", "1.2.3"),)), fakes)
    assert not fakes.imaging.calls
    assert codes(answer) == {("TIMEPOINT_NOT_READ", "imaging", "T9")}
