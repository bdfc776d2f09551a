"""SDTM tables become courses, or a refusal that says what is wrong with them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tumorcast_core.errors import UnsoundAssessments
from tumorcast_core.recist import Assessment, assess
from tumorcast_training.recist_sdtm import Reading, read_courses, read_reported

TU = """USUBJID,TUEVALID,TULNKID,TUSTRESC,TULOC
P,,T01,TARGET,LIVER
P,,T02,TARGET,LYMPH NODE
P,,NT01,NON-TARGET,BONE
P,,NEW01,NEW,BRAIN
"""
TR_HEADER = "USUBJID,TREVALID,TRLNKID,TRTESTCD,TRSTRESC,TRSTRESN,TRSTRESU,VISITNUM,VISIT,TRDTC\n"
BASELINE = """P,,T01,LDIAM,30,30,mm,1,SCREENING,2020-01-20
P,,T01,LPERP,20,20,mm,1,SCREENING,2020-01-20
P,,T02,LDIAM,25,25,mm,1,SCREENING,2020-01-20
P,,T02,LPERP,1.8,1.8,cm,1,SCREENING,2020-01-20
P,,NT01,TUMSTATE,PRESENT,,,1,SCREENING,2020-01-20
"""


def course(tmp_path: Path, more: str, tumors: str = TU) -> list[Assessment]:
    (tmp_path / "tu.csv").write_text(tumors)
    (tmp_path / "tr.csv").write_text(TR_HEADER + BASELINE + more)
    return read_courses(tmp_path / "tu.csv", tmp_path / "tr.csv")[Reading("P", "INVESTIGATOR")]


def test_nodes_are_read_by_short_axis_other_targets_by_longest_diameter_in_millimeters(tmp_path: Path) -> None:
    follow_up = "P,,T01,LDIAM,21,21,mm,2,WEEK 6,2020-03-02\nP,,T02,LPERP,9,9,mm,2,WEEK 6,2020-03-02\n"
    found = assess(course(tmp_path, follow_up))[0]
    assert (found.baseline_mm, found.sum_mm, found.day - found.baseline_day, found.name) == (48.0, 30.0, 42, "WEEK 6")
    assert (found.target, found.non_target) == ("PR", "NE")


def test_a_new_lesion_and_an_unequivocal_progression_are_read_from_tumor_states(tmp_path: Path) -> None:
    worse = "P,,NT01,TUMSTATE,UNEQUIVOCAL PROGRESSION,,,2,WEEK 6,2020-03-02\n"
    new = "P,,NEW01,TUMSTATE,PRESENT,,,2,WEEK 6,2020-03-02\n"
    found = assess(course(tmp_path, worse + new))[0]
    assert (found.target, found.non_target, found.new_lesion) == ("NE", "PD", True)


def test_a_row_without_a_result_and_a_repeated_row_change_nothing(tmp_path: Path) -> None:
    row = "P,,T01,LDIAM,30,30,mm,2,WEEK 6,2020-03-02\n"
    found = assess(course(tmp_path, row * 2 + "P,,T02,LPERP,,,,2,WEEK 6,\n"))[0]
    assert (found.measured_sum_mm, found.sum_mm) == (30.0, None)


def test_a_partial_date_is_its_first_day_after_the_visit_before(tmp_path: Path) -> None:
    in_month, next_month = ("P,,T01,LDIAM,30,30,mm,2,WEEK 6," + written + "\n" for written in ("2020-01", "2020-02"))
    assert course(tmp_path, in_month)[1].day == date(2020, 1, 21).toordinal()
    assert course(tmp_path, next_month)[1].day == date(2020, 2, 1).toordinal()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("P,,T09,LDIAM,30,30,mm,2,WEEK 6,2020-03-02", "does not name"),
        ("P,,T01,LDIAM,30,30,in,2,WEEK 6,2020-03-02", "another unit"),
        ("P,,T01,LDIAM,big,big,mm,2,WEEK 6,2020-03-02", "not a number"),
        ("P,,T01,LDIAM,-3,-3,mm,2,WEEK 6,2020-03-02", "negative"),
        ("P,,NT01,TUMSTATE,FINE,,,2,WEEK 6,2020-03-02", "not known"),
        ("P,,T01,LDIAM,30,30,mm,2,WEEK 6,soon", "date"),
        ("P,,T01,LDIAM,30,30,mm,2,WEEK 6,", "date"),
        ("P,,T01,LDIAM,30,30,mm,,WEEK 6,2020-03-02", "without a number"),
        ("P,,T01,LDIAM,31,31,mm,1,SCREENING,2020-01-20", "two different results"),
    ],
)
def test_results_that_make_no_sense_are_refused(tmp_path: Path, row: str, sentence: str) -> None:
    with pytest.raises(UnsoundAssessments, match=sentence):
        course(tmp_path, row + "\n")


def test_a_lesion_that_is_neither_target_nor_non_target_nor_new_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsoundAssessments, match="neither"):
        course(tmp_path, "", TU.replace("NON-TARGET", "BENIGN"))


@pytest.mark.parametrize(("content", "sentence"), [("", "not a CSV"), ("USUBJID\nP\n", "no column RSEVALID")])
def test_a_file_that_is_no_table_of_its_domain_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "rs.csv").write_text(content)
    with pytest.raises(UnsoundAssessments, match=sentence):
        read_reported(tmp_path / "rs.csv")


def test_two_unscheduled_visits_of_one_number_are_two_visits(tmp_path: Path) -> None:
    rows = ["USUBJID,RSEVALID,RSTESTCD,RSSTRESC,VISIT,RSDTC"]
    rows += [f"P,,OVRLRESP,{said},UNSCHEDULED,{day}" for said, day in (("SD", "2020-03-02"), ("PD", "2020-04-02"))]
    (tmp_path / "rs.csv").write_text("\n".join(rows))
    assert [said.overall for said in read_reported(tmp_path / "rs.csv")] == ["SD", "PD"]


def test_a_response_that_recist_does_not_know_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rs.csv").write_text(
        "USUBJID,RSEVALID,RSTESTCD,RSSTRESC,VISIT,RSDTC\nP,,TRGRESP,MR,WEEK 6,2020-03-02\n"
    )
    with pytest.raises(UnsoundAssessments, match="does not know"):
        read_reported(tmp_path / "rs.csv")
