"""The circuit breaker: opens after so many broken calls in a row, lets one find out, closes on any answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.telemetry import metrics
from tumorcast_gateway.adapters.breaker import Breaker, State


class Clock:
    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


def opened(clock: Clock) -> Breaker:
    breaker = Breaker("notes", failures=3, open_s=2.0, now=clock)
    for _ in range(3):
        assert breaker.enter() is False
        breaker.broke()
    return breaker


def shown(service: str) -> dict[str, float]:
    return {
        state: metrics.REGISTRY.get_sample_value("tumorcast_breaker_state", {"backend": service, "state": state}) or 0
        for state in metrics.BREAKER_STATES
    }


def test_it_opens_after_so_many_broken_calls_in_a_row_and_fails_at_once() -> None:
    clock = Clock()
    before = metrics.REGISTRY.get_sample_value("tumorcast_breaker_opened_total", {"backend": "notes"}) or 0
    breaker = opened(clock)
    assert breaker.state is State.OPEN
    with pytest.raises(ServiceUnavailable, match="notes") as raised:
        breaker.enter()
    assert raised.value.retry_after_s == 2.0
    assert shown("notes") == {"closed": 0, "half_open": 0, "open": 1}
    assert metrics.REGISTRY.get_sample_value("tumorcast_breaker_opened_total", {"backend": "notes"}) == before + 1


def test_one_answer_in_between_starts_the_count_again() -> None:
    breaker = Breaker("notes", failures=3)
    for _ in range(5):
        breaker.broke()
        breaker.broke()
        breaker.answered()
    assert breaker.state is State.CLOSED


def test_after_its_time_one_call_finds_out_and_the_others_are_turned_away() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.at_s += 2.0
    assert breaker.enter() is True
    assert breaker.state is State.HALF_OPEN
    with pytest.raises(ServiceUnavailable):
        breaker.enter()
    breaker.answered()
    assert breaker.enter() is False


def test_a_service_that_is_still_away_is_left_alone_for_the_same_time_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.at_s += 2.0
    breaker.enter()
    breaker.broke()
    clock.at_s += 1.9
    with pytest.raises(ServiceUnavailable):
        breaker.enter()
    clock.at_s += 0.1
    assert breaker.enter() is True


def test_where_the_finder_hangs_up_the_next_call_finds_out() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.at_s += 2.0
    breaker.enter()
    breaker.left()
    assert breaker.enter() is True


@given(st.lists(st.sampled_from(["broke", "answered", "left", "wait", "enter"]), max_size=60))
def test_at_most_one_call_finds_out_at_a_time_and_none_passes_while_open(events: list[str]) -> None:
    clock = Clock()
    breaker = Breaker("notes", failures=2, open_s=1.0, now=clock)
    for event in events:
        before = breaker.state
        if event == "wait":
            clock.at_s += 0.6
        elif event == "enter":
            try:
                finds_out = breaker.enter()
            except ServiceUnavailable:
                assert before is not State.CLOSED
            else:
                assert finds_out is (before is State.OPEN)
                assert before is not State.HALF_OPEN
        else:
            getattr(breaker, event)()
        assert sum(shown("notes").values()) == 1
