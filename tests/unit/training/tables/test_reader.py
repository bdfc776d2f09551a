"""A table of patients: what is read, what is missing, what is refused, and what is no table at all."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.tabular import BLUEPRINT, as_csv, cohort
from tumorcast_core.errors import InvalidInput, PayloadTooLarge
from tumorcast_training.cohorts import BinaryOutcome, SurvivalOutcome
from tumorcast_training.tables import Limits, Schema, TableCohort, read_table

SCHEMA = Schema.of_blueprint(BLUEPRINT)
HEADER = "patient_id,albumin,sex,objective_response"


def read(tmp_path: Path, text: str | bytes, **how: object) -> TableCohort:
    file = tmp_path / "table.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(file, SCHEMA, **how)  # type: ignore[arg-type]


def report(found: TableCohort, column: str) -> tuple[int, int, dict[str, int]]:
    one = next(c for c in found.columns if c.name == column)
    return one.known, one.missing, dict(one.refused)


def test_a_table_that_was_written_from_a_cohort_is_that_cohort(tmp_path: Path) -> None:
    patients = cohort(60, seed=4)
    found = read_table(as_csv(patients, tmp_path / "t.csv"), SCHEMA)
    assert list(found.cohort.patient_ids) == list(patients.patient_ids)
    for name in patients.inputs:
        ours, theirs = found.cohort.inputs[name], patients.inputs[name]
        assert ours.isna().tolist() == theirs.isna().tolist()
        assert [a for a in ours if a == a] == [b for b in theirs if b == b]
    for name, outcome in patients.outcomes.items():
        again = found.cohort.outcomes[name]
        assert type(again) is type(outcome)
        if isinstance(outcome, SurvivalOutcome) and isinstance(again, SurvivalOutcome):
            assert again.days == pytest.approx(outcome.days, abs=1e-12)
            assert again.event.tolist() == outcome.event.tolist()
    assert not found.absent
    assert not found.not_read
    assert not any(column.refused for column in found.columns)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_a_byte_order_mark_make_no_difference(
    tmp_path: Path, separator: str, mark: bytes, end: str
) -> None:
    rows = [HEADER.split(","), ["a", "3.8", "male", "1"], ["b", "", "female", "0"]]
    found = read(tmp_path, mark + end.join(separator.join(row) for row in rows).encode())
    assert found.cohort.inputs["albumin"].tolist()[0] == 3.8
    assert list(found.cohort.patient_ids) == ["a", "b"]
    assert found.cohort.inputs["sex"].tolist() == ["male", "female"]


def test_a_name_in_another_case_or_with_blanks_is_the_same_column(tmp_path: Path) -> None:
    found = read(tmp_path, "Albumin , Functional Tumor Volume T0,Objective-Response\n3.8,12,1\n")
    assert set(found.cohort.inputs) == {"albumin", "functional_tumor_volume_t0"}
    assert set(found.cohort.outcomes) == {"objective_response"}


def test_quoted_fields_may_hold_separators_and_lines(tmp_path: Path) -> None:
    found = read(tmp_path, 'albumin,comment,objective_response\n3.8,"a, ""b""\nc",1\n4.0,x,0\n')
    assert found.cohort.inputs["albumin"].tolist() == [3.8, 4.0]
    assert found.not_read == ("comment",)


def test_cells_that_cannot_be_used_are_counted_and_never_shown(tmp_path: Path) -> None:
    text = f"{HEADER}\n1,99,male,1\n2,Miller,x,maybe\n3,NA,female,\n4,3.8,male,0\n"
    found = read(tmp_path, text)
    assert report(found, "albumin") == (1, 1, {"OUT_OF_RANGE": 1, "NOT_A_NUMBER": 1})
    assert report(found, "sex") == (3, 0, {"UNKNOWN_CATEGORY": 1})
    assert report(found, "objective_response") == (2, 1, {"UNKNOWN_OUTCOME": 1})
    assert "Miller" not in str(found.to_json())
    assert np.isnan(found.cohort.inputs["albumin"][:3]).all()


@pytest.mark.parametrize(
    ("days", "event", "expected", "refused"),
    [
        ("100", "1", (100.0, 1), {}),
        ("100.5", "0", (100.5, 0), {}),
        ("100", "1.0", (100.0, 1), {}),
        ("0", "1", None, {"days": "NO_TIME_AFTER_TIME_ZERO"}),
        ("-1", "1", None, {"days": "BEFORE_TIME_ZERO", "event": "EVENT_WITHOUT_DAYS"}),
        ("", "1", None, {"event": "EVENT_WITHOUT_DAYS"}),
        ("100", "", None, {"days": "DAYS_WITHOUT_EVENT"}),
        ("100", "2", None, {"days": "DAYS_WITHOUT_EVENT", "event": "UNKNOWN_OUTCOME"}),
        ("100", "-1", None, {"days": "DAYS_WITHOUT_EVENT", "event": "UNKNOWN_OUTCOME"}),
        ("2024-05-01", "1", None, {"days": "NOT_A_NUMBER", "event": "EVENT_WITHOUT_DAYS"}),
        ("99999", "1", None, {"days": "OUT_OF_RANGE", "event": "EVENT_WITHOUT_DAYS"}),
        ("", "", None, {}),
    ],
)
def test_a_time_needs_days_and_an_event(
    tmp_path: Path, days: str, event: str, expected: tuple[float, int] | None, refused: dict[str, str]
) -> None:
    found = read(tmp_path, f"overall_survival_days,overall_survival_event\n{days},{event}\n7,0\n")
    outcome = found.cohort.outcomes["overall_survival"]
    assert isinstance(outcome, SurvivalOutcome)
    assert outcome.known().tolist() == [expected is not None, True]
    if expected is not None:
        assert (outcome.days[0], outcome.event[0]) == expected
    for part in ("days", "event"):
        assert report(found, f"overall_survival_{part}")[2] == ({refused[part]: 1} if part in refused else {})


def test_the_event_free_day_is_kept_where_it_precedes_the_event(tmp_path: Path) -> None:
    text = "progression_days,progression_event,progression_event_free_days\n90,1,60\n90,2,120\n90,1,\n"
    outcome = read(tmp_path, text).cohort.outcomes["progression"]
    assert isinstance(outcome, SurvivalOutcome)
    assert outcome.event_free_days.tolist() == [60, 90, 90]
    assert outcome.event.tolist() == [1, 2, 1]


def test_an_endpoint_with_half_of_its_columns_is_not_read_and_said_to_be_absent(tmp_path: Path) -> None:
    found = read(tmp_path, "albumin,overall_survival_days\n3.8,100\n")
    assert not found.cohort.outcomes
    assert "overall_survival_event" in found.absent


def test_rows_of_one_patient_share_its_id_and_rows_without_one_stand_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "patient_id,albumin\n007,3.8\n007,3.9\n,4.0\nrow 4,4.1\n,4.2\n")
    assert list(found.cohort.patient_ids) == ["007", "007", "row 3", "row 4", "row 5"]
    without = read(tmp_path, "albumin\n3.8\n3.9\n")
    assert list(without.cohort.patient_ids) == ["row 1", "row 2"]


def test_subgroups_are_columns_that_nothing_else_reads_or_inputs(tmp_path: Path) -> None:
    text = "albumin,sex,site\n3.0,male,A\n3.5,female,B\n4.0,,NA\n"
    labels = read(tmp_path, text, subgroups=["site", "sex", "albumin"]).cohort.subgroups
    assert labels["site"].tolist() == ["A", "B", None]
    assert labels["sex"].tolist() == ["male", "female", None]
    assert len(set(labels["albumin"])) == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"albumin\n", "no rows"),
        (b"first,second\n1,2\n", "none of the expected"),
        (b"patient_id\na\n", "none of the model's"),
        (b"albumin,albumin\n3.8,3.9\n", "same name"),
        (b"albumin,Albumin\n3.8,3.9\n", "same name"),
        (b"albumin,x,x\n3.8,1,2\n", "same name"),
        (b"albumin,sex\n3.8\n", "Row 1"),
        (b"albumin,sex\n3.8,male\n3.8,male,1\n", "Row 2"),
        (b'albumin,sex\n3.8,"male\n', "quotation"),
        (b"albumin\n3.8\n\xff\n", "UTF-8"),
        ("albumin\n3,8\n".encode("utf-16"), "UTF-16"),
        (b"albumin\n3.8\0\n", "NUL"),
        (b"PK\x03\x04albumin", "workbook"),
        (b"\xd0\xcf\x11\xe0albumin", "workbook"),
        (b"albumin\n" + b"9" * 20_000 + b"\n", "too long"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read(tmp_path, content)


def test_a_table_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    text = "albumin\n" + "3.8\n" * 11
    with pytest.raises(PayloadTooLarge, match="10 rows"):
        read(tmp_path, text, limits=Limits(rows=10))
    with pytest.raises(PayloadTooLarge):
        read(tmp_path, text, limits=Limits(bytes=20))
    with pytest.raises(PayloadTooLarge, match="columns"):
        read(tmp_path, "albumin,a,b\n1,2,3\n", limits=Limits(columns=2))


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InvalidInput):
            read_table(file, SCHEMA)


def test_a_subgroup_that_is_not_there_or_has_too_many_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="subgroups"):
        read(tmp_path, "albumin\n3.8\n", subgroups=["site"])
    rows = "".join(f"3.8,{i}\n" for i in range(60))
    with pytest.raises(InvalidInput, match="different values"):
        read(tmp_path, f"albumin,site\n{rows}", subgroups=["site"])


NAMES = st.sampled_from([*SCHEMA.features, *SCHEMA.outcome_names(), "patient_id", "site", "", "Albumin"])
CELLS = st.one_of(st.sampled_from(["", "NA", "1", "0", "3.8", "male", "-5", "1e308", '"', "=1+1", "\x00"]), st.text())


def looked_at(file: Path) -> None:
    try:
        found = read_table(file, SCHEMA)
    except (InvalidInput, PayloadTooLarge):
        return
    rows = len(found.cohort)
    assert len(found.cohort.patient_ids) == rows
    for column in found.columns:
        assert column.known + column.missing + sum(column.refused.values()) == rows
        assert column.known >= 0
    for outcome in found.cohort.outcomes.values():
        assert len(outcome.known()) == rows
        if isinstance(outcome, BinaryOutcome):
            assert set(np.unique(outcome.value[outcome.known()])) <= {0.0, 1.0}
        if isinstance(outcome, SurvivalOutcome):
            known = outcome.known()
            assert (outcome.days[known] > 0).all()
            assert (outcome.event_free_days[known] <= outcome.days[known]).all()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "any.csv"
    for start in (b"", b"albumin,overall_survival_days,overall_survival_event\n"):
        file.write_bytes(start + content)
        looked_at(file)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=6), rows=st.lists(st.lists(CELLS, max_size=6), max_size=6))
def test_any_cells_are_a_table_or_refused(tmp_path: Path, names: list[str], rows: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(names)
    writer.writerows((row + [""] * len(names))[: len(names)] for row in rows)
    file = tmp_path / "any.csv"
    file.write_bytes(stream.getvalue().encode("utf-8", "surrogatepass"))
    looked_at(file)
