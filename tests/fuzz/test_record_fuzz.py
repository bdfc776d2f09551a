"""Damaged FHIR records, and that the fuzz test would see a reader that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from fuzz.record_checks import check
from fuzz.record_fuzz import fuzz, make
from support.records import bundle, observation, patient
from support.rich_record import NAME, NOTE, bundle_of, entry_of, lines_of, rich_bundle, rich_resources
from tumorcast_clinical.model import extract_features
from tumorcast_core.errors import MalformedFhir
from tumorcast_core.snapshot import Extraction, Issue, Severity

LONG_S = 60.0


def test_damaged_records_are_read_or_refused():
    report = fuzz(400, seed=11)
    assert not report.broken, "\n".join(report.lines())
    assert report.records == 400
    assert len(report.codes) > 25


@pytest.mark.slow
def test_many_damaged_records_are_read_or_refused():
    report = fuzz(1_000_000, seed=12, within_s=LONG_S)
    assert not report.broken, "\n".join(report.lines())
    assert report.records > 500
    assert len(report.codes) > 45


def test_a_number_always_gives_the_same_record():
    assert all(make(1, number) == make(1, number) for number in range(50))


@pytest.mark.parametrize(
    "record",
    [
        rich_bundle(),
        lines_of(rich_resources()),
        [bundle_of([entry_of(resource)]) for resource in rich_resources()],
        json.dumps(observation()).encode(),
        json.dumps(patient()).encode(),
    ],
    ids=["bundle", "lines", "pages", "observation", "patient"],
)
def test_a_sound_record_passes(record):
    assert check(record)[1] == []


def raising(*_: object, **__: object) -> Extraction:
    raise KeyError("subject")


def refusing(*_: object, **__: object) -> Extraction:
    raise MalformedFhir(f"Of {NAME} nothing can be read.")


def changed(change: Callable[[Extraction], Extraction]) -> Callable[..., Extraction]:
    return lambda *args, **more: change(extract_features(*args, **more))


def with_issue(message: str) -> Callable[[Extraction], Extraction]:
    said = Issue(Severity.ERROR, "WRONG", message, "Bundle.entry[0]")
    return lambda found: replace(found, issues=(*found.issues, said))


def first_as(**what: object) -> Callable[[Extraction], Extraction]:
    return lambda found: replace(found, features=(replace(found.features[0], **what), *found.features[1:]))


def forgetful() -> Callable[..., Extraction]:
    """Reads another patient's age each time."""
    ages = iter(range(20, 90))
    return changed(lambda found: first_as(value=float(next(ages)))(found))


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (raising, "raised KeyError"),
        (refusing, "leaks Quibble_worth"),
        (changed(lambda found: replace(found, features=())), "gives neither a feature nor an issue"),
        (changed(lambda found: replace(found, issues=())), "gives neither a feature nor an issue"),
        (changed(with_issue(f"Observation/o1 says {NOTE}.")), "WRONG leaks told_in confidence"),
        (changed(with_issue("Observation/o1 has 12.7319 g/dL.")), "WRONG leaks 7319"),
        (changed(with_issue("")), "an issue says nothing"),
        (changed(first_as(effective="2026-04")), "dated after the index date"),
        (changed(first_as(value=float("nan"))), "must"),
        (changed(first_as(unit="furlong")), "must be given in"),
        (changed(first_as(sources=())), "has no source"),
        (forgetful(), "in the opposite order of entries others are Feature"),
        (changed(first_as(source="Observation/stranger")), "is of another patient and is used"),
        (changed(first_as(source="Observation/future")), "is dated after the index date and is used"),
    ],
)
def test_a_reader_that_fails_is_seen(read, told):
    assert any(told in line for line in check(rich_bundle(), read=read)[1])


def test_of_two_copies_one_must_be_told():
    twice = bundle(observation(), observation())
    assert check(twice)[1] == []
    silent = changed(lambda found: replace(found, issues=()))
    assert check(twice, read=silent)[1] == ["2 resources are Observation/o1, and nothing is said"]
