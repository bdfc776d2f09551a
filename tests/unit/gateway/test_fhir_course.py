"""The preliminary response of lesions that were followed: computed by hand, and withheld where it cannot be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.followed import FOLLOWED, lesion, record, snapshot
from tumorcast_core.snapshot import MeasuredLesion
from tumorcast_gateway.fhir.course import follow
from tumorcast_gateway.fhir.disease_status import disease_status
from tumorcast_gateway.fhir.subject import Place

FIRST, SECOND, THIRD = "2025-12-01", "2026-01-15", "2026-03-01"


def told(*lesions: MeasuredLesion) -> tuple[str, str]:
    """The code that is told, or why none is, and the words."""
    status = disease_status(record(snapshot(*lesions)), Place())
    assert status is not None
    concept: dict[str, Any] = status.get("valueCodeableConcept") or status["dataAbsentReason"]
    return concept["coding"][0]["code"], concept["text"]


IMPROVED, STABLE, WORSENED = "268910001", "359746009", "271299001"


@pytest.mark.parametrize(
    ("before", "after", "code", "response"),
    [
        (50.0, 35.0, IMPROVED, "PR"),  # - 30 %
        (50.0, 36.0, STABLE, "SD"),  # - 28 %
        (50.0, 60.0, WORSENED, "PD"),  # + 20 % and + 10 mm
        (20.0, 24.0, STABLE, "SD"),  # + 20 %, but 4 mm
        (50.0, 59.0, STABLE, "SD"),  # + 18 %
    ],
)
def test_the_response_follows_the_sum(before: float, after: float, code: str, response: str) -> None:
    assert told(lesion("1", FIRST, before), lesion("1", THIRD, after)) == (
        code,
        next(t for t in [f"RECIST 1.1, preliminary: {response}"] if True) + WORDS[response],
    )


WORDS = {"PR": " (partial response).", "SD": " (stable disease).", "PD": " (progressive disease)."}


def test_progression_is_from_the_nadir() -> None:
    lesions = [lesion("1", day, mm) for day, mm in ((FIRST, 50.0), (SECOND, 35.0), (THIRD, 42.0))]
    assert told(*lesions)[0] == WORSENED  # 20 % and 7 mm over 35 mm, though 16 % below the baseline


def test_visits_are_in_order_of_their_days_whatever_the_order_of_lesions() -> None:
    assert told(lesion("1", THIRD, 35.0), lesion("1", FIRST, 50.0))[0] == IMPROVED


def test_a_lymph_node_counts_by_its_short_axis() -> None:
    node = [
        lesion("1", day, long, short, organ="lymph node") for day, long, short in ((FIRST, 40, 30), (THIRD, 40, 20))
    ]
    assert told(*node)[0] == IMPROVED  # short axis - 33 %, longest diameter unchanged


def test_a_lymph_node_of_normal_size_is_no_disease() -> None:
    normal = [lesion("2", day, 20.0, 8.0, organ="lymph node") for day in (FIRST, THIRD)]
    assert told(lesion("1", FIRST, 50.0), lesion("1", THIRD, 35.0), *normal)[0] == IMPROVED


def test_a_new_lesion_is_progression() -> None:
    code, _ = told(lesion("1", FIRST, 50.0), lesion("1", THIRD, 35.0), lesion("9", THIRD, 12.0))
    assert code == WORSENED


def test_a_new_lymph_node_of_normal_size_is_none() -> None:
    node = lesion("9", THIRD, 20.0, 8.0, organ="lymph node")
    assert told(lesion("1", FIRST, 50.0), lesion("1", THIRD, 35.0), node)[0] == IMPROVED


def test_the_parts_of_a_lesion_are_added() -> None:
    parts = [lesion("1", THIRD, 20.0), lesion("1", THIRD, 15.0)]
    assert told(lesion("1", FIRST, 50.0), *parts)[0] == IMPROVED


@pytest.mark.parametrize(
    ("lesions", "words"),
    [
        ([lesion("1", FIRST, 50.0)], "one visit only"),
        ([lesion("", FIRST, 50.0), lesion("", THIRD, 40.0)], "no tracking UID"),
        ([lesion("1", FIRST, 50.0), replace(lesion("1", THIRD, 40.0), date="")], "day of a visit"),
        ([lesion("1", FIRST, 50.0), replace(lesion("1", THIRD, 40.0), date="2026")], "day of a visit"),
        ([lesion("1", FIRST, 50.0, role="a"), lesion("1", FIRST, 40.0, role="b")], "out of order"),
        ([replace(lesion("1", day, 50.0), dicom_modality="PT") for day in (FIRST, THIRD)], "CT or MR"),
        ([lesion("2", d, 20.0, 8.0, organ="lymph node") for d in (FIRST, THIRD)], "no lesion"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_followed_is_told_with_its_reason(lesions: list[MeasuredLesion], words: str) -> None:
    code, text = told(*lesions)
    assert code == "not-performed"
    assert words in text


@pytest.mark.parametrize(
    "after",
    [[lesion("2", THIRD, 20.0, organ="lung")], [lesion("1", THIRD, None), lesion("2", THIRD, 20.0, organ="lung")]],
    ids=["not drawn", "no size"],
)
def test_a_lesion_that_was_not_measured_again_is_not_evaluable_and_never_gone(after: list[MeasuredLesion]) -> None:
    before = [lesion("1", FIRST, 50.0), lesion("2", FIRST, 40.0, organ="lung")]
    code, text = told(*before, *after)
    assert code == "unknown"
    assert "not measured again" in text


def test_images_of_another_kind_do_not_count_twice() -> None:
    on_mr = [replace(m, dicom_modality="MR", series_instance_uid="9.9") for m in FOLLOWED.lesions]
    both = follow(snapshot(*FOLLOWED.lesions, *on_mr))
    assert both is not None
    assert both.response is not None
    assert (both.response.baseline_mm, both.response.sum_mm) == (90.0, 63.0)


def test_without_lesions_nothing_is_said() -> None:
    assert disease_status(record(snapshot()), Place()) is None


def test_nobody_has_assessed_it_is_said_and_what_it_rests_on() -> None:
    status = disease_status(record(), Place())
    assert status is not None
    assert status["status"] == "preliminary"
    assert "no person has assessed it" in status["note"][0]["text"]
    assert status["method"]["text"].startswith("RECIST 1.1")
    assert status["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "363679005"
    assert len(status["derivedFrom"]) == 4
    assert "performer" not in status


sizes = st.none() | st.floats(0, 400)
lesions = st.builds(
    lesion,
    st.sampled_from(["", "1", "2", "3", "4", "5", "6", "7"]),
    st.sampled_from([FIRST, SECOND, THIRD]),
    sizes,
    sizes,
    organ=st.sampled_from(["liver", "lung", "", "lymph node", "Lymph Nodes"]),
)


@given(st.lists(lesions, max_size=24))
def test_every_set_of_lesions_gets_a_response_or_a_reason(drawn: list[MeasuredLesion]) -> None:
    status = disease_status(record(snapshot(*drawn)), Place())
    assert (status is None) == (not drawn)
    if status is not None:
        assert ("valueCodeableConcept" in status) != ("dataAbsentReason" in status)
