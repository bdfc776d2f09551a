"""A deadline is handed on as what is left of it."""

import math

import pytest

from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded


def test_no_deadline_has_no_timeout() -> None:
    assert Deadline().timeout_s is None
    assert math.isinf(Deadline().reserve(1).at_s)


def test_a_passed_deadline_is_told_and_never_negative() -> None:
    passed = Deadline.after(-1)
    assert passed.timeout_s == 0
    with pytest.raises(DeadlineExceeded):
        passed.check()


def test_a_reserve_is_at_most_its_fraction_of_what_is_left() -> None:
    deadline = Deadline.after(10)
    assert deadline.reserve(1).left_s == pytest.approx(9, abs=0.1)
    assert deadline.reserve(100).left_s == pytest.approx(8, abs=0.1)
