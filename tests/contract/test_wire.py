"""Domain → protobuf → bytes → protobuf → domain gives the same again."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast_core import prognosis as p
from tumorcast_core import snapshot as s
from tumorcast_core import wire
from tumorcast_core.errors import MalformedRequest

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
unit_interval = st.floats(0, 1)
coding = st.builds(s.Coding, text, text, text)
feature = st.builds(
    s.Feature, text, number | text | st.none(), text, coding | st.none(), *[text] * 5, st.lists(text).map(tuple), text
)
vector = st.lists(st.floats(-1e4, 1e4, width=16), min_size=1, max_size=6)
embedding = st.builds(
    lambda v, half, m: s.Embedding("e@1/bf16", np.array(v, np.float16 if half else np.float32), m, "baseline"),
    vector,
    st.booleans(),
    st.sampled_from(s.Modality),
)
issue = st.builds(s.Issue, st.sampled_from(s.Severity), *[text] * 5)
snapshot = st.builds(
    s.PatientSnapshot,
    text,
    text,
    st.lists(feature, max_size=3).map(tuple),
    st.lists(embedding, max_size=2).map(tuple),
    st.lists(issue, max_size=2).map(tuple),
    st.lists(st.builds(s.Timepoint, *[text] * 4), max_size=2).map(tuple),
    st.lists(st.builds(s.PlannedTherapy, coding | st.none(), text, text), max_size=2).map(tuple),
)
interval = st.builds(p.Interval, unit_interval, unit_interval | st.just(float("inf")), unit_interval)
probability = st.builds(
    p.ProbabilityEstimate, unit_interval, interval, st.lists(text).map(tuple), unit_interval, unit_interval | st.none()
)
survival = st.builds(
    p.SurvivalEstimate,
    st.lists(st.builds(p.SurvivalPoint, number, unit_interval, interval), max_size=2).map(tuple),
    number | st.none(),
    interval | st.none(),
    unit_interval | st.none(),
)
reason = st.builds(p.Reason, text, text)
endpoint = st.builds(
    p.Endpoint,
    text,
    st.sampled_from(p.EndpointKind),
    st.sampled_from(p.EndpointStatus),
    st.lists(reason, max_size=1).map(tuple),
    probability | survival | st.none(),
)
input_use = st.builds(
    p.InputUse,
    st.sampled_from(s.Modality),
    text,
    st.sampled_from(p.InputStatus),
    reason | st.none(),
    st.lists(st.builds(p.Contribution, text, number, number), max_size=2).map(tuple),
)
prognosis = st.builds(
    p.Prognosis,
    text,
    st.builds(p.ModelRef, text, text, text),
    text,
    st.lists(endpoint, max_size=2).map(tuple),
    st.lists(input_use, max_size=2).map(tuple),
    st.lists(issue, max_size=1).map(tuple),
    text,
    st.booleans(),
)


def plain(value: Any) -> Any:
    """Compare by content, arrays included."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tolist()
    if dataclasses.is_dataclass(value):
        return type(value).__name__, *(plain(getattr(value, f.name)) for f in dataclasses.fields(value))
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


@given(snapshot)
def test_a_snapshot_comes_back_the_same(original: s.PatientSnapshot) -> None:
    sent = sp.PatientSnapshot.FromString(wire.snapshot_to(original).SerializeToString())
    assert plain(wire.snapshot_from(sent)) == plain(original)


@given(prognosis)
def test_a_prognosis_comes_back_the_same(original: p.Prognosis) -> None:
    sent = pp.Prognosis.FromString(wire.prognosis_to(original).SerializeToString())
    assert plain(wire.prognosis_from(sent)) == plain(original)


def good_embedding(**changes: Any) -> sp.Embedding:
    made = wire.embedding_to(s.Embedding("e@1/bf16", np.ones(4, np.float32), s.Modality.IMAGING))
    made.MergeFrom(sp.Embedding(**changes))
    return made


@pytest.mark.parametrize(
    "broken",
    [
        sp.Embedding(embedding_space="e", data=b"123", data_type=sp.DATA_TYPE_FLOAT32, shape=[1]),
        sp.Embedding(embedding_space="e", data=b"1234", shape=[1]),
        good_embedding(shape=[2]),
        good_embedding(data=np.full(4, np.nan, "<f4").tobytes()),
        sp.Embedding(embedding_space="e", data=b"1234", data_type=sp.DATA_TYPE_FLOAT32, shape=[1]),
    ],
    ids=["length", "no type", "shape", "nan", "no modality"],
)
def test_an_embedding_that_does_not_fit_itself_is_refused(broken: sp.Embedding) -> None:
    with pytest.raises(MalformedRequest):
        wire.embedding_from(broken)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(MalformedRequest):
        wire.feature_from(sp.Feature(name="albumin", number=value))


def test_every_domain_enum_value_has_its_message_value() -> None:
    for modality in s.Modality:
        assert wire.modality_from(wire.modality_to(modality)) == modality
    for kind in p.EndpointKind:
        assert wire.endpoint_kind_from(wire.endpoint_kind_to(kind)) == kind


def test_an_enum_value_of_a_later_proto_is_refused_not_crashed_on() -> None:
    later = sp.Embedding.FromString(good_embedding().SerializeToString())
    later.modality = 99
    with pytest.raises(MalformedRequest):
        wire.embedding_from(later)
