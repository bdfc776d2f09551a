"""How often one may ask, and what a guesser is told."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import InvalidToken, PermissionDenied, RateLimited, Unauthenticated
from tumorcast_gateway.auth.guard import Guard, challenge
from tumorcast_gateway.auth.rates import Rates, digest, network_of
from tumorcast_gateway.model.caller import ANYONE, Caller
from tumorcast_gateway.settings import Settings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_calls_may_come_at_once_and_then_as_they_fill_up_again() -> None:
    clock = Clock()
    rates = Rates(60, clock=clock)
    for _ in range(60):
        rates.take("a")
    with pytest.raises(RateLimited) as caught:
        rates.take("a")
    assert caught.value.retry_after_s == 1
    rates.take("b")
    clock.now += 1
    rates.take("a")
    with pytest.raises(RateLimited):
        rates.take("a")
    clock.now += 3600
    for _ in range(60):
        rates.take("a")


def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = Clock()
    rates = Rates(1, clock=clock)
    rates.take("a")
    with pytest.raises(RateLimited) as caught:
        rates.take("a")
    assert caught.value.retry_after_s == 60
    clock.now += caught.value.retry_after_s
    rates.take("a")


@given(st.integers(1, 500), st.lists(st.floats(0, 10), max_size=300))
def test_in_no_minute_pass_more_than_twice_the_limit_and_none_below_it_is_refused(limit, waits) -> None:
    clock = Clock()
    rates = Rates(limit, clock=clock)
    passed = []
    for wait in waits:
        clock.now += wait
        recent = [at for at in passed if at > clock.now - 60]
        try:
            rates.take("a")
            passed.append(clock.now)
        except RateLimited:
            assert len(recent) >= limit
    for at in passed:
        assert sum(at <= other < at + 60 for other in passed) <= 2 * limit


def test_memory_is_bounded_however_many_ask() -> None:
    rates = Rates(10, most_keys=100)
    for i in range(10_000):
        rates.take(str(i))
    assert len(rates) == 100


def test_a_key_says_nothing_of_whose_it_is() -> None:
    assert "Jane" not in digest("subject", "Jane")
    assert digest("a", "bc") != digest("ab", "c")


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_customer_counts_as_one(peer, network) -> None:
    assert network_of(peer) == network


class Fixed:
    """Knows one token."""

    async def caller(self, authorization):
        if authorization == "good":
            return Caller("user-1", "app", "https://login.example.org")
        if authorization == "nobody":
            return ANYONE
        raise InvalidToken if authorization else Unauthenticated


def guard(**settings: object) -> Guard:
    return Guard(Fixed(), Settings(**settings))  # type: ignore[arg-type]


def outcomes(guarded: Guard, authorization: str | None, peer: str, times: int) -> list[str]:
    found = []
    for _ in range(times):
        try:
            asyncio.run(guarded.admit(authorization, peer))
            found.append("in")
        except (Unauthenticated, RateLimited) as e:
            found.append(e.reason)
    return found


def test_guessing_is_slowed_down_for_its_address_alone_and_locks_out_nobody_who_has_credentials() -> None:
    guarded = guard(failures_per_minute=3)
    assert outcomes(guarded, "bad", "192.0.2.1", 5) == ["INVALID_TOKEN"] * 3 + ["RATE_LIMITED"] * 2
    assert outcomes(guarded, None, "192.0.2.1", 1) == ["RATE_LIMITED"]
    assert outcomes(guarded, "bad", "192.0.2.2", 1) == ["INVALID_TOKEN"]
    assert outcomes(guarded, "good", "192.0.2.1", 1) == ["in"]


def test_refusals_are_logged_as_often_as_they_are_told_and_visits_without_a_token_are_not(caplog) -> None:
    guarded = guard(failures_per_minute=3)
    outcomes(guarded, None, "192.0.2.9", 1)
    assert caplog.records == []
    outcomes(guarded, "bad", "192.0.2.1", 20)
    assert [record.getMessage() for record in caplog.records] == [
        "credentials refused: INVALID_TOKEN, The token is not valid."
    ] * 3


def test_a_caller_is_counted_by_who_it_is_not_where_it_is() -> None:
    guarded = guard(rate_per_minute=2)
    assert outcomes(guarded, "good", "192.0.2.1", 1) == ["in"]
    assert outcomes(guarded, "good", "192.0.2.2", 2) == ["in", "RATE_LIMITED"]


def test_the_anonymous_are_counted_by_address_unless_they_are_on_this_machine() -> None:
    guarded = guard(rate_per_minute=1)
    assert outcomes(guarded, "nobody", "127.0.0.1", 5) == ["in"] * 5
    assert outcomes(guarded, "nobody", "192.0.2.1", 2) == ["in", "RATE_LIMITED"]
    assert outcomes(guarded, "nobody", "192.0.2.2", 1) == ["in"]


def test_a_refusal_says_how_to_come_in_and_no_more() -> None:
    assert challenge(Unauthenticated()) == 'Bearer realm="tumorcast"'
    assert 'error="invalid_token"' in challenge(InvalidToken())
    assert 'error="insufficient_scope"' in challenge(PermissionDenied())
    assert challenge(RateLimited()) == ""
