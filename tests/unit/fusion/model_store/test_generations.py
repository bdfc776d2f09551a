"""Records of a model store: whatever stands there is read as a record or refused, and nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import ModelRef
from tumorcast_fusion.model.generation import MAX_RECORD_BYTES, Generation, read_generation, version_name

SHA256 = "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "format": 1,
    "number": 7,
    "model": "glioma",
    "active": "1.1.0-0123456789ab",
    "active_sha256": SHA256,
    "previous": "shipped",
    "by": "ops@example.org",
    "at": "2026-11-22T18:40:00+00:00",
    "reason": "better",
    "evidence": {"scored": 412, "endpoints": {"os": {"mean_difference": None}}},
}


def written(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def test_a_record_comes_back_as_it_was_written() -> None:
    record = read_generation(written(), "glioma", 7)
    assert record.active == "1.1.0-0123456789ab"
    assert read_generation(record.written(), "glioma", 7) == record


def test_what_a_later_version_may_add_is_read_over() -> None:
    assert read_generation(written(approved_by="board"), "glioma", 7).number == 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        written()[:-20],
        b'{"number": ' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
        written(format=2),
        written(number="7"),
        written(number=7.5),
        written(number=0),
        written(number=8),
        written(model="sarcoma"),
        written(model="../glioma"),
        written(active=""),
        written(active=None),
        written(active="1.1.0"),
        written(active="../1.1.0-0123456789ab"),
        written(active="1.1.0-0123456789ab/x"),
        written(active="1.1.0-0123456789ab\n"),
        written(active_sha256=""),
        written(active_sha256="f" * 64),
        written(active="shipped"),
        written(shadow="1.2.0-ffffffffffff"),
        written(shadow=["1.2.0-ffffffffffff"]),
        written(reason="x" * 3_000),
        written(evidence=[]),
        written(evidence={"x": "y" * MAX_RECORD_BYTES}),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_generation(content, "glioma", 7)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "shadow", "shadow_sha256"]), json_values, max_size=4))
def test_values_of_any_type_give_a_record_or_a_refusal(changes: dict[str, Any]) -> None:
    try:
        record = read_generation(written(**changes), "glioma", 7)
    except InvalidInput:
        return
    assert isinstance(record, Generation)
    assert (record.model, record.number) == ("glioma", 7)


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_damaged_bytes_give_a_record_or_a_refusal(noise: bytes, start: int, stop: int) -> None:
    content = written()
    try:
        read_generation(content[:start] + noise + content[stop:], "glioma", 7)
    except InvalidInput:
        return


@pytest.mark.parametrize("version", ["", "1.0/..", "1 0", "x" * 65, "-1", "1.0\n"])
def test_a_version_that_cannot_be_part_of_a_name_is_refused(version: str) -> None:
    with pytest.raises(InvalidInput):
        version_name(ModelRef("glioma", version, SHA256))
