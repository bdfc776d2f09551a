"""A snapshot survives anything: mutated, cut, saved, read again; and keeps nothing that it should not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.recordings import FOLDER, NAMES, recording
from tumorcast_core.errors import InvalidInput
from tumorcast_platform.cluster.diagnosis import diagnose
from tumorcast_platform.cluster.log_filter import MOST_LINES, WIDEST, filtered
from tumorcast_platform.cluster.ray_states import ray_service_states
from tumorcast_platform.cluster.snapshot import FORMAT, ReleaseSnapshot, pruned
from tumorcast_platform.cluster.states import service_states
from tumorcast_platform.cluster.waiting import hopeless_findings, pending_parts
from tumorcast_platform.render import as_text
from tumorcast_platform.render.platform_diagnosis import diagnosis_document, diagnosis_page
from tumorcast_platform.render.platform_status import status_page

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=12),
    st.lists(st.one_of(st.none(), st.text(max_size=4), st.dictionaries(st.text(max_size=4), st.none(), max_size=2)),
             max_size=3),
    st.dictionaries(st.text(max_size=6), st.one_of(st.none(), st.integers(), st.text(max_size=4)), max_size=3),
)  # fmt: skip


def look_at(snapshot: ReleaseSnapshot) -> None:
    """Everything that reads a snapshot."""
    service_states(snapshot)
    ray_service_states(snapshot)
    diagnosis = diagnose(snapshot)
    json.dumps(diagnosis_document(diagnosis))
    as_text([*status_page(snapshot), *diagnosis_page(snapshot, diagnosis)])
    pending_parts(snapshot)
    hopeless_findings(snapshot)


def _somewhere(value: Any, draw: Any) -> tuple[Any, Any]:
    """A container somewhere within, and one of its keys."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = draw(st.sampled_from(keys))
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 6)) == 0:
            return value, key
        value = inner


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_whatever_is_changed_or_missing_in_a_snapshot_nothing_raises(data: st.DataObject, name: str) -> None:
    snapshot = recording(name)
    for _ in range(data.draw(st.integers(1, 12))):
        kind = data.draw(st.sampled_from(sorted(snapshot.objects)))
        if not snapshot.objects[kind]:
            continue
        container, key = _somewhere(snapshot.objects[kind], data.draw)
        if data.draw(st.booleans()):
            container[key] = data.draw(JUNK)
        else:
            del container[key]
    look_at(snapshot)


@settings(max_examples=80, deadline=None)
@given(document=st.recursive(JUNK, lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=9))
def test_whatever_stands_in_a_recording_it_is_read_or_refused(document: Any) -> None:
    for content in (document, {"format": FORMAT, "objects": document, "logs": document, "unread": document}):
        try:
            snapshot = ReleaseSnapshot.from_json(content)
        except InvalidInput:
            continue
        look_at(snapshot)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_that_is_saved_and_read_is_the_same(name: str, tmp_path: Path) -> None:
    snapshot = recording(name)
    snapshot.save(tmp_path / "again.json")
    assert ReleaseSnapshot.load(tmp_path / "again.json") == snapshot
    assert (tmp_path / "again.json").read_bytes() == (FOLDER / f"{name}.json").read_bytes()


def test_a_recording_without_objects_can_be_saved(tmp_path: Path) -> None:
    empty = ReleaseSnapshot("ward", "tumorcast", "2026-01-01T00:00:00Z", objects={"Pod": []})
    empty.save(tmp_path / "empty.json")
    assert ReleaseSnapshot.load(tmp_path / "empty.json") == empty


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "other/1"}', "[" * 100_000, "\x00"])
def test_a_file_that_is_no_recording_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(InvalidInput):
        ReleaseSnapshot.load(tmp_path / "file")


def test_a_recording_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        recording("healthy").save(tmp_path / "no-such-folder" / "file.json")


def test_values_of_variables_arguments_and_data_are_not_kept() -> None:
    item = {
        "kind": "Pod",
        "metadata": {"name": "p", "managedFields": [1], "annotations": {"a": "b", **_last_applied()}},
        "data": {"x": "secret"},
        "spec": {
            "serveConfigV2": "applications: [{name: a, args: {password: x}, deployments: [{num_replicas: 2}]}]",
            "containers": [
                {"env": [{"name": "N", "value": "secret"}, {"name": "R", "valueFrom": {"secretKeyRef": {}}}]}
            ],
        },
    }
    before = copy.deepcopy(item)
    kept = pruned(item)
    assert item == before
    assert "secret" not in json.dumps(kept).replace("secretKeyRef", "")
    assert "password" not in json.dumps(kept)
    assert kept["spec"]["containers"][0]["env"] == [{"name": "N"}, {"name": "R", "valueFrom": {"secretKeyRef": {}}}]
    assert "num_replicas: 2" in kept["spec"]["serveConfigV2"]
    assert kept["metadata"] == {"name": "p", "annotations": {"a": "b"}}


def _last_applied() -> dict[str, str]:
    return {"kubectl.kubernetes.io/last-applied-configuration": "secret"}


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer <token>"),
        ("token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig here", "token=<hidden> here"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig", "jwt <token>"),
        ("postgresql+asyncpg://tumor:hunter2@db:5432/records", "postgresql+asyncpg://<hidden>@db:5432/records"),
        ('{"password": "a b", "user": "x"}', '{"password": <hidden>, "user": "x"}'),
        ("study 1.2.840.113619.2.55.3.604688119 refused", "study <uid> refused"),
        ("born 1957-03-04, seen 19570304", "born <date>, seen <date>"),
        ("2026-11-20T03:11:00Z started", "2026-11-20T03:11:00Z started"),
        ("GET /v1/patients/4711/prognoses?x=1", "GET /v1/patients/<id>/prognoses?x=1"),
        ("mail anna.b@example.org", "mail <address>"),
        ("MRN 00123456", "MRN <number>"),
        ("PatientName=DOE^JANE", "PatientName=<hidden>"),
        ("\x1b[31merror\x1b[0m at 10.40.1.9:50052", "error at 10.40.1.9:50052"),
        ("Python 3.11.7, ray 2.60.0, port 50059", "Python 3.11.7, ray 2.60.0, port 50059"),
    ],
)
def test_what_of_a_log_line_is_kept(line: str, kept: str) -> None:
    assert filtered(line) == (kept,)


@given(st.text(max_size=3000))
def test_a_filtered_log_is_short_and_printable(log: str) -> None:
    lines = filtered(log)
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= WIDEST and line.isprintable() for line in lines)
