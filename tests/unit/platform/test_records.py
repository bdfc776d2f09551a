"""Where ``--fhir`` leads: a file, or a patient on a server."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput, MalformedFhir
from tumorcast_core.query import FhirPatient
from tumorcast_platform import cli
from tumorcast_platform.inputs import fhir_patient
from tumorcast_platform.inputs.records import read_record

_segment = st.text(st.sampled_from("abcXYZ019.-_~"), min_size=1, max_size=8)


@given(
    st.sampled_from(["http", "https"]),
    st.lists(_segment, max_size=3),
    st.from_regex(r"[A-Za-z0-9-]{1,64}", fullmatch=True),
    st.sampled_from(["", "/"]),
)
def test_a_patients_url_is_taken_apart_into_base_and_id(scheme: str, path: list[str], id_: str, end: str) -> None:
    base = "/".join([f"{scheme}://ehr.example.org:8443", *path])
    found = fhir_patient(f"{base}/Patient/{id_}{end}")
    assert (found.base_url, found.patient_id) == (base, id_)


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org/fhir",
        "https://ehr.example.org/fhir/Patient",
        "https://ehr.example.org/fhir/Patient/",
        "https://ehr.example.org/fhir/Patient/17/$everything",
        "https://ehr.example.org/fhir/Patient/17?_format=json",
        "https://ehr.example.org/fhir?next=/Patient/17",
        "https://ehr.example.org/fhir/patient/17",
        "https://me:secret@ehr.example.org/fhir/Patient/17",
        "https:///Patient/17",
        "ftp://ehr.example.org/Patient/17",
        "file:///home/Patient/17",
        "://Patient/17",
    ],
)
def test_any_other_url_is_one_clear_line_that_does_not_repeat_it(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput):
        fhir_patient(url)
    for more in ([], ["--server", "http://127.0.0.1:1"]):
        assert cli.run(["predict", "--model", "simulated", "--fhir", url, *more]) == 1
        said = capsys.readouterr().err
        assert said.startswith("INVALID_INPUT: The FHIR URL must be")
        assert said.count("\n") == 1
        assert url not in said


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        assert cli.run(["predict", "--model", "simulated", "--fhir", str(path)]) == 2
        assert "There is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--server", "http://127.0.0.1:1"], []])
def test_credentials_that_nothing_would_use_are_wrong_usage(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "record.json").write_text("{}")
    source = "https://ehr.example.org/fhir/Patient/17" if more else str(tmp_path / "record.json")
    arguments = ["--fhir", source, "--smart-client-id", "tumorcast", *more]
    assert cli.run(["predict", "--model", "simulated", *arguments]) == 2
    assert "Credentials are for" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["record.ndjson", "record.NDJSON", "record.jsonl"])
def test_ndjson_is_read_as_it_is_but_for_blanks_and_mark_at_its_ends(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b'\xef\xbb\xbf{"n": 1.00}\r\n\n{"n": 1.00}\n')
    assert read_record(tmp_path / name) == b'{"n": 1.00}\r\n\n{"n": 1.00}'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.ndjson", b"\xff\n"),
        ("record.ndjson", b"\n \n"),
        ("record.json", b'{"n": 1}\n{"n": 2}'),
        ("record.json", b"[]"),
        ("record.json", b""),
    ],
)
def test_a_file_that_cannot_be_a_record_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MalformedFhir):
        read_record(tmp_path / name)


def test_nothing_of_the_patient_is_printed() -> None:
    assert "MRN-4711" not in repr(fhir_patient("https://ehr.example.org/fhir/Patient/MRN-4711"))
    assert isinstance(fhir_patient("https://ehr.example.org/fhir/Patient/17"), FhirPatient)
