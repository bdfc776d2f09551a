"""Errors are complete: each is told on every wire, unpickles, and has a sentence to show."""

import pickle

import grpc
import pytest

from tumorcast_core import errors
from tumorcast_core.status import TABLE, wire_status

ALL = sorted(errors.all_errors(), key=lambda e: e.__name__)


def test_the_tree_in_the_docstring_names_every_error_once() -> None:
    drawn = [line.split("──")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "──" in line]
    assert sorted(drawn) == [e.__name__ for e in ALL]


def test_reason_codes_are_unique_and_upper_snake_case() -> None:
    reasons = [e.reason for e in ALL]
    assert len(set(reasons)) == len(reasons)
    assert all(r.replace("_", "").isalpha() and r.isupper() for r in reasons)


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_a_status_on_every_wire(error: type[errors.TumorcastError]) -> None:
    status = wire_status(error)
    assert status.grpc_code is not grpc.StatusCode.OK
    assert 400 <= status.http_status < 600
    assert status.fhir_issue


@pytest.mark.parametrize("error", ALL)
def test_every_error_survives_pickling_with_its_message(error: type[errors.TumorcastError]) -> None:
    for original in (error(), error("Told differently.")):
        copy = pickle.loads(pickle.dumps(original))
        assert type(copy) is error
        assert copy.message == str(copy) == original.message


@pytest.mark.parametrize("error", ALL)
def test_every_error_is_found_by_its_reason(error: type[errors.TumorcastError]) -> None:
    assert errors.by_reason(error.reason) is error


def test_the_status_table_names_only_errors_of_the_tree() -> None:
    assert set(TABLE) <= set(ALL)
