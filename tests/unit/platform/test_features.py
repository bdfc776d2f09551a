"""Files of features that the caller already has."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tumorcast_core.errors import ImplausibleValue, InvalidInput, UnknownFeature
from tumorcast_core.snapshot import Feature
from tumorcast_platform.inputs.features import read_features


def features(tmp_path: Path, name: str, content: str | bytes) -> list[Feature]:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_features(file))


def test_csv_and_both_forms_of_json_say_the_same(tmp_path: Path) -> None:
    csv = features(tmp_path, "f.csv", "\ufeffname,value\nalbumin,3.9\nkras_mutation,present\n")
    pairs = features(tmp_path, "f.json", '{"albumin": 3.9, "kras_mutation": "present"}')
    rows = '[{"name": "albumin", "value": 3.9, "unit": "g/dL"}, {"name": "kras_mutation", "value": "present"}]'
    assert csv == pairs == features(tmp_path, "f.json", rows)
    assert [(f.name, f.value, f.unit, f.source) for f in csv] == [
        ("albumin", 3.9, "g/dL", "caller"),
        ("kras_mutation", "present", "", "caller"),
    ]


def test_date_and_timepoint_are_kept(tmp_path: Path) -> None:
    text = "name,value,effective,timepoint\ntumor_volume,12.5,2026-03-04,baseline\n"
    (feature,) = features(tmp_path, "f.csv", text)
    assert (feature.effective, feature.timepoint) == ("2026-03-04", "baseline")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("name,value\nalbumin,1000\n", ImplausibleValue),
        ("name,value,unit\nalbumin,3.9,g/L\n", ImplausibleValue),
        ("name,value\nalbumin,high\n", InvalidInput),
        ("name,value\nalbumin,nan\n", ImplausibleValue),
        ("name,value\nkras_mutation,maybe\n", ImplausibleValue),
        ("name,value\nshoe_size,44\n", UnknownFeature),
        ("name,value,color\nalbumin,3.9,red\n", InvalidInput),
        ("name\nalbumin\n", InvalidInput),
        ("name,value\nalbumin,3.9,extra\n", InvalidInput),
    ],
)
def test_a_bad_row_is_named_without_its_value(tmp_path: Path, content: str, error: type[InvalidInput]) -> None:
    with pytest.raises(error, match="Feature 1 of the features file") as raised:
        features(tmp_path, "f.csv", content)
    assert not {"1000", "high", "maybe", "shoe", "red"} & set(raised.value.message.replace(",", " ").split())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200) | st.from_regex(r'[\[\]{}",:0-9a-z\n]{0,80}').map(str.encode), csv=st.booleans())
def test_any_bytes_are_read_or_refused_with_a_reason(tmp_path: Path, content: bytes, csv: bool) -> None:
    with suppress(InvalidInput):
        assert all(isinstance(f, Feature) for f in features(tmp_path, "f.csv" if csv else "f.json", content))
