"""The RECIST engine against CDISC SDTM data (pharmaversesdtm, synthetic): every disagreement stands in recist_sdtm.md.

``rs_onco_recist`` is the response data set that pharmaversesdtm derived from the very measurements in
``tr_onco_recist.csv`` (inst/extdata at commit 9c12f0c580e7, Apache-2.0). It is not among our data: its 66 overall
responses are stated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tumorcast_core.recist import Assessment, Reason, assess, best_overall_response, irecist
from tumorcast_training import recist_sdtm
from tumorcast_training.recist_sdtm import Disagreement, Reading, Reported

DATA = Path(__file__).parents[3] / "shared" / "data" / "recist_sdtm"
TABLES = Path(recist_sdtm.__file__).with_suffix(".md")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")

READERS = ("INVESTIGATOR", "RADIOLOGIST 1", "RADIOLOGIST 2")
WEEKS = ("WEEK 3", "WEEK 6", "WEEK 9", "WEEK 12")
NON = "NON-CR/NON-PD"
DERIVED = {
    "01-701-1015": (("SD", "NE", "CR"), ("SD", "NE", "CR"), ("SD", "NE", "CR")),
    "01-701-1028": (("SD", "PD", "SD"), ("SD", "NE", "SD"), ("SD", "PD", "SD")),
    "01-701-1034": ((NON, NON), (NON, NON), (NON, NON)),
    "01-701-1097": ((NON,), (NON,), (NON,)),
    "01-701-1115": (("SD", "PR", "CR"), ("SD", "PR", "CR"), ("SD", "PR", "CR")),
    "01-701-1118": (("SD", "PR", "NE", "PR"), ("SD", "PR", "NE", "PR"), ("SD", "PR", "NE", "PR")),
    "01-701-1130": (("SD", "SD", "PD"), ("SD", "SD", "PD"), ("SD", "SD", "PD")),
    "01-701-1133": (("PR", "CR", "PD"), ("SD", "CR", "PD"), ("PR", "CR", "PR")),
}


@pytest.fixture(scope="module")
def courses() -> dict[Reading, list[Assessment]]:
    return recist_sdtm.read_courses(DATA / "tu_onco_recist.csv", DATA / "tr_onco_recist.csv")


@pytest.fixture(scope="module")
def reported() -> list[Reported]:
    return recist_sdtm.read_reported(DATA / "rs_onco.csv")


def derived() -> Iterator[Reported]:
    for patient, by_reader in DERIVED.items():
        for reader, said in zip(READERS, by_reader, strict=True):
            for week, overall in zip(WEEKS, said, strict=False):
                yield Reported(Reading(patient, reader), week, "", None, None, False, overall)


def table(heading: str) -> list[list[str]]:
    """Rows of the last table of a section of the document."""
    section = next(s for s in re.split(r"^## ", TABLES.read_text(), flags=re.M) if s.startswith(heading))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")
    ]
    starts = [index for index, row in enumerate(rows) if set(row[0]) == {"-"}]
    return rows[starts[-1] + 1 :]


def test_all_visits_of_all_readers_are_read(courses: dict[Reading, list[Assessment]]) -> None:
    assert len(courses) == 24
    assert sum(len(course) - 1 for course in courses.values()) == 66
    follow_up = {(reading, visit.name) for reading, course in courses.items() for visit in course[1:]}
    assert follow_up == {(said.reading, said.visit) for said in derived()}


def test_responses_derived_from_the_same_measurements_differ_only_where_the_document_says(
    courses: dict[Reading, list[Assessment]],
) -> None:
    compared, found = recist_sdtm.compare_visits(courses, list(derived()))
    assert compared == 66
    assert found == {Disagreement(*row[:6]) for row in table("1.")}
    assert found == {Disagreement("01-701-1133", "RADIOLOGIST 2", "WEEK 9", "overall", "PR", "PD")}


def test_the_one_disagreement_is_disease_after_a_complete_response(courses: dict[Reading, list[Assessment]]) -> None:
    week_6, week_9 = assess(courses[Reading("01-701-1133", "RADIOLOGIST 2")])[1:]
    assert week_6.overall == "CR"
    assert (week_9.sum_mm, week_9.target, week_9.overall) == (4.95, "PR", "PD")
    assert Reason.TARGET_AFTER_CR in week_9.reasons


def test_responses_made_for_other_measurements_differ_exactly_where_the_document_says(
    courses: dict[Reading, list[Assessment]], reported: list[Reported]
) -> None:
    compared, found = recist_sdtm.compare_visits(courses, reported)
    told = set()
    for patient, reader, visit, *cells, _ in table("2."):
        for part, cell in zip(("target", "non-target", "overall"), cells, strict=True):
            if cell != "agree":
                told.add(Disagreement(patient, reader, visit, part, *cell.split(" → ")))
    assert found == told
    assert (compared, len(found)) == (72, 64)


def test_reported_overall_responses_follow_table_1_but_for_three_queries(reported: list[Reported]) -> None:
    assert len(reported) == 1899
    assert recist_sdtm.compare_table(reported) == {
        ("PR", "not reported", "no", "CHECK", "PR"): 2,
        ("SD", "not reported", "no", "CHECK", "SD"): 1,
    }


def test_visits_after_a_complete_response_break_the_footnote_exactly_where_the_document_says(
    reported: list[Reported],
) -> None:
    found = recist_sdtm.after_complete_response(reported)
    assert len(found) == 19
    assert found == {Disagreement(*row[:3], "overall", *row[3:]) for row in table("3.")}


def test_best_responses_by_hand(courses: dict[Reading, list[Assessment]]) -> None:
    best = {
        patient: best_overall_response(assess(courses[Reading(patient, "INVESTIGATOR")]), confirmed=True).response
        for patient in DERIVED
    }
    assert best == {
        "01-701-1015": "SD",  # CR at day 63, seen once
        "01-701-1028": "PD",  # SD at day 21 only
        "01-701-1034": NON,
        "01-701-1097": "NE",  # non-targets at day 21 only
        "01-701-1115": "SD",  # PR at day 42, CR at day 63: 21 days confirm nothing
        "01-701-1118": "PR",  # PR, NE, PR over 42 days
        "01-701-1130": "SD",  # day 42
        "01-701-1133": "SD",  # PR at day 21, CR at day 42: 21 days; the CR counts as SD
    }


def test_immune_progression_is_unconfirmed_where_recist_has_it_once(courses: dict[Reading, list[Assessment]]) -> None:
    found = {
        reading.patient: [str(v.response) for v in irecist(course)]
        for reading, course in courses.items()
        if reading.reader == "INVESTIGATOR"
    }
    assert found["01-701-1028"] == ["iSD", "iUPD", "iSD"]
    assert found["01-701-1130"] == ["iSD", "iSD", "iUPD"]
    assert found["01-701-1133"] == ["iPR", "iCR", "iUPD"]
