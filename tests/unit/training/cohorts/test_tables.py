"""What every cohort reader shares: files, ids, folds, and values that fit no catalog entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput
from tumorcast_training.cohorts import breast_ispy2, glioma_ucsf_pdgm, hcc_sysucc, immunotherapy_chowell
from tumorcast_training.cohorts.base import NO_FOLD, Cohort
from tumorcast_training.cohorts.tables import Reading, bands, common, read_folds, read_ids, read_table

READERS = [breast_ispy2.read, glioma_ucsf_pdgm.read, hcc_sysucc.read, immunotherapy_chowell.read]


def _folds(folder: Path, *lines: str) -> Path:
    text = "\n".join(["patient_id,repeat_0,repeat_1,repeat_2,repeat_3", *lines])
    (folder / "folds.csv").write_text(text, encoding="utf-8")
    return folder


def _reading(**columns: list[str | None]) -> Reading:
    return Reading(pd.DataFrame(columns, dtype=object))


@pytest.mark.parametrize("read", READERS)
def test_a_folder_that_is_not_there_is_refused_without_its_path(read: Callable[[Path], Cohort], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path / "nowhere")
    assert str(tmp_path) not in raised.value.message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"', b"other\n1\n", b"a,b\n"])
def test_a_file_that_is_no_table_of_the_columns_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(InvalidInput):
        read_table(tmp_path, "table.csv", ["a", "b"])


def test_the_columns_that_are_missing_are_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="b, c"):
        read_table(tmp_path, "table.csv", ["a", "b", "c"])


def test_a_row_without_a_patient_is_refused() -> None:
    with pytest.raises(InvalidInput):
        read_ids(pd.DataFrame({"ID": ["1", None]}), "ID", "table.csv")


def test_rows_of_one_patient_share_their_folds_and_unlisted_patients_have_none(tmp_path: Path) -> None:
    folds = read_folds(_folds(tmp_path, "P1,0,1,2,3", "P2,4,3,2,1"), np.array(["P2", "P1", "P2", "P9"], dtype=object))
    assert folds.tolist() == [[4, 3, 2, 1], [0, 1, 2, 3], [4, 3, 2, 1], [NO_FOLD] * 4]


@pytest.mark.parametrize("line", ["P1,0,1,2,3\nP1,0,1,2,3", "P1,0,1,,3", "P1,0,1,x,3", "P1,0,1,-1,3", "P1,0,1,0.5,3"])
def test_folds_that_are_no_whole_numbers_of_one_line_a_patient_are_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        read_folds(_folds(tmp_path, line), np.array(["P1"], dtype=object))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3.8", 3.8), ("0.4", None), ("7.5", None), ("38", None), ("inf", None), ("low", None), ("", None), (None, None)],
)
def test_a_number_outside_the_catalogs_range_is_missing(text: str | None, expected: float | None) -> None:
    reading = _reading(Albumin=[text])
    value = reading.number("albumin", "Albumin")[0]
    assert np.isnan(value) if expected is None else value == expected
    assert len(reading.notes) == (expected is None)


def test_a_fraction_of_a_whole_number_is_missing() -> None:
    assert np.isnan(_reading(n=["2.5"]).number("lesion_count", "n")[0])


def test_numbers_are_converted_before_their_range_is_checked() -> None:
    assert _reading(d=["3.5"]).number("mri_longest_diameter", "d", factor=10.0)[0] == 35.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", "absent"), ("1", "present"), ("1.0", "present"), ("2", None), ("4", None), ("0.5", None), ("", None)],
)
def test_a_flag_other_than_0_and_1_is_missing(text: str, expected: str | None) -> None:
    assert _reading(f=[text]).flag("new_lesion", "f").tolist() == [expected]


def test_notes_count_what_was_missing_and_what_was_left_out() -> None:
    reading = _reading(f=["0", "2", "4", None])
    reading.flag("new_lesion", "f")
    assert reading.notes == ["f: missing in 1 rows", "f: 2 values that fit no range or category left out"]


@pytest.mark.parametrize(("days", "event"), [("0", "1"), ("-3", "0"), ("", "1"), ("5", ""), ("5", "2")])
def test_a_time_that_is_no_time_after_the_landmark_is_unknown(days: str, event: str) -> None:
    outcome = _reading(days=[days, "10"], event=[event, "1"]).survival("days", "event")
    assert outcome.known().tolist() == [False, True]


def test_months_become_days_of_a_year_of_365_25() -> None:
    assert _reading(m=["12"], e=["1"]).survival("m", "e", 30.4375).days.tolist() == [365.25]


def test_rare_labels_become_other() -> None:
    assert common(np.array(["a", "a", "b", None], dtype=object), 2).tolist() == ["a", "a", "other", None]


@given(st.lists(st.floats(0, 120), min_size=2), st.sampled_from([(50.0,), (50.0, 65.0), (40.0, 50.0, 60.0)]))
def test_bands_keep_the_order_of_values(ages: list[float], edges: tuple[float, ...]) -> None:
    ordered = bands(np.sort(np.array(ages)), edges).tolist()
    assert all(ordered.index(label) + ordered.count(label) > i for i, label in enumerate(ordered))
    assert len(set(ordered)) <= len(edges) + 1
