"""Domain → protobuf → bytes → protobuf → domain gives the same again."""

import dataclasses
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.full_prognosis import FULL, SUMMARY
from support.prognoses import prognoses, summaries
from tumorcast.common.v1 import prognosis_pb2 as pp
from tumorcast.common.v1 import snapshot_pb2 as sp
from tumorcast.fusion.v1 import fusion_service_pb2 as fp
from tumorcast_core import prognosis as p
from tumorcast_core import snapshot as s
from tumorcast_core import wire
from tumorcast_core.errors import MalformedRequest

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
number = st.floats(allow_nan=False, allow_infinity=False)
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


@given(prognoses)
@example(FULL)
@settings(deadline=None)
def test_a_prognosis_comes_back_the_same(original: p.Prognosis) -> None:
    sent = pp.Prognosis.FromString(wire.prognosis_to(original).SerializeToString())
    assert plain(wire.prognosis_from(sent)) == plain(original)


@given(summaries)
@example(SUMMARY)
@settings(deadline=None)
def test_the_description_of_a_model_comes_back_the_same(original: p.ModelSummary) -> None:
    sent = fp.ModelSummary.FromString(wire.model_summary_to(original).SerializeToString())
    assert plain(wire.model_summary_from(sent)) == plain(original)


@pytest.mark.parametrize("kind", p.EndpointKind)
def test_the_example_has_an_estimate_of_every_kind(kind: p.EndpointKind) -> None:
    (found,) = {type(e.estimate) for e in FULL.endpoints if e.kind is kind and e.estimate}
    assert found in get_args(p.Estimate)


NOT_IN_THE_EXAMPLES = {"Prognosis.simulated", "ModelSummary.simulated", "Issue.location"}


@pytest.mark.parametrize("sent", [wire.prognosis_to(FULL), wire.model_summary_to(SUMMARY)], ids=["prognosis", "model"])
def test_no_field_of_the_messages_is_forgotten(sent: Any) -> None:
    assert fields_of(sent.DESCRIPTOR) - fields_sent(sent) <= NOT_IN_THE_EXAMPLES


def fields_of(descriptor: Any) -> set[str]:
    """Message and name of all fields of a message and of the messages inside it."""
    inner = (fields_of(field.message_type) for field in descriptor.fields if field.message_type)
    return {f"{descriptor.name}.{field.name}" for field in descriptor.fields}.union(*inner)


def fields_sent(message: Any) -> set[str]:
    """Message and name of all fields that are set in a message and in those inside it."""
    found: set[str] = set()
    for field, value in message.ListFields():
        found.add(f"{message.DESCRIPTOR.name}.{field.name}")
        if field.message_type:
            found |= set().union(*map(fields_sent, value if field.is_repeated else [value]))
    return found


@pytest.mark.parametrize("end", ["plausible_low", "training_high"])
def test_a_range_with_one_end_is_refused(end: str) -> None:
    message = wire.model_summary_to(SUMMARY)
    setattr(message.inputs[2], end, 1.0)
    with pytest.raises(MalformedRequest):
        wire.model_summary_from(message)


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
