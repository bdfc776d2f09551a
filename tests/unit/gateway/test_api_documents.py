"""The documents of the REST API hold the domain's words and lose none of its values."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from support.full_prognosis import FULL
from tumorcast_api import answers as a
from tumorcast_api.bodies import MAX_QUERIES, Decision, FeedbackBody
from tumorcast_api.bodies.query import FeatureBody
from tumorcast_core import query as q
from tumorcast_core.snapshot import Coding, Feature, MeasuredLesion
from tumorcast_gateway.model import Explanation, Replay, StudyReading, records
from tumorcast_gateway.model.desk import prognoses, remarks
from tumorcast_gateway.model.explaining import explain

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
ALBUMIN = Feature("albumin", 3.9, "g/dL", Coding("http://loinc.org", "1751-7", "Albumin"), "2026-03-01", "Obs/1")


def test_closed_lists_of_words_and_limits_are_the_domains() -> None:
    assert set(get_args(Decision)) == set(records.Decision)
    assert set(get_args(a.JobState)) == set(records.JobState)
    assert MAX_QUERIES == prognoses.MAX_QUERIES
    limits = {name: field["maxLength"] for name, field in FeedbackBody.model_json_schema()["properties"].items()
              if "maxLength" in field}  # fmt: skip
    assert limits == {"comment": records.MAX_COMMENT_CHARACTERS, "reason_code": remarks.MAX_CODE_CHARACTERS}
    comparators = FeatureBody.model_json_schema()["properties"]["comparator"]["enum"]
    assert tuple(comparators) == q.COMPARATORS


@pytest.mark.parametrize(
    ("answer", "domain", "others"),
    [
        (a.PrognosisSummaryAnswer, records.PredictionSummary, set()),
        (a.FeedbackAnswer, records.Feedback, set()),
        (a.OutcomeAnswer, records.Outcome, set()),
        (a.JobAnswer, records.Job, set()),
        (a.JobResultAnswer, records.JobResult, set()),
        (a.PatientAnswer, records.PatientRef, set()),
        (a.ExplanationAnswer, Explanation, set()),
        (a.ReplayAnswer, Replay, set()),
        (a.StudyAnswer, StudyReading, set()),
        (a.FeatureAnswer, Feature, {"value", "number", "category"}),
    ],
)
def test_an_answer_has_the_fields_of_what_it_tells(answer: Any, domain: Any, others: set[str]) -> None:
    assert set(answer.model_fields) ^ {field.name for field in fields(domain)} == others


def test_a_feature_says_its_value_under_the_name_of_its_kind() -> None:
    told = [
        a.FeatureAnswer.model_validate(feature).model_dump(mode="json")
        for feature in (ALBUMIN, Feature("sex", "male"), Feature("pain", None))
    ]
    assert [(t["number"], t["category"]) for t in told] == [(3.9, None), (None, "male"), (None, None)]
    assert told[0]["coding"] == {"system": "http://loinc.org", "code": "1751-7", "display": "Albumin"}
    assert told[1]["coding"] is None
    assert a.FeatureAnswer.model_validate_json(a.FeatureAnswer.model_validate(ALBUMIN).model_dump_json()).number == 3.9


def test_a_study_is_told_with_its_lesions_and_read_again() -> None:
    lesion = MeasuredLesion("1.2.7", "target 1", "1.2.4", "CT", "1.2.9", "2026-03-04", (ALBUMIN,), "baseline")
    reading = StudyReading("0" * 32, "1.2.3", "2026-03-04", (ALBUMIN,), (lesion,), ())
    told = a.StudyAnswer.model_validate(reading)
    assert told.lesions[0].measurements == told.features
    assert a.StudyAnswer.model_validate_json(told.model_dump_json()) == told


def test_an_explanation_is_told_and_read_again() -> None:
    told = a.ExplanationAnswer.model_validate(explain(FULL))
    assert a.ExplanationAnswer.model_validate_json(told.model_dump_json()) == told
    assert [e.endpoint_id for e in told.endpoints] == [e.id for e in FULL.endpoints]


def test_times_are_told_with_their_zone() -> None:
    job = records.Job("0" * 32, AT, 3)
    assert a.JobAnswer.model_validate(job).model_dump(mode="json")["created_at"] == "2026-03-04T12:00:00Z"
